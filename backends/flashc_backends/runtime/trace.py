"""Keep the trace and the deadline of the job or request that runs, for its calls of other endpoints.

Both belong to the context (`contextvars`) of the job: tasks and `asyncio.to_thread` inherit them,
threads that the app's code starts itself do not.  Where the platform sends neither, calls are as
they would be without this module.
"""

import time
from contextvars import ContextVar

TIMEOUT_HEADER = "X-Flashc-Timeout"  # milliseconds, because clocks of machines differ


class Running:
    """What a job or request belongs to: the header of its trace, "" without one, and its deadline."""

    def __init__(self, traceparent: str, deadline: "float | None") -> None:
        self.traceparent = traceparent
        self.deadline = deadline


running: "ContextVar[Running | None]" = ContextVar("flashc_trace", default=None)


def begin(traceparent: object, milliseconds: object) -> Running:
    """Note what the job or request that begins in this context belongs to.

    `traceparent` is as in W3C Trace Context; `milliseconds` are those that its caller still waits.
    What is no text or no number is ignored.
    """
    deadline = None
    if isinstance(milliseconds, str) and milliseconds.isdigit() and len(milliseconds) < 16:
        milliseconds = int(milliseconds)
    if isinstance(milliseconds, int):
        deadline = time.monotonic() + milliseconds / 1000
    found = Running(traceparent if isinstance(traceparent, str) else "", deadline)
    running.set(found)
    return found


def begin_job(job: "dict[str, object]") -> None:
    """Note what a job belongs to; the platform says it next to the job's input."""
    begin(job.get("traceparent"), job.get("flashcTimeout"))


def begin_request(headers: "list[tuple[bytes, bytes]]") -> Running:
    """Note what a request belongs to, by its headers with names in lower case."""
    found = dict(headers)
    traceparent = found.get(b"traceparent", b"").decode("latin-1")
    return begin(traceparent, found.get(b"x-flashc-timeout", b"").decode("latin-1"))


def headers() -> "dict[str, str]":
    """Return the headers that put a request into the running trace."""
    found = running.get()
    return {"traceparent": found.traceparent} if found and found.traceparent else {}


def timeout_header(seconds: float) -> "dict[str, str]":
    """Return the header that says how long the caller waits."""
    return {TIMEOUT_HEADER: str(max(int(seconds * 1000), 1))}


def left() -> "float | None":
    """Return the seconds until the caller of what runs gives up; None if that is not known."""
    found = running.get()
    if found is None or found.deadline is None:
        return None
    return found.deadline - time.monotonic()
