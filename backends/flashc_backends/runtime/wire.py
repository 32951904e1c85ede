"""Send jobs and HTTP requests to other endpoints; return the result or raise the remote error."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from . import arguments, exchange, platform, trace
from .app import TIMEOUTS
from .errors import EndpointNotFound, RemoteError, RemoteTimeout, failure, remote_failure
from .exchange import Conversation, Pause, Reply, Send, Unreachable

QUEUE_SECONDS = 300.0  # how long a job may wait for a worker, in addition to its own time limit
DEFAULT_SECONDS = 900.0  # the platform's own limit for a job, plus the time in the queue
_SYNC_SECONDS = 100.0  # the platform holds a synchronous request for up to 90 s
_POLL_FIRST, _POLL_LONGEST, _POLL_GROWTH = 0.25, 5.0, 1.5
_POLL_PATIENCE = 5  # consecutive failed status requests before giving up
_WAITING = frozenset({"IN_QUEUE", "IN_PROGRESS", "RUNNING"})
_BUSY = frozenset({429, 502, 503, 504})


@dataclass
class Job:
    """Input for a queue-based endpoint."""

    resource: str
    function: str
    payload: dict[str, Any]

    def conversation(self) -> Conversation:
        """Send the job and return its result."""
        location = yield from platform.locate(self.resource)
        return (yield from run_job(location, self.resource, self.function, self.payload))


@dataclass
class Request:
    """An HTTP request to a route of a load-balanced endpoint."""

    resource: str
    function: str
    method: str
    path: str
    content: dict[str, Any]

    @classmethod
    def build(
        cls,
        resource: str,
        target: Callable[..., Any],
        method: str,
        path: str,
        payload: dict[str, Any],
    ) -> Request:
        """Return the request for a call: arguments are put into the path, the query or the body."""
        name = target.__name__
        body: dict[str, Any] = {}
        for key, value in payload.items():
            marker = next((m for m in ("{%s}" % key, "{%s:path}" % key) if m in path), None)
            if marker is not None:
                path = path.replace(marker, quote(str(value), safe="/" if ":" in marker else ""))
            else:
                body[key] = value
        if method == "GET":
            return cls(resource, name, method, path, {"params": _query(name, body)})
        return cls(resource, name, method, path, _body(name, body))

    def conversation(self) -> Conversation:
        """Send the request and return the result."""
        location = yield from platform.locate(self.resource)
        limit = _limit(self.resource, self.function)
        headers = {
            **location.headers,
            "X-Flashc-Dispatch": "1",
            **trace.timeout_header(limit),
        }
        url = location.web + self.path
        try:
            reply: Reply = yield Send(self.method, url, headers, limit, self.content)
        except Unreachable as error:
            raise _lost(error, self.resource, self.function) from None
        if reply.status >= 400:
            raise _refused(reply, self.resource, self.function)
        return reply.body


def send(message: Job | Request) -> Any:
    """Send a message and wait for the result, blocking."""
    return exchange.run(message.conversation())


async def send_async(message: Job | Request) -> Any:
    """Send a message and wait for the result on the running event loop."""
    return await exchange.run_async(message.conversation())


def _limit(resource: str, function: str) -> float:
    """Return the seconds that a call may take, in the queue and on the worker.

    The call may not take longer than the caller of the running job or request still waits.

    Raises:
        RemoteTimeout: the caller of the running job or request does not wait any more.
    """
    given = os.environ.get("FLASHC_CALL_TIMEOUT", "")
    limit = TIMEOUTS[resource] + QUEUE_SECONDS if resource in TIMEOUTS else DEFAULT_SECONDS
    if given:
        limit = float(given)
    left = trace.left()
    if left is None:
        return limit
    if left <= 0:
        text = f"{function} on {resource!r} is not called: the caller waits no longer"
        raise failure(RemoteTimeout, resource, function, text, "TIMED_OUT")
    return min(limit, left)


# Jobs -------------------------------------------------------------------------------------------


def run_job(
    location: platform.Location, resource: str, function: str, payload: Any
) -> Conversation:
    """Submit a job and wait for its end; return its result."""
    deadline = time.monotonic() + _limit(resource, function)
    body = yield from _submit(location, resource, function, payload, deadline)
    pause = _POLL_FIRST
    patience = _POLL_PATIENCE
    while isinstance(body, dict) and body.get("status") in _WAITING:
        job = body.get("id")
        if time.monotonic() + pause > deadline:
            yield from _cancel(location, job)
            raise failure(
                RemoteTimeout,
                resource,
                function,
                f"{function} on {resource!r} has not finished in time (job {job} was "
                f"{body['status']}, and is cancelled)",
                "TIMED_OUT",
            )
        yield Pause(pause)
        pause = min(pause * _POLL_GROWTH, _POLL_LONGEST)
        answer = yield from _poll(location, job)
        if answer is not None:
            body, patience = answer, _POLL_PATIENCE
            continue
        patience -= 1
        if not patience:
            raise failure(
                RemoteError,
                resource,
                function,
                f"the state of job {job} on {resource!r} is unknown",
            )
    return _result(body, resource, function)


def _submit(
    location: platform.Location, resource: str, function: str, payload: Any, deadline: float
) -> Conversation:
    """Submit a job and return the platform's reply, which is an object with the job's state."""
    url = f"{location.jobs}/runsync"
    pause = _POLL_FIRST
    while True:
        left = max(deadline - time.monotonic(), 0.001)
        timeout = min(_SYNC_SECONDS, left)
        try:
            headers = {**location.headers, **trace.timeout_header(left)}
            reply: Reply = yield Send("POST", url, headers, timeout, {"json": {"input": payload}})
        except Unreachable as error:
            raise _lost(error, resource, function) from None
        if reply.status != 429 or time.monotonic() + pause > deadline:
            break
        yield Pause(pause)  # too many requests: nothing was accepted, so it may be sent again
        pause = min(pause * _POLL_GROWTH, _POLL_LONGEST)
    if reply.status == 404 and location.sentinel:
        raise failure(
            EndpointNotFound,
            resource,
            function,
            f"the app {platform.app()!r} has no endpoint {resource!r} in the environment "
            f"{platform.environment()!r}",
            "404",
        )
    if reply.status >= 400:
        raise _refused(reply, resource, function)
    return reply.body


def _poll(location: platform.Location, job: Any) -> Conversation:
    """Return the job's state; None if the platform could not tell it this time."""
    url = f"{location.jobs}/status/{quote(str(job), safe='')}"
    try:
        reply: Reply = yield Send("GET", url, location.headers, 30.0)
    except Unreachable:
        return None
    if reply.status in _BUSY:
        return None
    if reply.status >= 400:
        return {"status": "LOST", "error": f"the platform has lost job {job} ({reply.status})"}
    return reply.body


def _cancel(location: platform.Location, job: Any) -> Conversation:
    """Cancel a job that the caller does not wait for any more; failures are ignored."""
    url = f"{location.jobs}/cancel/{quote(str(job), safe='')}"
    with contextlib.suppress(Unreachable):  # the caller learns of the timeout, which matters more
        yield Send("POST", url, location.headers, 10.0)


def _result(body: Any, resource: str, function: str) -> Any:
    """Return the output of a job that has ended.

    Raises:
        RemoteError: the job failed.
    """
    if not isinstance(body, dict):
        return body
    status = str(body.get("status", "COMPLETED"))
    if status == "COMPLETED" and not body.get("error"):
        return body.get("output")
    if status == "TIMED_OUT":
        raise failure(
            RemoteTimeout, resource, function, f"the job on {resource!r} took too long", status
        )
    record = body.get("error") or body.get("output") or f"the job on {resource!r} was {status}"
    raise remote_failure(resource, function, record, status)


# Failures ---------------------------------------------------------------------------------------


def _lost(error: Unreachable, resource: str, function: str) -> RemoteError:
    """Return the exception for a request that got no reply."""
    if error.timed_out:
        text = f"{function} on {resource!r} did not answer in time ({error})"
        return failure(RemoteTimeout, resource, function, text)
    text = f"{function} on {resource!r} can't be reached ({error})"
    return failure(RemoteError, resource, function, text)


def _refused(reply: Reply, resource: str, function: str) -> RemoteError:
    """Return the exception for a reply with an HTTP error."""
    status = str(reply.status)
    if isinstance(reply.body, dict) and "error_type" in reply.body:
        return remote_failure(resource, function, reply.body, status)
    detail = reply.body.get("detail", reply.body) if isinstance(reply.body, dict) else reply.body
    text = f"{function} on {resource!r} answered {status}: {str(detail)[:500]}"
    return failure(RemoteError, resource, function, text, status)


# Requests ---------------------------------------------------------------------------------------


def _query(name: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return arguments as the query of a URL.

    Raises:
        TypeError: a value is not text, a number or a list of these.
    """
    query: dict[str, Any] = {}
    for key, value in values.items():
        items = value if isinstance(value, (list, tuple)) else [value]
        for item in items:
            if item is not None and not isinstance(item, (str, int, float, bool)):
                raise TypeError(
                    f"argument {key!r} of {name}() is a {type(item).__name__}; "
                    "a GET route takes text and numbers"
                )
        if value is not None:
            query[key] = list(value) if isinstance(value, (list, tuple)) else value
    return query


def _body(name: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return arguments as JSON, or as a multipart form if some are bytes."""
    if any(isinstance(value, (bytes, bytearray)) for value in values.values()):
        binary = (bytes, bytearray)
        files = {key: bytes(v) for key, v in values.items() if isinstance(v, binary)}
        fields = {key: v for key, v in values.items() if not isinstance(v, binary)}
        return {"files": files, "data": _query(name, fields)}
    models = {key: _plain(value) for key, value in values.items() if _is_model(value)}
    if models:  # then FastAPI's own rules hold: models in the body, plain values in the query
        plain = {key: value for key, value in values.items() if key not in models}
        lone = len(models) == 1
        return {
            "json": next(iter(models.values())) if lone else models,
            "params": _query(name, plain),
        }
    arguments.check_payload(name, values)
    return {"json": values} if values else {}


def _is_model(value: Any) -> bool:
    """Return whether a value is an instance of a pydantic model."""
    return hasattr(value, "model_dump") and not isinstance(value, type)


def _plain(value: Any) -> Any:
    """Return a pydantic model as a dictionary, and other values as they are."""
    return value.model_dump(mode="json") if _is_model(value) else value
