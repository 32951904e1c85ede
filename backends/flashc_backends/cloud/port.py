"""Define what a deployment needs of a platform, whatever the platform's API looks like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from .model import (
    Answer,
    App,
    Build,
    Crew,
    DeviceKind,
    Endpoint,
    Environment,
    Jobs,
    LogLine,
    Manifest,
    Rollout,
    Secret,
    Settings,
    Volume,
    Worker,
)


class Uploading(Protocol):
    """A listener that gets the number of bytes that were sent since its last call."""

    def advance(self, amount: int = 0) -> None:
        """Say that `amount` more bytes are sent."""
        ...


class Cloud(Protocol):
    """The operations of a platform.

    Each raises `CloudError` if the platform can't be reached or refuses.  Deleting what does not
    exist is no error.  An operation that creates something is sent once; every other operation is
    repeated by the client if that may help.
    """

    def account(self) -> str:
        """Return the id of the account of the key; fails if the key is wrong."""
        ...

    def now(self) -> float | None:
        """Return the time of the platform in seconds since the epoch, as its last answer told it; None if none has."""
        ...

    # Apps and environments

    def apps(self) -> tuple[App, ...]:
        """Return all apps."""
        ...

    def app(self, name: str) -> App | None:
        """Return the app with a name; None if there is none."""
        ...

    def create_app(self, name: str) -> App:
        """Create an app."""
        ...

    def delete_app(self, app: str) -> None:
        """Delete an app by its id; its environments must be deleted before."""
        ...

    def create_environment(self, app: str, name: str) -> Environment:
        """Create an environment of an app."""
        ...

    def delete_environment(self, environment: str) -> None:
        """Delete an environment by its id; its endpoints must be deleted before."""
        ...

    # Builds

    def manifest(self, build: str) -> Manifest:
        """Return the manifest of a build; {} if it has none."""
        ...

    def upload(self, app: str, artifact: Path, uploading: Uploading) -> str:
        """Upload an artifact and return its object key, with which `create_build` makes a build."""
        ...

    def create_build(self, app: str, object_key: str, manifest: Manifest) -> Build:
        """Create a build from an uploaded artifact."""
        ...

    def set_manifest(self, build: str, manifest: Manifest) -> None:
        """Replace the manifest of a build."""
        ...

    def activate(self, environment: str, build: str) -> None:
        """Let new workers of an environment run a build."""
        ...

    # Endpoints

    def endpoints(self, environment: str) -> tuple[Endpoint, ...]:
        """Return the endpoints of an environment, which is given by its id."""
        ...

    def create_endpoint(self, environment: str, name: str, settings: Settings) -> Endpoint:
        """Create an endpoint of an environment; the volumes of its settings must exist."""
        ...

    def change_endpoint(self, environment: str, before: Endpoint, settings: Settings) -> Endpoint:
        """Give an endpoint other settings, with the fewest requests; neither kind nor hardware family can change."""
        ...

    def delete_endpoint(self, endpoint: str) -> None:
        """Delete an endpoint by its id."""
        ...

    def url(self, endpoint: Endpoint) -> str:
        """Return the URL to which clients of an endpoint send requests, without a slash at its end."""
        ...

    # What endpoints use

    def volumes(self) -> tuple[Volume, ...]:
        """Return the network volumes of the account."""
        ...

    def create_volume(self, name: str, size: int, data_center: str) -> Volume:
        """Create a network volume; `size` in GB."""
        ...

    def secrets(self) -> tuple[Secret, ...]:
        """Return the secrets of the account, without their values."""
        ...

    def create_secret(self, name: str, value: str, description: str) -> Secret:
        """Create a secret; `{{ RUNPOD_SECRET_name }}` in a variable refers to it."""
        ...

    def delete_secret(self, secret: str) -> None:
        """Delete a secret by its id."""
        ...

    def stock(self, kind: DeviceKind, count: int) -> Mapping[str, frozenset[str]]:
        """Return the data centres that can start workers now, by GPU model or CPU family.

        `count` is the number of GPUs or vCPUs per worker.  What the platform does not tell is left
        out.
        """
        ...

    # Workers

    def rollout(self, endpoint: str) -> Rollout:
        """Return how far the newest release of an endpoint has come."""
        ...

    def workers(self, endpoint: str) -> tuple[Worker, ...]:
        """Return the workers of an endpoint."""
        ...

    def jobs(self, endpoint: str) -> Jobs:
        """Return how many jobs a queue endpoint has, by its id."""
        ...

    def crew(self, endpoint: str) -> Crew:
        """Return how many workers an endpoint has; other than `workers`, the queue tells this."""
        ...

    def call(
        self, endpoint: Endpoint, method: str, path: str, body: Any = None, *, seconds: float
    ) -> Answer:
        """Send a request to an endpoint as its clients do, once; return the answer whatever its status is.

        `path` follows the URL of the endpoint; `body` is JSON data, None for no body.  `seconds` is
        the longest silence.
        """
        ...

    def log(self, endpoint: str, worker: str, *, follow: bool) -> Iterator[LogLine]:
        """Yield the lines of a worker; with `follow`, wait for more lines until the worker ends."""
        ...
