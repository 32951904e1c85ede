"""Define the workers of an endpoint as data: their states, the events that change them, and the effects of events.

`worker_steps.py` decides which event has which effects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum, unique

from msgspec import Struct

from .records import Limits


@unique
class Phase(StrEnum):
    """The state of a worker."""

    STARTING = "starting"  # the engine was asked to start it
    INITIALIZING = "initializing"  # its process runs
    READY = "ready"  # it takes jobs or answers requests
    DRAINING = "draining"  # it finishes what it has
    STOPPING = "stopping"  # the engine was asked to stop it


class Worker(Struct, frozen=True, kw_only=True):
    """A worker.

    `since` is when its phase began.  `held` is the number of jobs or requests that it works on, and `idle_since` is when
    this number last changed.
    """

    id: str
    release: str
    phase: Phase
    since: float
    held: int = 0
    idle_since: float = 0.0

    @property
    def serves(self) -> bool:
        """Whether the worker is ready or will be; the other workers are about to end."""
        return self.phase in (Phase.STARTING, Phase.INITIALIZING, Phase.READY)


class Pool(Struct, frozen=True, kw_only=True):
    """The workers of an endpoint.

    The ids of workers consist of `prefix` and a number, `started` is the last number.  `serving` and `candidate` are
    releases; `refused` is the last candidate that was given up.  `wanted` is the number of workers that the load needs.
    `crashes` counts the crashes of the newest release in a row, and `crashed` is the worker that crashed last.  No
    worker is started before the time `resume_at`.
    """

    prefix: str
    limits: Limits
    serving: str | None = None
    candidate: str | None = None
    refused: str | None = None
    wanted: int = 0
    started: int = 0
    crashes: int = 0
    crashed: str | None = None
    resume_at: float = 0.0
    closed: bool = False
    workers: Mapping[str, Worker] = {}

    @property
    def newest(self) -> str | None:
        """The release that new workers start from: the candidate, else the one that serves; None if there is none yet."""
        return self.candidate or self.serving

    @property
    def requested(self) -> str | None:
        """The release that was asked for last, even if it was given up; None if there is none yet."""
        return self.refused or self.newest

    def ready(self) -> Iterator[Worker]:
        """Yield the workers that take jobs or answer requests."""
        return (worker for worker in self.workers.values() if worker.phase is Phase.READY)


class Released(Struct, frozen=True):
    """The endpoint has a new release."""

    release: str


class Configured(Struct, frozen=True):
    """The endpoint's limits changed."""

    limits: Limits


class Wanted(Struct, frozen=True):
    """The load needs `count` workers."""

    count: int


class ProcessStarted(Struct, frozen=True):
    """The worker's process runs."""

    worker: str


class BecameReady(Struct, frozen=True):
    """The worker asked for a job for the first time, or answered `/ping`."""

    worker: str


class Holding(Struct, frozen=True):
    """The worker works on `count` jobs or requests."""

    worker: str
    count: int


class Ended(Struct, frozen=True):
    """The worker's process ended."""

    worker: str


class Recycled(Struct, frozen=True):
    """The worker asked to be replaced."""

    worker: str


class Killed(Struct, frozen=True):
    """The worker has to be killed at once, for example because it does not stop a job."""

    worker: str


class Closed(Struct, frozen=True):
    """The endpoint is deleted, or the platform ends."""


class Ticked(Struct, frozen=True):
    """Time has passed."""


AboutOne = ProcessStarted | BecameReady | Recycled | Killed
Reconciled = Released | Configured | Wanted | Ended | Closed | Ticked | AboutOne
Event = Reconciled | Holding


class Start(Struct, frozen=True):
    """Start a worker of a release."""

    worker: str
    release: str


class Drain(Struct, frozen=True):
    """The worker gets no new jobs or requests; it ends when it has finished those that it works on."""

    worker: str


class Stop(Struct, frozen=True):
    """Ask the worker's process to end, and kill the process after `grace` seconds."""

    worker: str
    grace: float


class RolledOut(Struct, frozen=True):
    """A release has its first ready worker, and replaces the release before it."""

    release: str


class RolledBack(Struct, frozen=True):
    """The workers of a release crashed before one was ready; the release before it stays."""

    release: str


class Crashed(Struct, frozen=True):
    """A worker ended, and the platform had not asked for that; no worker is started for `pause` seconds."""

    worker: str
    pause: float


Effect = Start | Drain | Stop | RolledOut | RolledBack | Crashed
