"""Call the endpoints of a deployed app, to record their answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from flashc_backends.cloud.keys import KeyFileError, find_key, key_file
from flashc_backends.runtime import wire
from flashc_backends.runtime.platform import Location, job_api_base, web_of

from .app import SECONDS, forwarding_arguments
from .conversations import run
from .recordings import RecordingError


class DeployedApp:
    """An app that is deployed to an environment of the platform; `environ` may have the API key."""

    def __init__(self, app: str, environment: str, environ: Mapping[str, str]) -> None:
        self._app, self._environment, self._environ = app, environment, environ

    def run_job(self, resource: str, function: str, given: Any) -> Any:
        """Run a job with this input and return its output; `function` is a name for messages.

        Raises:
            RecordingError: there is no API key.
            RemoteError: the job failed.
        """
        with httpx.Client(timeout=SECONDS) as client:
            conversation = wire.run_job(self._location(resource), resource, function, given)
            return run(conversation, client)

    def send_on(self, resource: str, request: httpx.Request) -> httpx.Response:
        """Send the same request to an endpoint of this app.

        Raises:
            RecordingError: there is no API key.
        """
        with httpx.Client(timeout=SECONDS) as client:
            return client.request(**forwarding_arguments(request, self._location(resource)))

    def _location(self, resource: str) -> Location:
        """Return where an endpoint is: the platform's sentinel, which finds endpoints by their names."""
        headers: dict[str, Any] = {
            "Authorization": f"Bearer {self._key()}",
            "X-Flash-App": self._app.encode(),
            "X-Flash-Environment": self._environment.encode(),
            "X-Flash-Endpoint": resource.encode(),
        }
        web, host = web_of("flash")
        return Location(
            jobs=f"{job_api_base()}/flash", web=web, headers=headers, sentinel=True, host=host
        )

    def _key(self) -> str:
        """Return the API key."""
        try:
            key = find_key(self._environ, key_file())
        except KeyFileError as error:
            raise RecordingError(str(error)) from error
        if key is None:
            raise RecordingError("there is no API key: type `flashc login`, or set RUNPOD_API_KEY")
        return key.value
