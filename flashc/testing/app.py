"""Define the base class by which tests call the endpoints of an app, whether it runs or is in the test's process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx

from flashc_backends.runtime import wire
from flashc_backends.runtime.platform import Location
from flashc_ir.program import Program

from .conversations import iterate, iterate_async, run, run_async, stream_job
from .recorded_requests import forwarded
from .targets import Targets

SECONDS = 300.0
Target = str | Callable[..., Any]


def forwarding_arguments(request: httpx.Request, location: Location) -> dict[str, Any]:
    """Return the arguments for `httpx.Client.request` that forward a request to an endpoint's location.

    They contain the credentials of that location.
    """
    arguments = forwarded(request)
    arguments["headers"] = [*arguments["headers"], *{**location.headers, **location.host}.items()]
    return {**arguments, "url": location.web + request.url.raw_path.decode()}


class App(ABC):
    """An app under test.

    A target is the name of an endpoint, `ENDPOINT.METHOD`, or the function or method itself, which the test has
    imported.  With a name, arguments and results are JSON data.  With a function, they are converted by its annotations,
    as between two endpoints.
    """

    def __init__(self, program: Program) -> None:
        self.targets = Targets(program)
        self._opened: httpx.Client | None = None

    @property
    def endpoints(self) -> list[str]:
        """The names of the endpoints that run code of the project."""
        return self.targets.names

    # Calls ----------------------------------------------------------------------------------------

    def call(self, target: Target, /, *args: Any, **kwargs: Any) -> Any:
        """Call an endpoint with a queue and return the result.

        Raises:
            RemoteError: the call failed; it is also an instance of the remote exception's class if the test's process
                has that class, and its cause shows the remote traceback.
            UnknownTarget: the app has no such endpoint.
            TypeError: the arguments do not fit the function.
        """
        job = self.targets.job_of(target, args, kwargs)
        return job.load(self.run_job(job.resource, job.function, job.given))

    def run_job(self, resource: str, function: str, given: Any) -> Any:
        """Run a job with this input and return its output; `function` is a name for messages.

        Raises:
            RemoteError: the job failed.
        """
        conversation = wire.run_job(self._location(resource), resource, function, given)
        return run(conversation, self._client())

    async def call_async(self, target: Target, /, *args: Any, **kwargs: Any) -> Any:
        """Call an endpoint with a queue on the running event loop, and return the result; see `call`."""
        job = self.targets.job_of(target, args, kwargs)
        location = self._location(job.resource)
        conversation = wire.run_job(location, job.resource, job.function, job.given)
        async with self._open_async() as client:
            return job.load(await run_async(conversation, client))

    def stream(self, target: Target, /, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Call a generator's endpoint, and yield the items as they come; see `call`."""
        job = self.targets.job_of(target, args, kwargs)
        location = self._location(job.resource)
        conversation = stream_job(location, job.resource, job.function, job.given)
        for item in iterate(conversation, self._client()):
            yield job.load(item)

    async def stream_async(
        self, target: Target, /, *args: Any, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """Call an endpoint whose function is a generator, on the running event loop; yield the items as they come.  See `call`."""
        job = self.targets.job_of(target, args, kwargs)
        location = self._location(job.resource)
        conversation = stream_job(location, job.resource, job.function, job.given)
        async with self._open_async() as client:
            async for item in iterate_async(conversation, client):
                yield job.load(item)

    # Routes ---------------------------------------------------------------------------------------

    def request(self, endpoint: str, method: str, path: str, /, **options: Any) -> httpx.Response:
        """Send a request to a load-balanced endpoint; `options` are those of `httpx.Client.request`."""
        return self._client().request(**self._route(endpoint, method, path, options))

    async def request_async(
        self, endpoint: str, method: str, path: str, /, **options: Any
    ) -> httpx.Response:
        """Send a request to a load-balanced endpoint on the running event loop; see `request`."""
        async with self._open_async() as client:
            return await client.request(**self._route(endpoint, method, path, options))

    def send_on(self, resource: str, request: httpx.Request) -> httpx.Response:
        """Send the same request to an endpoint of this app."""
        return self._client().request(**forwarding_arguments(request, self._location(resource)))

    def _route(
        self, endpoint: str, method: str, path: str, options: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the arguments of httpx for a request to a route.

        Raises:
            UnknownTarget: the app has no such endpoint.
            ValueError: the path does not begin with a slash.
        """
        if not path.startswith("/"):
            raise ValueError(f"the path of a route begins with a slash: {path!r}")
        location = self._location(self.targets.find(endpoint).resource)
        headers = httpx.Headers(location.headers)
        headers.update(options.pop("headers", None))
        return {"method": method, "url": location.web + path, "headers": headers, **options}

    # What apps differ in --------------------------------------------------------------------------

    @abstractmethod
    def _location(self, resource: str) -> Location:
        """Return where an endpoint is."""

    @abstractmethod
    def _open(self) -> httpx.Client:
        """Return a new client."""

    @abstractmethod
    def _open_async(self) -> httpx.AsyncClient:
        """Return a new client for the running event loop."""

    def _client(self) -> httpx.Client:
        """Return the client that blocking calls share."""
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def close_client(self) -> None:
        """Close the connections of blocking calls."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None
