"""Describe what a platform holds: apps, environments, builds, endpoints, volumes, secrets, workers.

`Settings` is the part of an endpoint that a program decides.  A deployment compares the settings
that a program wants with those that the platform has.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Any, Literal

from msgspec import Struct


@unique
class Kind(StrEnum):
    """How clients reach an endpoint: by jobs in a queue, or by HTTP through a load balancer."""

    QUEUE = "QB"
    BALANCED = "LB"


class VolumeName(Struct, frozen=True, order=True, kw_only=True):
    """A network volume as a program names it: by its id, or by its name and its data centre."""

    name: str
    data_center: str = ""

    def __str__(self) -> str:
        return f"{self.name} in {self.data_center}" if self.data_center else self.name


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that a program says about an endpoint.

    Attributes:
        kind: how clients reach it.
        image: the container image of its workers.
        disk_gb: the container disk of a worker in GB.
        start_command: the arguments of the container (`dockerArgs`), "" for those of the image.
        registry: the id of the credentials of a private registry, "" for none.
        environment: the variables of a worker; a secret is a reference, never its value.
        workers_min: the number of workers that are always kept.
        workers_max: the largest number of workers.
        idle_timeout: seconds after which an idle worker ends.
        scaler: the rule by which the platform adds workers, and its value.
        timeout_ms: the longest time of a job in ms, 0 for the platform's default.
        flashboot: whether workers start from a snapshot.
        gpus: pools and excluded models in the spelling of the API; () for a CPU endpoint.
        gpu_count: GPUs per worker, 0 for a CPU endpoint.
        min_cuda: the lowest CUDA version of the machine, "" for any.
        instances: CPU instance types; () for a GPU endpoint.
        data_centers: where workers may run; () for anywhere.
        volumes: the network volumes of its workers.
    """

    kind: Kind
    image: str
    disk_gb: int
    start_command: str = ""
    registry: str = ""
    environment: dict[str, str] = {}
    workers_min: int = 0
    workers_max: int = 1
    idle_timeout: int = 60
    scaler: tuple[Literal["QUEUE_DELAY", "REQUEST_COUNT"], int] = ("QUEUE_DELAY", 4)
    timeout_ms: int = 0
    flashboot: bool = True
    gpus: tuple[str, ...] = ()
    gpu_count: int = 0
    min_cuda: str = ""
    instances: tuple[str, ...] = ()
    data_centers: tuple[str, ...] = ()
    volumes: tuple[VolumeName, ...] = ()


class Endpoint(Struct, frozen=True, kw_only=True):
    """An endpoint that the platform has; `template` is the id of its template, "" if it has none."""

    id: str
    name: str
    settings: Settings
    template: str = ""


class Environment(Struct, frozen=True, kw_only=True):
    """An environment of an app; `build` is the id of the build that its workers run, "" for none."""

    id: str
    name: str
    build: str = ""
    created: str = ""


class Build(Struct, frozen=True, kw_only=True):
    """An uploaded artifact; `created` is a time in ISO 8601."""

    id: str
    object_key: str = ""
    created: str = ""


class App(Struct, frozen=True, kw_only=True):
    """An app with its environments and builds, the newest build first."""

    id: str
    name: str
    environments: tuple[Environment, ...] = ()
    builds: tuple[Build, ...] = ()

    def environment(self, name: str) -> Environment | None:
        """Return the environment with a name; None if there is none."""
        return next((found for found in self.environments if found.name == name), None)


class Volume(Struct, frozen=True, kw_only=True):
    """A network volume; `size` in GB."""

    id: str
    name: str
    size: int
    data_center: str


class Secret(Struct, frozen=True, kw_only=True):
    """A secret of the account, without its value; `created` is a time in ISO 8601."""

    id: str
    name: str
    description: str = ""
    created: str = ""


DeviceKind = Literal["gpus", "cpus"]
WorkerState = Literal["RUNNING", "IDLE", "INITIALIZING", "THROTTLED", "UNHEALTHY"]


class Worker(Struct, frozen=True, kw_only=True):
    """A worker of an endpoint; `is_stale`: it runs an older release."""

    id: str
    state: WorkerState
    is_stale: bool = False
    started: str = ""


class Rollout(Struct, frozen=True, kw_only=True):
    """How many workers of an endpoint run its newest release; `version` counts its changes."""

    version: int
    in_progress: bool
    on_latest: int
    total: int

    @property
    def is_done(self) -> bool:
        """Whether every worker runs the newest release."""
        return not self.in_progress and self.on_latest == self.total


class Jobs(Struct, frozen=True, kw_only=True):
    """How many jobs a queue endpoint has, by what happens to them, and how many have ended."""

    queued: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    retried: int = 0

    @property
    def error_rate(self) -> float | None:
        """The part of the jobs that have failed, of those that have ended; None if none has."""
        ended = self.completed + self.failed
        return self.failed / ended if ended else None


class Crew(Struct, frozen=True, kw_only=True):
    """How many workers an endpoint has, by what they do, as its queue tells."""

    idle: int = 0
    running: int = 0
    starting: int = 0


class Answer(Struct, frozen=True, kw_only=True):
    """What an endpoint answers to a request of a client.

    `body` is JSON data, or a text if the answer is not JSON.  `worker` is the id of the worker that
    answered, "" if the platform does not tell.
    """

    status: int
    body: Any = None
    worker: str = ""


class LogLine(Struct, frozen=True, kw_only=True):
    """A line that a worker printed; `at` is a time in ISO 8601, `source` the stream."""

    at: str
    source: str
    text: str


Manifest = Mapping[str, Any]
"""A build's manifest as JSON; tools other than flashc may have written it."""
