"""Read and make the headers that put requests into traces (W3C Trace Context) and give them deadlines."""

from __future__ import annotations

import random
import re

from msgspec import Struct

TRACEPARENT = b"traceparent"
TIMEOUT = (
    b"x-flashc-timeout"  # milliseconds until the caller gives up; not a time, because clocks differ
)

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = "01"
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


class Position(Struct, frozen=True, kw_only=True):
    """The position of a job or request in its trace: the id of its span, and of its parent span if it has one."""

    trace: str
    span: str
    parent: str | None
    flags: str = _SAMPLED

    @property
    def is_sampled(self) -> bool:
        """Return whether the client that began the trace wants the trace to be recorded."""
        return bool(int(self.flags, 16) & 1)

    @property
    def traceparent(self) -> str:
        """Return the header `traceparent` for the calls of this job or request."""
        return f"00-{self.trace}-{self.span}-{self.flags}"


def position_below(traceparent: str) -> Position:
    """Return a new position below the position in a header; without a valid header, the first one of a new trace."""
    span = f"{random.getrandbits(64) or 1:016x}"
    found = _FORM.fullmatch(traceparent)
    if found is not None:
        version, trace, parent, flags, more = found.groups()
        is_known = version != "ff" and not (version == "00" and more)
        if is_known and trace != _NO_TRACE and parent != _NO_SPAN:
            return Position(trace=trace, span=span, parent=parent, flags=flags)
    return Position(trace=f"{random.getrandbits(128) or 1:032x}", span=span, parent=None)


def position_of(traceparent: str, parent: str | None) -> Position | None:
    """Return the position of a stored job, from its `traceparent` and its parent span; None if the first is invalid."""
    found = _FORM.fullmatch(traceparent)
    return (
        Position(trace=found[2], span=found[3], parent=parent, flags=found[4])
        if found is not None
        else None
    )


def seconds_of(header: str) -> float | None:
    """Return the seconds that a header with a time-out means; None if the header is absent or wrong."""
    return (
        int(header) / 1000 if header.isascii() and header.isdigit() and len(header) < 16 else None
    )


def timeout_of(seconds: float) -> int:
    """Return the milliseconds for a header with a time-out, at least 1."""
    return max(int(seconds * 1000), 1)
