"""Send jobs to generators of other endpoints, and yield their results as they come."""

from __future__ import annotations

from typing import Any

from .errors import RemoteError
from .exchange import Abandoned, Conversation, Item
from .platform import Location
from .wire import Call, Progress, ask, cancel, is_state, is_waiting, result_of, submit

_LONGEST = 1.0  # seconds between two questions for new parts


def stream_job(location: Location, resource: str, function: str, payload: Any) -> Conversation:
    """Submit a job and yield an `Item` for each result of its generator.

    Raises:
        RemoteError: the job failed, perhaps after some results.
    """
    call = Call(location, resource, function)
    body = yield from submit(call, "run", payload)
    job = str(body.get("id", ""))
    try:
        end, seen = yield from follow(call, job)
    except Abandoned:
        yield from cancel(location, job)
        raise
    if seen:
        return
    for item in chunks(end.get("output")):  # the worker does not stream
        yield Item(item)


def follow(call: Call, job: str) -> Conversation:
    """Yield the parts of a job's stream; return the job's last state, and whether there were any parts.

    Raises:
        RemoteError: the job failed.
    """
    seen = yield from _parts(call, job)
    end = yield from _end(call, job)
    result_of(end, call.resource, call.function)
    return end, seen


def _parts(call: Call, job: str) -> Conversation:
    """Yield the parts of a job's stream until the job has ended; return whether there were any."""
    progress = Progress(_LONGEST)
    seen = False
    while True:
        body = yield from ask(call, "stream", job, _is_stream)
        if isinstance(body, str):
            progress.fail(call, job, body)
        elif body.get("stream"):
            progress.reset()
            seen = True
            for part in body["stream"]:
                yield Item(part.get("output") if isinstance(part, dict) else part)
            continue
        elif not is_waiting(body):
            return seen
        else:
            progress.succeed()
        yield from progress.pause(call, job, _status(body))


def _is_stream(body: Any) -> bool:
    """Return whether the body of an answer has the parts of a stream."""
    return isinstance(body, dict) and isinstance(body.get("stream", []), list)


def _status(body: Any) -> Any:
    """Return the status in an answer, for a message."""
    return body.get("status") if isinstance(body, dict) else "unknown"


def _end(call: Call, job: str) -> Conversation:
    """Return the last state of a job."""
    progress = Progress(_LONGEST)
    while True:
        body = yield from ask(call, "status", job, is_state)
        if isinstance(body, str):
            progress.fail(call, job, body)
        elif not is_waiting(body):
            return body
        yield from progress.pause(call, job, _status(body))


def chunks(output: Any) -> list[Any]:
    """Return the results of a generator whose endpoint sends them as one list."""
    if not isinstance(output, list):
        raise RemoteError(f"a generator's endpoint answered with a {type(output).__name__}")
    return output
