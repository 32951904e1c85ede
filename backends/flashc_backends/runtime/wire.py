"""Submit jobs to other endpoints and wait for their end; return the result or raise the remote error."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from . import platform, trace
from .app import TIMEOUTS
from .errors import EndpointNotFound, RemoteError, RemoteTimeout
from .exchange import Abandoned, Conversation, Pause, Send, Unreachable
from .failures import failure, remote_failure
from .replies import Reply

QUEUE_SECONDS = 300.0  # how long a job may wait for a worker, in addition to its own time limit
DEFAULT_SECONDS = 900.0  # the platform's own limit for a job, plus the time in the queue
# The platform answers the request that submits a job after at most this time.  Without the id in the
# answer, the job can't be cancelled.  The state of a longer job is requested with `status`.
_HELD_SECONDS = 5.0
_SYNC_SECONDS = 100.0  # without `?wait=`, the platform answers after at most 90 seconds
GRACE_SECONDS = 2.0  # how much longer than the platform the client waits for the answer
_POLL_FIRST, _POLL_LONGEST, _POLL_GROWTH = 0.25, 5.0, 1.2
_BACK_OFF = 1.5
_POLL_PATIENCE = 5  # consecutive failed status requests before giving up
_WAITING = frozenset({"IN_QUEUE", "IN_PROGRESS", "RUNNING"})
_BUSY = frozenset({429, 502, 503, 504})


def limit_of(resource: str, function: str) -> float:
    """Return the seconds that a call may take, in the queue and on the worker.

    If this code runs for a caller that waits only some seconds more, the limit is not longer than that.

    Raises:
        RemoteTimeout: the caller of the running job or request does not wait any more.
    """
    limit = TIMEOUTS[resource] + QUEUE_SECONDS if resource in TIMEOUTS else DEFAULT_SECONDS
    limit = next(filter(None, map(_seconds, _LIMITS)), limit)
    left = trace.left()
    if left is None:
        return limit
    if left <= 0:
        text = f"{function} on {resource!r} is not called, because the time limit of the caller has passed"
        raise failure(RemoteTimeout, resource, function, text, "TIMED_OUT")
    return min(limit, left)


# `FLASH_SENTINEL_TIMEOUT` is in Flash's documentation; the other one is flashc's own.
_LIMITS = ("FLASHC_CALL_TIMEOUT", "FLASH_SENTINEL_TIMEOUT")


def _seconds(variable: str) -> float | None:
    """Return the number in an environment variable; None if there is none above 0."""
    try:
        seconds = float(platform.surroundings().variable(variable))
    except ValueError:
        return None
    return seconds if seconds > 0 else None


# Jobs -------------------------------------------------------------------------------------------


class Progress:
    """The pauses between requests for a job's state; each is longer than the one before, until the call's deadline.

    `longest` is the longest pause.
    """

    def __init__(self, longest: float = _POLL_LONGEST) -> None:
        self.reset()
        self._longest = longest

    def reset(self) -> None:
        """Begin with short pauses again, because the platform has answered something new."""
        self._pause, self._patience = _POLL_FIRST, _POLL_PATIENCE

    def pause(self, call: Call, job: str, status: Any) -> Conversation:
        """Pause; if the deadline would pass, cancel the job.

        Raises:
            RemoteTimeout: the deadline would pass.
        """
        if time.monotonic() + self._pause > call.deadline:
            yield from cancel(call.location, job)
            text = (
                f"{call.function} on {call.resource!r} has not finished in time (job {job} was "
                f"{status}, and is cancelled)"
            )
            raise failure(RemoteTimeout, call.resource, call.function, text, "TIMED_OUT")
        yield Pause(self._pause)
        self._pause = min(self._pause * _POLL_GROWTH, self._longest)

    def fail(self, call: Call, job: str, reason: str) -> None:
        """Note that the platform could not tell the state of a job, and why.

        Raises:
            RemoteError: it could not do so several times, one after the other.
        """
        self._patience -= 1
        if not self._patience:
            text = f"the state of job {job} on {call.resource!r} is unknown: {reason}"
            raise failure(RemoteError, call.resource, call.function, text)

    def succeed(self) -> None:
        """Note that the platform has told the state of a job."""
        self._patience = _POLL_PATIENCE


class Call:
    """A call of a function of another endpoint, which has to end before its deadline."""

    def __init__(self, location: platform.Location, resource: str, function: str) -> None:
        self.location, self.resource, self.function = location, resource, function
        self.deadline = time.monotonic() + limit_of(resource, function)


def run_job(
    location: platform.Location, resource: str, function: str, payload: Any
) -> Conversation:
    """Submit a job and wait for its end; return its result."""
    call = Call(location, resource, function)
    body = yield from submit(call, "runsync", payload)
    if is_waiting(body):
        body = yield from _wait(call, body)
    return result_of(body, resource, function)


def _wait(call: Call, body: Any) -> Conversation:
    """Wait for the end of a job, and return its last state; cancel it if the caller no longer waits for it."""
    job = body.get("id")
    progress = Progress()
    try:
        while is_waiting(body):
            yield from progress.pause(call, job, body["status"])
            answer = yield from ask(call, "status", job, is_state)
            if isinstance(answer, str):
                progress.fail(call, job, answer)
            else:
                progress.succeed()
                body = answer
    except Abandoned:
        yield from cancel(call.location, job)
        raise
    return body


def is_waiting(body: Any) -> bool:
    """Return whether a job has not ended."""
    return isinstance(body, dict) and body.get("status") in _WAITING


def submit(call: Call, operation: str, payload: Any) -> Conversation:
    """Submit a job and return the platform's reply, which is an object with the job's state.

    Raises:
        RemoteTimeout: the reply did not arrive in time.
        EndpointNotFound: the sentinel does not know the endpoint.
        RemoteError: the endpoint can't be reached, or the reply is an error or not the state of a job.
    """
    location, resource, function = call.location, call.resource, call.function

    def request() -> Send:
        left = max(call.deadline - time.monotonic(), 0.001)
        url, timeout = f"{location.jobs}/{operation}", min(_SYNC_SECONDS, left)
        if operation == "runsync":
            url += f"?wait={wait_of(left)}"
            timeout = min(_SYNC_SECONDS, left + GRACE_SECONDS)
        headers = {**location.headers, **trace.timeout_header(left)}
        return Send(
            method="POST",
            url=url,
            headers=headers,
            timeout=timeout,
            content={"json": {"input": payload}},
            is_kept=True,
        )

    try:
        reply: Reply = yield from _unless_busy(call, request)
    except Unreachable as error:
        raise lost(error, resource, function) from None
    if reply.status == 404 and location.sentinel:
        raise not_found(resource, function)
    if not 200 <= reply.status < 300:
        raise refused(reply, resource, function)
    if not is_state(reply.body):
        raise strange(reply, "the state of a job", resource, function)
    return reply.body


def _unless_busy(call: Call, request: Callable[[], Send]) -> Conversation:
    """Send a request; send it again if the answer is 429 (too many requests).  Return the last reply.

    With the status 429, the platform has not accepted the request.
    """
    pause = _POLL_FIRST
    while True:
        reply: Reply = yield request()
        if reply.status != 429 or time.monotonic() + pause > call.deadline:
            return reply
        yield Pause(pause)
        pause = min(pause * _BACK_OFF, _POLL_LONGEST)


def wait_of(seconds: float) -> int:
    """Return for how many milliseconds the platform may hold a request, if the caller waits `seconds` for the answer.

    It is the value of the parameter `wait`: at least 1000, which is the platform's minimum, and at most
    5000 (`_HELD_SECONDS`).
    """
    return int(min(max(seconds, 1.0), _HELD_SECONDS) * 1000)


def is_state(body: Any) -> bool:
    """Return whether the body of an answer is the state of a job."""
    if not isinstance(body, dict):
        return False
    if "status" not in body:
        return "output" in body or "error" in body
    status = body["status"]
    has_id = isinstance(body.get("id"), str) and body["id"]
    return isinstance(status, str) and bool(has_id or status not in _WAITING)


def ask(call: Call, operation: str, job: str, fits: Callable[[Any], bool]) -> Conversation:
    """Return the job's state, or the new parts of its stream.

    If the platform could not tell it this time, or what came does not fit, return the reason as text.
    If the status is 400 or above and not in `_BUSY`, the job is taken as lost: return the state
    `{"status": "LOST", "error": ...}`, which is made here and does not come from the platform.
    """
    url = f"{call.location.jobs}/{operation}/{quote(job, safe='')}"

    def request() -> Send:
        timeout = min(30.0, max(call.deadline - time.monotonic(), 0.001))
        return Send(method="GET", url=url, headers=call.location.headers, timeout=timeout)

    try:
        reply: Reply = yield from _unless_busy(call, request)
    except Unreachable as error:
        return str(error)
    if 400 <= reply.status not in _BUSY:
        return {"status": "LOST", "error": f"the platform has lost job {job} ({reply.status})"}
    if not 200 <= reply.status < 300:
        return f"the platform {_answered(reply)}"
    return reply.body if fits(reply.body) else f"the platform {_came(reply)}"


def cancel(location: platform.Location, job: str) -> Conversation:
    """Cancel a job that the caller does not wait for any more; failures are ignored."""
    url = f"{location.jobs}/cancel/{quote(job, safe='')}"
    with contextlib.suppress(Unreachable):  # the caller learns of the timeout, which matters more
        yield Send(method="POST", url=url, headers=location.headers, timeout=10.0)


def result_of(body: Any, resource: str, function: str) -> Any:
    """Return the output of a job that has ended.

    Raises:
        RemoteError: the job failed.
    """
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


def not_found(resource: str, function: str) -> RemoteError:
    """Return the exception for an endpoint that the sentinel does not know."""
    app, environment = platform.surroundings().context(resource)
    text = f"the app {app!r} has no endpoint {resource!r} in the environment {environment!r}"
    return failure(EndpointNotFound, resource, function, text, "404")


def lost(error: Unreachable, resource: str, function: str) -> RemoteError:
    """Return the exception for a request that got no reply."""
    if error.answered:
        text = f"the answer of {function} on {resource!r} can't be read ({error})"
        return failure(RemoteError, resource, function, text)
    if error.timed_out:
        text = f"{function} on {resource!r} did not answer in time ({error})"
        return failure(RemoteTimeout, resource, function, text)
    text = f"{function} on {resource!r} can't be reached ({error})"
    return failure(RemoteError, resource, function, text)


def refused(reply: Reply, resource: str, function: str) -> RemoteError:
    """Return the exception for a reply with an HTTP error, or with a redirect."""
    status = str(reply.status)
    if isinstance(reply.body, dict) and "error_type" in reply.body:
        return remote_failure(resource, function, reply.body, status)
    text = f"{function} on {resource!r} {_answered(reply)}"
    if status == "401":
        text += " (the API key is wrong or missing: RUNPOD_API_KEY)"
    error = failure(RemoteError, resource, function, text, status)
    error.detail = reply.body.get("detail") if isinstance(reply.body, dict) else None
    return error


def strange(reply: Reply, expected: str, resource: str, function: str) -> RemoteError:
    """Return the exception for an answer that is not what the protocol says, such as a page of HTML."""
    text = f"{function} on {resource!r} {_came(reply)}, not {expected}"
    return failure(RemoteError, resource, function, text, str(reply.status))


_SHOWN = 500  # characters of an answer


def _answered(reply: Reply) -> str:
    """Return what an error or a redirect says, for a message."""
    detail = reply.body.get("detail") if isinstance(reply.body, dict) else None
    shown = detail[:_SHOWN] if isinstance(detail, str) else _beginning(reply)
    leads = f", which leads to {reply.location[:_SHOWN]!r}" if reply.location else ""
    return f"answered {reply.status}{leads}: {shown}"


def _came(reply: Reply) -> str:
    """Return what an answer that does not fit the protocol has, for a message."""
    kind = reply.media or ("JSON" if reply.is_json else "text")
    return f"answered {reply.status} with {kind} ({_beginning(reply)!r})"


def _beginning(reply: Reply) -> str:
    """Return the beginning of an answer's body as text."""
    if reply.content is None:
        return str(reply.body)[:_SHOWN]
    return reply.content[:_SHOWN].decode("utf-8", "replace")
