"""Send jobs to other endpoints; return the result or raise the remote error."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from . import exchange, platform, trace
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


class Message(Protocol):
    """What can be sent to another endpoint: a `Job`, or a `Request` of `web.py`."""

    def conversation(self) -> Conversation:
        """Send the message and return the result."""


def send(message: Message) -> Any:
    """Send a message and wait for the result, blocking."""
    return exchange.run(message.conversation())


async def send_async(message: Message) -> Any:
    """Send a message and wait for the result on the running event loop."""
    return await exchange.run_async(message.conversation())


def limit_of(resource: str, function: str) -> float:
    """Return the seconds that a call may take, in the queue and on the worker.

    The call may not take longer than the caller of the running job or request still waits.

    Raises:
        RemoteTimeout: the caller of the running job or request does not wait any more.
    """
    limit = TIMEOUTS[resource] + QUEUE_SECONDS if resource in TIMEOUTS else DEFAULT_SECONDS
    limit = next(filter(None, map(_seconds, _LIMITS)), limit)
    left = trace.left()
    if left is None:
        return limit
    if left <= 0:
        text = f"{function} on {resource!r} is not called: the caller waits no longer"
        raise failure(RemoteTimeout, resource, function, text, "TIMED_OUT")
    return min(limit, left)


# The second is the one that Flash documents.
_LIMITS = ("FLASHC_CALL_TIMEOUT", "FLASH_SENTINEL_TIMEOUT")


def _seconds(variable: str) -> float | None:
    """Return the number in an environment variable; None if there is none above 0."""
    try:
        seconds = float(os.environ.get(variable, ""))
    except ValueError:
        return None
    return seconds if seconds > 0 else None


# Jobs -------------------------------------------------------------------------------------------


def run_job(
    location: platform.Location, resource: str, function: str, payload: Any
) -> Conversation:
    """Submit a job and wait for its end; return its result."""
    deadline = time.monotonic() + limit_of(resource, function)
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
            raise lost(error, resource, function) from None
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
        raise refused(reply, resource, function)
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


def lost(error: Unreachable, resource: str, function: str) -> RemoteError:
    """Return the exception for a request that got no reply."""
    if error.timed_out:
        text = f"{function} on {resource!r} did not answer in time ({error})"
        return failure(RemoteTimeout, resource, function, text)
    text = f"{function} on {resource!r} can't be reached ({error})"
    return failure(RemoteError, resource, function, text)


def refused(reply: Reply, resource: str, function: str) -> RemoteError:
    """Return the exception for a reply with an HTTP error."""
    status = str(reply.status)
    if isinstance(reply.body, dict) and "error_type" in reply.body:
        return remote_failure(resource, function, reply.body, status)
    detail = reply.body.get("detail", reply.body) if isinstance(reply.body, dict) else reply.body
    text = f"{function} on {resource!r} answered {status}: {str(detail)[:500]}"
    return failure(RemoteError, resource, function, text, status)
