"""Define the faults on request, and decide which happen: a pure function `(faults, event) -> faults that happen`.

Faults are for tests of an app: workers die, results get lost, the network is slow.  A decision depends only on the
seed, on the position of the fault in the list, and on the event.  So the same seed gives the same faults for the same
sequence of events of an endpoint, whatever happens at other endpoints.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum, unique
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from .account_limits import AccountLimits

_LONGEST_START = 240.0  # seconds; a worker that is not ready after 300 is given up
_LONGEST = 3600.0

StartSeconds = Annotated[float, Meta(ge=0, le=_LONGEST_START)]
Seconds = Annotated[float, Meta(ge=0, le=_LONGEST)]
Number = Annotated[int, Meta(ge=1)]


@unique
class Point(StrEnum):
    """A kind of event at which the platform asks for faults.  The events of each kind are counted from 1."""

    START = "start"  # a worker is to be started
    LISTEN = "listen"  # a worker of a queue is to be started
    UPDATE = "update"  # a worker is to be started, and the endpoint had another release before
    WORK = "work"  # a worker gets a job, or a request to a load balancer
    RESULT = "result"  # a worker reports the result of a job
    CLIENT = "client"  # a client sends a request to an endpoint
    WORKER = "worker"  # a worker asks for jobs, or reports something
    CALL = "call"  # an endpoint sends a request to another


class Event(Struct, frozen=True, kw_only=True):
    """The `number`-th event of this point at the endpoint with the name `endpoint`; faults can happen at it.

    Calls are counted separately for each `caller`, which is the name of the calling endpoint.
    """

    point: Point
    endpoint: str
    number: int
    caller: str = ""


class _Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """The keys of all faults.

    `endpoint` is the name of an endpoint (None: all endpoints), `at` has the numbers of events (empty: all events).
    """

    endpoint: str | None = None
    at: tuple[Number, ...] = ()
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0

    @property
    def kind(self) -> str:
        """The name of the fault in a file."""
        return str(self.__struct_config__.tag)


class ColdStart(_Fault, frozen=True, kw_only=True, tag="cold-start"):
    """A worker needs `seconds` longer to start."""

    seconds: StartSeconds


class NoStock(_Fault, frozen=True, kw_only=True, tag="no-stock"):
    """For `seconds`, no worker of the endpoint starts; its new workers are shown as throttled."""

    seconds: StartSeconds


class IdleWorker(_Fault, frozen=True, kw_only=True, tag="idle-worker"):
    """A worker of a queue is ready and pings, but gets no job for `seconds`; 0 means as long as it runs."""

    seconds: Seconds = 0.0


class OldRelease(_Fault, frozen=True, kw_only=True, tag="old-release"):
    """A worker that starts for a new release runs the code of the release before it."""


class Death(_Fault, frozen=True, kw_only=True, tag="death"):
    """A worker is killed `seconds` after it got a job or a request."""

    seconds: Seconds = 0.0


class LostResult(_Fault, frozen=True, kw_only=True, tag="lost-result"):
    """The platform drops a result, but answers the worker that the result has arrived."""


class LateResult(_Fault, frozen=True, kw_only=True, tag="late-result"):
    """The platform answers the worker that the result has arrived, and processes the result `seconds` later."""

    seconds: Seconds


class DoubleResult(_Fault, frozen=True, kw_only=True, tag="double-result"):
    """A result arrives twice, the second time after `seconds`."""

    seconds: Seconds = 0.0


class Unauthorized(_Fault, frozen=True, kw_only=True, tag="unauthorized"):
    """A request of a client, or of a worker, is answered with 401."""

    requests: Literal["clients", "workers"] = "clients"


class Network(_Fault, frozen=True, kw_only=True, tag="network"):
    """A request of one endpoint to another is slow, or its connection is reset.

    `caller` is the name of the endpoint that sends the request (None: any endpoint).  `cut` resets the connection
    before the request is served ("request"), or when its answer begins ("answer"): then the work is done, but the
    caller does not learn that.
    """

    caller: str | None = None
    latency: Seconds = 0.0
    cut: Literal["request", "answer"] | None = None


Fault = (
    ColdStart
    | NoStock
    | IdleWorker
    | OldRelease
    | Death
    | LostResult
    | LateResult
    | DoubleResult
    | Unauthorized
    | Network
)
_POINTS: dict[type[Any], Point] = {
    ColdStart: Point.START,
    NoStock: Point.START,
    IdleWorker: Point.LISTEN,
    OldRelease: Point.UPDATE,
    Death: Point.WORK,
    LostResult: Point.RESULT,
    LateResult: Point.RESULT,
    DoubleResult: Point.RESULT,
    Network: Point.CALL,
}


class Faults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The faults that may happen, the seed for their probabilities, and the limits of the account."""

    seed: Annotated[int, Meta(ge=0, lt=2**53)] = 0
    limits: AccountLimits = AccountLimits()
    fault: tuple[Fault, ...] = ()


def decide(faults: Faults, event: Event) -> tuple[Fault, ...]:
    """Return the faults that happen at an event: at most one of each kind, and none that another one excludes."""
    found: list[Fault] = []
    for index, fault in enumerate(faults.fault):
        if not _concerns(fault, event) or any(_excludes(other, fault) for other in found):
            continue
        if _chance(faults.seed, index, event) < fault.probability:
            found.append(fault)
    if first(found, LostResult) is not None:  # a lost result can be neither late nor double
        return tuple(fault for fault in found if isinstance(fault, LostResult))
    return tuple(found)


_F = TypeVar("_F", bound=_Fault)


def first(found: Iterable[Fault], kind: type[_F]) -> _F | None:
    """Return the first fault of a kind; None if there is none."""
    for fault in found:
        if isinstance(fault, kind):
            return fault
    return None


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a file of faults."""
    made = msgspec.json.schema(Faults)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def _concerns(fault: Fault, event: Event) -> bool:
    """Return whether a fault may happen at an event, by the kind, the endpoint, the caller and the number of the event."""
    if _point(fault) is not event.point or fault.endpoint not in (None, event.endpoint):
        return False
    if isinstance(fault, Network) and fault.caller not in (None, event.caller):
        return False
    return not fault.at or event.number in fault.at


def _excludes(other: Fault, fault: Fault) -> bool:
    """Return whether the fault `other`, which happens, excludes `fault`.

    Several faults of the network can happen at one request, up to one that cuts the connection.
    """
    if isinstance(other, Network):
        return other.cut is not None
    return type(other) is type(fault)


def _point(fault: Fault) -> Point:
    """Return the kind of event at which a fault happens."""
    if isinstance(fault, Unauthorized):
        return Point.CLIENT if fault.requests == "clients" else Point.WORKER
    return _POINTS[type(fault)]


def _chance(seed: int, index: int, event: Event) -> float:
    """Return a number in [0, 1) that depends only on the arguments."""
    key = f"{seed}\0{index}\0{event.point}\0{event.endpoint}\0{event.caller}\0{event.number}"
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=7).digest()
    return (int.from_bytes(digest) >> 3) / 2**53
