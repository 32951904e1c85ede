"""Provide the client (`run`, `status`, ...) of endpoints that run no code of this app.

They are prebuilt images, and endpoints that exist already and are known by their id.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

from . import platform, trace
from .errors import RemoteError, RemoteTimeout, failure
from .exchange import Conversation, Pause, Reply, Send, Unreachable, run_async

_DONE = frozenset({"COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"})


class Client:
    """The methods of `Endpoint(image=...)` and `Endpoint(id=...)`; each of them is awaited."""

    def __init__(self, resource: str | None, endpoint_id: str | None) -> None:
        self._resource = resource
        self._id = endpoint_id

    @property
    def _name(self) -> str:
        """The name of the endpoint for messages: its resource, or its id."""
        return self._resource or self._id or ""

    def _location(self) -> Conversation:
        """Find the URLs of the endpoint."""
        if self._id is None:
            return (yield from platform.locate(self._resource or ""))
        return platform.by_id(self._id)

    async def run(self, input: Any, *, webhook: str | None = None) -> EndpointJob:
        """Submit a job and return without waiting for it."""
        body = {"input": input, **({"webhook": webhook} if webhook else {})}
        data = await run_async(self._call("POST", "run", body, 60.0))
        return EndpointJob(data, self)

    async def runsync(self, input: Any, *, timeout: float = 60.0) -> EndpointJob:
        """Submit a job and wait until it has ended, or until the platform answers without a result.

        The platform answers after some time although the job has not ended.
        """
        data = await run_async(self._call("POST", "runsync", {"input": input}, timeout))
        return EndpointJob(data, self)

    async def status(self, job_id: str) -> EndpointJob:
        """Return the present state of a job."""
        return EndpointJob(await run_async(self._call("GET", f"status/{job_id}", None, 30.0)), self)

    async def cancel(self, job_id: str) -> EndpointJob:
        """Cancel a job."""
        return EndpointJob(
            await run_async(self._call("POST", f"cancel/{job_id}", None, 30.0)), self
        )

    async def request(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        timeout: float = 60.0,
        headers: dict[str, Any] | None = None,
    ) -> Any:
        """Send an HTTP request to the endpoint's own routes, and return the parsed answer."""

        def conversation() -> Conversation:
            location = yield from self._location()
            content = {} if data is None else {"json": data}
            sent = {**location.headers, **trace.timeout_header(timeout), **(headers or {})}
            return (yield from self._send(method, location.web + path, sent, timeout, content))

        return await run_async(conversation())

    def _call(self, method: str, operation: str, body: Any, timeout: float) -> Conversation:
        """Send a request to the endpoint's job API and return the parsed reply."""
        location = yield from self._location()
        content = {} if body is None else {"json": body}
        url = f"{location.jobs}/{operation}"
        return (yield from self._send(method, url, location.headers, timeout, content))

    def _send(
        self,
        method: str,
        url: str,
        headers: dict[str, Any],
        timeout: float,
        content: dict[str, Any],
    ) -> Generator[Send | Pause, Any, Any]:
        """Send a request and return the parsed reply.

        Raises:
            RemoteError: there is no reply, or the reply is an error.
        """
        try:
            reply: Reply = yield Send(method, url, headers, timeout, content)
        except Unreachable as error:
            kind = RemoteTimeout if error.timed_out else RemoteError
            raise failure(kind, self._name, method, str(error)) from None
        if reply.status >= 400:
            text = f"{self._name!r} answered {reply.status}: {str(reply.body)[:500]}"
            raise failure(RemoteError, self._name, method, text, str(reply.status))
        return reply.body


class EndpointJob:
    """A job on an endpoint; `status`, `wait` and `cancel` bring its data up to date."""

    def __init__(self, data: Any, client: Client) -> None:
        self._data: dict[str, Any] = data if isinstance(data, dict) else {"output": data}
        self._client = client

    @property
    def id(self) -> str:
        """The job's id."""
        return str(self._data.get("id", ""))

    @property
    def output(self) -> Any:
        """What the job returned; None if it has not ended."""
        return self._data.get("output")

    @property
    def error(self) -> Any:
        """The platform's record of the failure; None if the job has not failed."""
        return self._data.get("error")

    @property
    def done(self) -> bool:
        """Whether the job had ended when its status was last read."""
        return self._data.get("status") in _DONE

    async def status(self) -> str:
        """Ask the platform for the job's status and return it, such as "IN_PROGRESS"."""
        self._data = (await self._client.status(self.id))._data
        return str(self._data.get("status", "UNKNOWN"))

    async def cancel(self) -> EndpointJob:
        """Ask the platform to cancel the job."""
        self._data.update((await self._client.cancel(self.id))._data)
        return self

    async def wait(self, timeout: float | None = None) -> EndpointJob:
        """Wait for the end of the job, at most `timeout` seconds.

        Raises:
            TimeoutError: the job has not ended by then.
        """
        import asyncio

        deadline = None if timeout is None else time.monotonic() + timeout
        pause = 0.25
        while not self.done:
            if deadline is not None and time.monotonic() + pause > deadline:
                raise TimeoutError(f"job {self.id} has not ended within {timeout} s")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 5.0)
            await self.status()
        return self

    def __repr__(self) -> str:
        return f"EndpointJob(id={self.id!r}, status={self._data.get('status')!r})"
