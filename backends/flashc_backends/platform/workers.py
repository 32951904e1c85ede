"""Decide what an event does to an endpoint's workers: a pure function `(pool, event, now) -> (pool, effects)`.

A release is what workers start from: a build, a template and the endpoint's configuration.  A new release is a
candidate until one of its workers is ready; until then the workers of the old release serve.  A candidate whose
workers end before they are ready is given up, and the old release stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum, unique

from msgspec import Struct
from msgspec.structs import replace

from .records import Limits

FIRST_PAUSE = 0.5  # before a worker is started again; it doubles with every crash
LONGEST_PAUSE = 30.0
STABLE_AFTER = 10.0  # a worker that was ready for so long did not crash because of its release
START_LIMIT = 300.0  # until a worker has to be ready
CANDIDATE_CRASHES = 2  # then a candidate is given up
STOP_GRACE = 10.0  # between SIGTERM and SIGKILL


@unique
class Phase(StrEnum):
    """The state of a worker."""

    STARTING = "starting"  # the engine was asked to start it
    INITIALIZING = "initializing"  # its process runs
    READY = "ready"  # it takes jobs or answers requests
    DRAINING = "draining"  # it finishes what it has
    STOPPING = "stopping"  # the engine was asked to stop it


class Worker(Struct, frozen=True, kw_only=True):
    """A worker.  `held` is the number of jobs or requests that it works on, `idle_since` when that became 0."""

    id: str
    release: str
    phase: Phase
    since: float
    held: int = 0
    idle_since: float = 0.0

    @property
    def serves(self) -> bool:
        """Return whether the worker is to stay: it is ready or will be."""
        return self.phase in (Phase.STARTING, Phase.INITIALIZING, Phase.READY)


class Pool(Struct, frozen=True, kw_only=True):
    """The workers of an endpoint.

    `prefix` begins the ids of workers, `started` numbers them.  `wanted` is what the load needs.  `crashes` counts
    the crashes of the newest release in a row; until `resume_at` no worker is started.
    """

    prefix: str
    limits: Limits
    serving: str | None = None
    candidate: str | None = None
    refused: str | None = None
    wanted: int = 0
    started: int = 0
    crashes: int = 0
    resume_at: float = 0.0
    closed: bool = False
    workers: Mapping[str, Worker] = {}

    @property
    def target(self) -> str | None:
        """Return the release of which new workers are started."""
        return self.candidate or self.serving

    def ready(self) -> Iterator[Worker]:
        """Yield the workers that take jobs or answer requests."""
        return (worker for worker in self.workers.values() if worker.phase is Phase.READY)


class Released(Struct, frozen=True):
    """There is a new release."""

    release: str


class Configured(Struct, frozen=True):
    """The endpoint's limits changed."""

    limits: Limits


class Wanted(Struct, frozen=True):
    """The load needs `count` workers."""

    count: int


class Began(Struct, frozen=True):
    """The worker's process runs."""

    worker: str


class Answered(Struct, frozen=True):
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
    """The worker has to go at once: it does not stop a job, or a test wants it."""

    worker: str


class Closed(Struct, frozen=True):
    """The endpoint is deleted, or the platform ends."""


class Ticked(Struct, frozen=True):
    """Time has passed."""


AboutOne = Began | Answered | Recycled | Killed
_Reconciled = Released | Configured | Wanted | Ended | Closed | Ticked | AboutOne
Event = _Reconciled | Holding


class Start(Struct, frozen=True):
    """Start a worker of a release."""

    worker: str
    release: str


class Drain(Struct, frozen=True):
    """Give the worker nothing any more, and answer its open polls now."""

    worker: str


class Stop(Struct, frozen=True):
    """Stop the worker's process, by force after `grace` seconds."""

    worker: str
    grace: float


class RolledOut(Struct, frozen=True):
    """A release has its first ready worker, and replaces the one before it."""

    release: str


class RolledBack(Struct, frozen=True):
    """A release crashed before a worker was ready; the one before it stays."""

    release: str


class Crashed(Struct, frozen=True):
    """A worker ended unasked; no worker is started for `pause` seconds."""

    worker: str
    pause: float


Effect = Start | Drain | Stop | RolledOut | RolledBack | Crashed


def step(pool: Pool, event: Event, now: float) -> tuple[Pool, tuple[Effect, ...]]:
    """Return the pool after the event, and what the platform has to do."""
    effects: list[Effect] = []
    if isinstance(event, Holding):  # it comes twice per job, and changes no number of workers
        return _hold(pool, event, effects, now), tuple(effects)
    pool = _apply(pool, event, now, effects)
    for reconcile in (_replace_old, _scale_in, _scale_out, _stop_drained):
        pool = reconcile(pool, effects, now)
    return pool, tuple(effects)


def _apply(pool: Pool, event: _Reconciled, now: float, effects: list[Effect]) -> Pool:
    match event:
        case Released(release):
            return _release(pool, release)
        case Configured(limits):
            return replace(pool, limits=limits)
        case Wanted(count):
            return replace(pool, wanted=count) if count != pool.wanted else pool
        case Closed():
            return replace(pool, closed=True, candidate=None, wanted=0)
        case Ticked():
            return _give_up_starting(pool, now, effects)
        case Ended(worker):
            return _end(pool, worker, now, effects)
        case Began() | Answered() | Recycled() | Killed():
            found = pool.workers.get(event.worker)
            return pool if found is None else _change(pool, found, event, now, effects)


def _hold(pool: Pool, event: Holding, effects: list[Effect], now: float) -> Pool:
    """Return the pool after a worker's number of jobs changed; one that drains ends with its last."""
    worker = pool.workers.get(event.worker)
    if worker is None or worker.held == event.count:
        return pool
    pool = _with(pool, replace(worker, held=event.count, idle_since=now))
    return pool if event.count else _stop_drained(pool, effects, now)


def _change(pool: Pool, worker: Worker, event: AboutOne, now: float, effects: list[Effect]) -> Pool:
    """Return the pool after an event about one of its workers."""
    match event:
        case Began():
            if worker.phase is Phase.STARTING:
                return _with(pool, replace(worker, phase=Phase.INITIALIZING))
        case Answered():
            if worker.phase in (Phase.STARTING, Phase.INITIALIZING):
                worker = replace(worker, phase=Phase.READY, since=now, idle_since=now)
                return _promote(_with(pool, worker), worker.release, effects)
        case Recycled():
            if worker.serves:
                return _drain(pool, worker, effects, now)
        case Killed():
            return _stop(pool, worker, effects, 0.0, now)
    return pool


def _release(pool: Pool, release: str) -> Pool:
    """Make a release the candidate; the one that serves already ends the roll."""
    if release in (pool.target, pool.refused):
        return pool
    candidate = None if release == pool.serving else release
    return replace(pool, candidate=candidate, refused=None, crashes=0, resume_at=0.0)


def _promote(pool: Pool, release: str, effects: list[Effect]) -> Pool:
    if release != pool.candidate:
        return replace(pool, crashes=0) if release == pool.target else pool
    effects.append(RolledOut(release))
    return replace(pool, serving=release, candidate=None, crashes=0, resume_at=0.0)


def _end(pool: Pool, name: str, now: float, effects: list[Effect]) -> Pool:
    worker = pool.workers.get(name)
    if worker is None:
        return pool
    left = {other: kept for other, kept in pool.workers.items() if other != name}
    pool = replace(pool, workers=left)
    if not worker.serves:
        return pool
    stable = worker.phase is Phase.READY and now - worker.since >= STABLE_AFTER
    return _count_crash(pool, worker, now, effects, first=stable)


def _count_crash(
    pool: Pool, worker: Worker, now: float, effects: list[Effect], *, first: bool
) -> Pool:
    """Return the pool after a crash; `first`: the release worked until now."""
    if worker.release != pool.target:
        effects.append(Crashed(worker.id, 0.0))
        return pool
    crashes = 1 if first else pool.crashes + 1
    is_replaceable = worker.release == pool.candidate and pool.serving is not None
    if is_replaceable and crashes >= CANDIDATE_CRASHES:
        effects.extend((Crashed(worker.id, 0.0), RolledBack(worker.release)))
        return replace(pool, candidate=None, refused=worker.release, crashes=0, resume_at=now)
    pause = min(FIRST_PAUSE * 2 ** min(crashes - 1, 10), LONGEST_PAUSE)
    effects.append(Crashed(worker.id, pause))
    return replace(pool, crashes=crashes, resume_at=now + pause)


def _give_up_starting(pool: Pool, now: float, effects: list[Effect]) -> Pool:
    """Stop the workers that are not ready in time; each counts as a crash."""
    for worker in list(pool.workers.values()):
        is_starting = worker.phase in (Phase.STARTING, Phase.INITIALIZING)
        if is_starting and now - worker.since >= START_LIMIT:
            pool = _stop(pool, worker, effects, 0.0, now)
            pool = _count_crash(pool, worker, now, effects, first=False)
    return pool


def _wanted(pool: Pool) -> int:
    """Return the number of workers that have to serve."""
    if pool.closed or pool.target is None:
        return 0
    wanted = min(max(pool.wanted, pool.limits.least), pool.limits.most)
    if wanted == 0 and pool.limits.most and pool.candidate and any(_old(pool)):
        return 1  # the candidate has to show that it works before the old workers go
    return wanted


def _old(pool: Pool) -> Iterator[Worker]:
    """Yield the workers that serve, but are not of the newest release."""
    return (w for w in pool.workers.values() if w.serves and w.release != pool.target)


def _replace_old(pool: Pool, effects: list[Effect], now: float) -> Pool:
    """Drain the workers of other releases for which there are ready ones of the newest.

    While a candidate has no ready worker, those of the serving release stay, and all others go.
    """
    old = list(_old(pool))
    if not old:
        return pool
    new = sum(1 for worker in pool.ready() if worker.release == pool.target)
    kept = max(_wanted(pool) - new, 0) if pool.candidate is None else len(old)
    stays = pool.serving if pool.candidate else None
    for worker in sorted(old, key=lambda w: (w.held, w.phase is Phase.READY)):
        superseded = worker.release != stays if pool.candidate else worker.phase is not Phase.READY
        if superseded or len(old) > kept:
            old.remove(worker)
            pool = _drain(pool, worker, effects, now)
    return pool


def _scale_in(pool: Pool, effects: list[Effect], now: float) -> Pool:
    """Drain the workers that have been idle for too long, or are more than the limit."""
    current = [w for w in pool.workers.values() if w.serves and w.release == pool.target]
    surplus = len(current) - _wanted(pool)
    if surplus <= 0:
        return pool
    excess = len(current) - (0 if pool.closed else pool.limits.most)
    for worker in sorted(current, key=lambda w: (w.held, w.idle_since)):
        is_free = worker.phase is Phase.READY and worker.held == 0
        idle = is_free and now - worker.idle_since >= pool.limits.idle_timeout
        if (surplus > 0 and idle) or excess > 0:
            pool = _drain(pool, worker, effects, now)
            surplus -= 1
            excess -= 1
    return pool


def _scale_out(pool: Pool, effects: list[Effect], now: float) -> Pool:
    """Start workers of the newest release; during a roll one more than wanted may exist."""
    target = pool.target
    if target is None or pool.closed or now < pool.resume_at:
        return pool
    wanted = _wanted(pool)
    serving = [worker for worker in pool.workers.values() if worker.serves]
    current = sum(1 for worker in serving if worker.release == target)
    room = wanted + (1 if len(serving) > current else 0) - len(serving)
    if pool.crashes or (pool.candidate is not None and pool.serving is not None):
        room = min(room, 1 - sum(1 for w in serving if w.phase is not Phase.READY))
    for _ in range(min(wanted - current, room)):
        number = pool.started + 1
        worker = Worker(
            id=f"{pool.prefix}{number}",
            release=target,
            phase=Phase.STARTING,
            since=now,
            idle_since=now,
        )
        pool = _with(replace(pool, started=number), worker)
        effects.append(Start(worker.id, target))
    return pool


def _drain(pool: Pool, worker: Worker, effects: list[Effect], now: float) -> Pool:
    if worker.phase is not Phase.READY:
        return _stop(pool, worker, effects, STOP_GRACE, now)
    effects.append(Drain(worker.id))
    return _with(pool, replace(worker, phase=Phase.DRAINING, since=now))


def _stop_drained(pool: Pool, effects: list[Effect], now: float) -> Pool:
    for worker in list(pool.workers.values()):
        if worker.phase is Phase.DRAINING and worker.held == 0:
            pool = _stop(pool, worker, effects, STOP_GRACE, now)
    return pool


def _stop(pool: Pool, worker: Worker, effects: list[Effect], grace: float, now: float) -> Pool:
    if worker.phase is Phase.STOPPING and grace:
        return pool
    effects.append(Stop(worker.id, grace))
    return _with(pool, replace(worker, phase=Phase.STOPPING, since=now))


def _with(pool: Pool, worker: Worker) -> Pool:
    return replace(pool, workers={**pool.workers, worker.id: worker})
