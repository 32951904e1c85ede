"""Provide the client (`run`, `status`, ...) of endpoints that run no code of this app.

They are prebuilt images, and endpoints that exist already and are known by their id.  The methods are
for blocking and for async callers: async code awaits them, other code gets their results at once
(`waiting.py`).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

from . import exchange, platform, trace, waiting
from .errors import RemoteError, RemoteTimeout
from .exchange import Abandoned, Conversation, Item, Pause, Send, Unreachable, leaves_route
from .failures import failure
from .parts import follow
from .replies import Reply
from .web import is_unknown
from .wire import GRACE_SECONDS, Call, cancel, not_found, refused, strange, wait_of

_DONE = frozenset({"COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"})
_TRANSIENT = frozenset({"", "429", "502", "503", "504"})  # "": there was no reply
_PATIENCE = 5  # consecutive failed questions for the status of a job
_PAUSE, _LONGEST, _GROWTH = 0.25, 5.0, 1.5


class Client:
    """The methods of `Endpoint(image=...)` and `Endpoint(id=...)`."""

    def __init__(self, resource: str | None, endpoint_id: str | None) -> None:
        self._resource = resource
        self._id = endpoint_id

    @property
    def name(self) -> str:
        """The name of the endpoint for messages: its resource, or its id."""
        return self._resource or self._id or ""

    def location(self) -> Conversation:
        """Find the URLs of the endpoint."""
        if self._id is None:
            return (yield from platform.locate(self._resource or ""))
        return platform.by_id(self._id)

    def run(self, input: Any, *, webhook: str | None = None) -> Any:
        """Submit a job and return it as an `EndpointJob`, without waiting for its end."""
        body = {"input": input, **({"webhook": webhook} if webhook else {})}
        return waiting.result_of(*_runners(lambda: self._job("POST", "run", body)))

    def runsync(self, input: Any, *, timeout: float = 60.0) -> Any:
        """Submit a job, wait at most `timeout` seconds for its end, and return it as an `EndpointJob`.

        A job that has not ended by then is returned too, and goes on.
        """
        return waiting.result_of(*_runners(lambda: self._job_in_time(input, timeout)))

    def status(self, job_id: str) -> Any:
        """Return the present state of a job as an `EndpointJob`."""
        return waiting.result_of(*_runners(lambda: self._job("GET", f"status/{job_id}")))

    def cancel(self, job_id: str) -> Any:
        """Cancel a job, and return it as an `EndpointJob`."""
        return waiting.result_of(*_runners(lambda: self._job("POST", f"cancel/{job_id}")))

    def request(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        timeout: float = 60.0,
        headers: dict[str, Any] | None = None,
    ) -> Any:
        """Send an HTTP request to the endpoint's own routes, and return the parsed answer.

        Raises:
            ValueError: the path does not begin with a slash, or has a segment `.` or `..`.
        """
        if not path.startswith("/") or leaves_route(path):
            raise ValueError(f"{path!r} is not the path of a route")

        def conversation() -> Conversation:
            location = yield from self.location()
            content = {} if data is None else {"json": data}
            sent = {**location.headers, **location.host, **trace.timeout_header(timeout)}
            send = Send(
                method=method,
                url=location.web + path,
                headers={**sent, **(headers or {})},
                timeout=timeout,
                content=content,
            )
            reply = yield from self._send(send, location.sentinel)
            return reply.body

        return waiting.result_of(*_runners(conversation))

    def _job(self, method: str, operation: str, body: Any = None) -> Conversation:
        """Send a request about a job, and return the job."""
        return EndpointJob((yield from self.call(method, operation, body)), self)

    def _job_in_time(self, input: Any, timeout: float) -> Conversation:
        """Submit a job and return it when it has ended, or after `timeout` seconds as it is then."""
        deadline = time.monotonic() + timeout
        operation = f"runsync?wait={wait_of(timeout)}"
        data = yield from self.call("POST", operation, {"input": input}, timeout + GRACE_SECONDS)
        job = EndpointJob(data, self)
        try:
            yield from job.progress(deadline)
        except Abandoned:
            location = yield from self.location()
            yield from cancel(location, job.id)
            raise
        return job

    def call(
        self, method: str, operation: str, body: Any = None, timeout: float = 60.0
    ) -> Conversation:
        """Send a request to the endpoint's job API and return the job that the reply describes.

        Raises:
            RemoteError: the reply is an error, or describes no job.
        """
        location = yield from self.location()
        content = {} if body is None else {"json": body}
        url = f"{location.jobs}/{operation}"
        submits = operation.startswith("run")
        send = Send(
            method=method,
            url=url,
            headers=location.headers,
            timeout=timeout,
            content=content,
            is_kept=submits,
        )
        reply = yield from self._send(send, location.sentinel and submits)
        job = reply.body
        if not isinstance(job, dict) or not isinstance(job.get("status", ""), str):
            raise strange(reply, "a job", self.name, operation)
        return job

    def _send(self, send: Send, names_endpoint: bool) -> Generator[Send | Pause | Item, Any, Any]:
        """Send a request and return the reply.

        `names_endpoint`: a reply 404 may mean that the platform does not know the endpoint.

        Raises:
            RemoteError: there is no reply, or the reply is an error.
        """
        try:
            reply: Reply = yield send
        except Unreachable as error:
            kind = RemoteTimeout if error.timed_out else RemoteError
            raise failure(kind, self.name, send.method, str(error)) from None
        if names_endpoint and is_unknown(reply):
            raise not_found(self.name, send.method)
        if not 200 <= reply.status < 300:
            raise refused(reply, self.name, send.method)
        return reply


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

    def status(self) -> Any:
        """Read the job's status from the platform and return it, such as "IN_PROGRESS".

        Async code must await the call.
        """
        return waiting.result_of(*_runners(self._status))

    def cancel(self) -> Any:
        """Ask the platform to cancel the job, and return this object.

        Async code must await the call.
        """
        return waiting.result_of(*_runners(self._cancel))

    def wait(self, timeout: float | None = None) -> Any:
        """Wait until the job has ended, at most `timeout` seconds, and return this object.

        Async code must await the call.

        Raises:
            TimeoutError: the job has not ended by then.
        """
        return waiting.result_of(*_runners(lambda: self._wait(timeout)))

    def stream(self) -> Stream:
        """Return the results of a generator: `for` and `async for` get them as they come."""
        return Stream(self._parts)

    def _status(self) -> Conversation:
        """Read the job's status."""
        self._data = yield from self._client.call("GET", f"status/{self.id}", timeout=30.0)
        return str(self._data.get("status", "UNKNOWN"))

    def _cancel(self) -> Conversation:
        """Cancel the job."""
        self._data.update((yield from self._client.call("POST", f"cancel/{self.id}", timeout=30.0)))
        return self

    def _wait(self, timeout: float | None) -> Conversation:
        """Wait for the end of the job."""
        yield from self.progress(None if timeout is None else time.monotonic() + timeout)
        if not self.done:
            raise TimeoutError(f"job {self.id} has not ended within {timeout} s")
        return self

    def progress(self, deadline: float | None) -> Conversation:
        """Read the job's status until the job has ended or the deadline has passed."""
        pause, patience = _PAUSE, _PATIENCE
        while not self.done:
            left = pause if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return
            yield Pause(min(pause, left))
            pause = min(pause * _GROWTH, _LONGEST)
            try:
                yield from self._status()
                patience = _PATIENCE
            except RemoteError as error:
                patience -= 1
                if error.status not in _TRANSIENT or not patience:
                    raise

    def _parts(self) -> Conversation:
        """Yield the parts of the job's stream."""
        location = yield from self._client.location()
        call = Call(location, self._client.name, "stream")
        self._data, seen = yield from follow(call, self.id)
        if not seen and isinstance(self.output, list):
            for item in self.output:
                yield Item(item)

    def __repr__(self) -> str:
        return f"EndpointJob(id={self.id!r}, status={self._data.get('status')!r})"


class Stream:
    """Results that come one after the other, for `for` and for `async for`."""

    def __init__(self, conversation: Callable[[], Conversation]) -> None:
        self._conversation = conversation

    def __iter__(self) -> Iterator[Any]:
        return exchange.iterate(self._conversation())

    def __aiter__(self) -> AsyncIterator[Any]:
        return exchange.iterate_async(self._conversation())


def _runners(
    conversation: Callable[[], Conversation],
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return two functions that run a conversation: one blocks, the other returns a coroutine."""
    return (
        lambda: exchange.run(conversation()),
        lambda: exchange.run_async(conversation()),
    )
