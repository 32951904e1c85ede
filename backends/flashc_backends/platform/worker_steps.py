"""Decide what an event does to an endpoint's workers: a pure function `(pool, event, now) -> (pool, effects)`.

A release is what workers start from: a build, a template and the endpoint's configuration.  A new release is a
candidate until one of its workers is ready; until then the workers of the old release serve.  If the workers of a
candidate end before one of them is ready, the candidate is given up and the old release stays.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from .workers import (
    AboutOne,
    BecameReady,
    Closed,
    Configured,
    Crashed,
    Drain,
    Effect,
    Ended,
    Event,
    Holding,
    Killed,
    Phase,
    Pool,
    ProcessStarted,
    Reconciled,
    Recycled,
    Released,
    RolledBack,
    RolledOut,
    Start,
    Stop,
    Ticked,
    Wanted,
    Worker,
)

FIRST_PAUSE = 0.5  # seconds before a worker is started again; doubled with every crash
LONGEST_PAUSE = 30.0
STABLE_AFTER = (
    10.0  # seconds; if a worker was ready for that long, its release is not the cause of its crash
)
START_LIMIT = 300.0  # seconds in which a worker has to become ready
CANDIDATE_CRASHES = 2  # the number of crashes after which a candidate is given up
STOP_GRACE = 10.0  # seconds between SIGTERM and SIGKILL


def step(pool: Pool, event: Event, now: float) -> tuple[Pool, tuple[Effect, ...]]:
    """Return the pool after the event, and what the platform has to do."""
    effects: list[Effect] = []
    if isinstance(
        event, Holding
    ):  # two of these events per job, and none changes the number of workers
        return _set_job_count(pool, event, effects, now), tuple(effects)
    pool = _apply(pool, event, now, effects)
    for reconcile in (_replace_old, _scale_in, _scale_out, _stop_drained):
        pool = reconcile(pool, effects, now)
    return pool, tuple(effects)


def _apply(pool: Pool, event: Reconciled, now: float, effects: list[Effect]) -> Pool:
    """Apply one event to the pool; scaling follows in `step`."""
    match event:
        case Released(release):
            return _set_candidate(pool, release)
        case Configured(limits):
            return replace(pool, limits=limits)
        case Wanted(count):
            return replace(pool, wanted=count) if count != pool.wanted else pool
        case Closed():
            return replace(pool, closed=True, candidate=None, wanted=0)
        case Ticked():
            return _give_up_starting(pool, now, effects)
        case Ended(worker):
            return _remove_ended(pool, worker, now, effects)
        case ProcessStarted() | BecameReady() | Recycled() | Killed():
            found = pool.workers.get(event.worker)
            return pool if found is None else _apply_to_worker(pool, found, event, now, effects)


def _set_job_count(pool: Pool, event: Holding, effects: list[Effect], now: float) -> Pool:
    """Return the pool after a worker's number of jobs changed; a worker that drains and has none left is stopped."""
    worker = pool.workers.get(event.worker)
    if worker is None or worker.held == event.count:
        return pool
    pool = _with_worker(pool, replace(worker, held=event.count, idle_since=now))
    return pool if event.count else _stop_drained(pool, effects, now)


def _apply_to_worker(
    pool: Pool, worker: Worker, event: AboutOne, now: float, effects: list[Effect]
) -> Pool:
    """Return the pool after an event about one of its workers."""
    match event:
        case ProcessStarted():
            if worker.phase is Phase.STARTING:
                return _with_worker(pool, replace(worker, phase=Phase.INITIALIZING))
        case BecameReady():
            if worker.phase in (Phase.STARTING, Phase.INITIALIZING):
                worker = replace(worker, phase=Phase.READY, since=now, idle_since=now)
                return _promote(_with_worker(pool, worker), worker.release, effects)
        case Recycled():
            if worker.serves:
                return _drain(pool, worker, effects, now)
        case Killed():
            return _stop(pool, worker, effects, 0.0, now)
    return pool


def _set_candidate(pool: Pool, release: str) -> Pool:
    """Make a release the candidate; if the release already serves, there is no candidate any more."""
    if release == pool.refused:
        return pool
    if release == pool.newest:
        return replace(pool, refused=None) if pool.refused else pool
    candidate = None if release == pool.serving else release
    return replace(pool, candidate=candidate, refused=None, crashes=0, resume_at=0.0)


def _promote(pool: Pool, release: str, effects: list[Effect]) -> Pool:
    """Return the pool after a worker of `release` became ready; if this release is the candidate, it serves from now on."""
    if release != pool.candidate:
        return replace(pool, crashes=0) if release == pool.newest else pool
    effects.append(RolledOut(release))
    return replace(pool, serving=release, candidate=None, crashes=0, resume_at=0.0)


def _remove_ended(pool: Pool, name: str, now: float, effects: list[Effect]) -> Pool:
    """Return the pool without a worker whose process ended; an end that the platform had not asked for is a crash."""
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
    """Return the pool after a crash; `first`: the worker was stable before, so the count starts at 1."""
    if worker.release != pool.newest:
        effects.append(Crashed(worker.id, 0.0))
        return pool
    crashes = 1 if first else pool.crashes + 1
    is_replaceable = worker.release == pool.candidate and pool.serving is not None
    if is_replaceable and crashes >= CANDIDATE_CRASHES:
        effects.extend((Crashed(worker.id, 0.0), RolledBack(worker.release)))
        return replace(
            pool,
            candidate=None,
            refused=worker.release,
            crashes=0,
            crashed=worker.id,
            resume_at=now,
        )
    pause = min(FIRST_PAUSE * 2 ** min(crashes - 1, 10), LONGEST_PAUSE)
    effects.append(Crashed(worker.id, pause))
    return replace(pool, crashes=crashes, crashed=worker.id, resume_at=now + pause)


def _give_up_starting(pool: Pool, now: float, effects: list[Effect]) -> Pool:
    """Stop the workers that are not ready in time; each of them counts as a crash."""
    for worker in list(pool.workers.values()):
        is_starting = worker.phase in (Phase.STARTING, Phase.INITIALIZING)
        if is_starting and now - worker.since >= START_LIMIT:
            pool = _stop(pool, worker, effects, 0.0, now)
            pool = _count_crash(pool, worker, now, effects, first=False)
    return pool


def _wanted(pool: Pool) -> int:
    """Return the number of workers that have to serve."""
    if pool.closed or pool.newest is None:
        return 0
    wanted = min(max(pool.wanted, pool.limits.least), pool.limits.most)
    if wanted == 0 and pool.limits.most and pool.candidate and any(_outdated(pool)):
        return 1  # the candidate has to show that it works before the old workers go
    return wanted


def _outdated(pool: Pool) -> Iterator[Worker]:
    """Yield the workers that serve and belong to another release than the newest."""
    return (w for w in pool.workers.values() if w.serves and w.release != pool.newest)


def _replace_old(pool: Pool, effects: list[Effect], now: float) -> Pool:
    """Drain one worker of an older release for each ready worker of the newest release that replaces it.

    While a candidate has no ready worker, the workers of the serving release stay, and those of any other release are
    drained.
    """
    old = list(_outdated(pool))
    if not old:
        return pool
    new = sum(1 for worker in pool.ready() if worker.release == pool.newest)
    kept = max(_wanted(pool) - new, 0) if pool.candidate is None else len(old)
    stays = pool.serving if pool.candidate else None
    for worker in sorted(old, key=lambda w: (w.held, w.phase is Phase.READY)):
        superseded = worker.release != stays if pool.candidate else worker.phase is not Phase.READY
        if superseded or len(old) > kept:
            old.remove(worker)
            pool = _drain(pool, worker, effects, now)
    return pool


def _scale_in(pool: Pool, effects: list[Effect], now: float) -> Pool:
    """Drain workers that have been idle for too long, and workers above the limit."""
    current = [w for w in pool.workers.values() if w.serves and w.release == pool.newest]
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
    """Start workers of the newest release; during a rollout, one worker more than wanted may run."""
    target = pool.newest
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
        pool = _with_worker(replace(pool, started=number), worker)
        effects.append(Start(worker.id, target))
    return pool


def _drain(pool: Pool, worker: Worker, effects: list[Effect], now: float) -> Pool:
    """Let a ready worker finish its jobs and then end; stop any other worker."""
    if worker.phase is not Phase.READY:
        return _stop(pool, worker, effects, STOP_GRACE, now)
    effects.append(Drain(worker.id))
    return _with_worker(pool, replace(worker, phase=Phase.DRAINING, since=now))


def _stop_drained(pool: Pool, effects: list[Effect], now: float) -> Pool:
    """Stop the workers that drain and have no job left."""
    for worker in list(pool.workers.values()):
        if worker.phase is Phase.DRAINING and worker.held == 0:
            pool = _stop(pool, worker, effects, STOP_GRACE, now)
    return pool


def _stop(pool: Pool, worker: Worker, effects: list[Effect], grace: float, now: float) -> Pool:
    """Stop a worker, with `grace` seconds until it is killed."""
    if worker.phase is Phase.STOPPING and grace:
        return pool
    effects.append(Stop(worker.id, grace))
    return _with_worker(pool, replace(worker, phase=Phase.STOPPING, since=now))


def _with_worker(pool: Pool, worker: Worker) -> Pool:
    """Return the pool with a changed worker."""
    return replace(pool, workers={**pool.workers, worker.id: worker})
