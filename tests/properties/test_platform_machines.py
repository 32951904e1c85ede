"""Laws of the platform's state machines, in virtual time."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given, settings

from flashc_backends.platform import jobs, worker_steps, workers
from flashc_backends.platform.records import Job, Limits, Scaler, Status
from flashc_backends.platform.scaling import Load, workers_for
from tests.support.virtual_platform import VirtualPlatform, Weather, statuses

_NAMES = st.sampled_from(["a", "b"])
_JOB_EVENTS = st.one_of(
    st.builds(jobs.Taken, _NAMES),
    st.builds(jobs.Returned, _NAMES),
    st.builds(jobs.Progressed, _NAMES, st.just(b"1")),
    st.builds(jobs.Streamed, _NAMES, st.just(b"1")),
    st.builds(jobs.Reported, _NAMES, st.just(b"2"), st.sampled_from([None, "wrong"])),
    st.builds(jobs.Lost, _NAMES),
    st.just(jobs.Cancelled()),
    st.just(jobs.Retried()),
    st.just(jobs.TimePassed()),
)
_STEPS = st.lists(st.tuples(_JOB_EVENTS, st.floats(0, 50)), max_size=40)


def _job() -> Job:
    return Job(
        id="j",
        endpoint="ep",
        sequence=1,
        created=0.0,
        input=b"{}",
        ttl_at=500.0,
        timeout=60.0,
        retention=100.0,
    )


@given(_STEPS)
def test_a_job_has_one_result_from_the_worker_that_held_it(
    steps: list[tuple[jobs.Event, float]],
) -> None:
    """Between retries a job settles at most once, by an event of its holder, a client or a deadline."""
    job, now, results = _job(), 0.0, 0
    for event, passed in steps:
        now += passed
        before = job
        job, effects = jobs.step(job, event, now)
        settled = [effect for effect in effects if isinstance(effect, jobs.Settled)]
        results += len(settled)
        if isinstance(event, jobs.Retried) and job.status is Status.IN_QUEUE:
            results = 0
        assert results <= 1
        assert len(settled) == (job.status.is_final and not before.status.is_final)
        assert job.attempt <= jobs.MAX_ATTEMPTS
        assert (job.status is Status.IN_PROGRESS) == (job.due is not None)
        if isinstance(event, jobs.Reported | jobs.Lost | jobs.Streamed) and effects:
            assert before.worker == event.worker
            assert before.status is Status.IN_PROGRESS
        if before.status.is_final and not isinstance(event, jobs.Retried):
            assert job is before
        if jobs.Forget() in effects:
            assert now >= min(before.ttl_at, before.expires or before.ttl_at)
            break


@given(_STEPS)
def test_a_job_changes_with_time_only_when_its_next_change_is_due(
    steps: list[tuple[jobs.Event, float]],
) -> None:
    job, now = _job(), 0.0
    for event, passed in steps:
        now += passed
        due = jobs.next_change(job)
        _, effects = jobs.step(job, jobs.TimePassed(), now)
        assert bool(effects) == (due <= now and not _keeps_for_ever(job))
        job, _ = jobs.step(job, event, now)


def _keeps_for_ever(job: Job) -> bool:
    return job.status.is_final and job.expires is None


_LIMITS = st.builds(
    lambda low, more, idle, scaler: Limits(
        least=low, most=low + more, idle_timeout=idle, scaler=scaler
    ),
    st.integers(0, 3),
    st.integers(0, 3),
    st.floats(1, 60),
    st.sampled_from(list(Scaler)),
)


@given(
    _LIMITS,
    st.integers(0, 1000),
    st.integers(0, 100),
    st.integers(0, 10),
    st.floats(0, 1000, allow_nan=False),
)
def test_the_number_of_workers_is_within_the_limits(
    limits: Limits, queued: int, running: int, busy: int, wait: float
) -> None:
    load = Load(queued=queued, running=running, busy=busy, oldest_wait=wait)
    number = workers_for(load, limits)
    assert limits.least <= number <= limits.most
    if queued and limits.most:
        assert number >= 1


_POOL_ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["answer", "end", "hold", "free", "release", "want", "tick", "kill", "recycle"]
        ),
        st.integers(0, 7),
        st.floats(0, 20),
    ),
    max_size=60,
)


@given(_LIMITS, _POOL_ACTS)
@settings(deadline=None)
def test_a_pool_keeps_its_laws_whatever_happens(
    limits: Limits, acts: list[tuple[str, int, float]]
) -> None:
    """Never too many workers, none stopped with work, and the old release serves until the new one answers."""
    pool, now, release = workers.Pool(prefix="w", limits=limits), 0.0, 0
    for act, number, passed in acts:
        now += passed
        before = pool
        event = _event(act, number, pool)
        if act == "release":
            release += 1
        pool, effects = worker_steps.step(pool, event, now)
        serving = [worker for worker in pool.workers.values() if worker.serves]
        assert len(serving) <= limits.most + 1
        if len({worker.release for worker in serving}) <= 1:
            assert len(serving) <= limits.most or limits.most == 0
        started = [effect.worker for effect in effects if isinstance(effect, workers.Start)]
        assert len(set(started)) == len(started)
        assert not set(started) & set(before.workers)
        for effect in effects:
            if isinstance(effect, workers.Stop) and effect.grace:
                assert pool.workers[effect.worker].held == 0
        if act == "release" and limits.least > 0:
            had = {worker.id for worker in before.ready() if worker.release == before.serving}
            has = {worker.id for worker in pool.ready()}
            assert has >= had


def _event(act: str, number: int, pool: workers.Pool) -> workers.Event:
    names = sorted(pool.workers)
    worker = names[number % len(names)] if names else "none"
    found = pool.workers.get(worker)
    match act:
        case "answer":
            return workers.BecameReady(worker)
        case "end":
            return workers.Ended(worker)
        case "hold":
            ready = found is not None and found.phase is workers.Phase.READY
            return workers.Holding(worker, number if ready else 0)
        case "free":
            return workers.Holding(worker, 0)
        case "release":
            return workers.Released(f"r{number}")
        case "want":
            return workers.Wanted(number)
        case "kill":
            return workers.Killed(worker)
        case "recycle":
            return workers.Recycled(worker)
        case _:
            return workers.Ticked()


_CHANCES = st.floats(0, 0.1)
_WEATHER = st.builds(
    lambda *chances: Weather(
        **dict(zip(("death", "lost", "double", "late", "untaken", "cancels"), chances, strict=True))
    ),
    *[_CHANCES] * 6,
)


@given(st.integers(0, 2**32), _LIMITS, _WEATHER, st.integers(1, 5))
@settings(deadline=None, max_examples=60)
def test_every_job_gets_exactly_one_result_in_any_weather(
    seed: int, limits: Limits, weather: Weather, slots: int
) -> None:
    if limits.most == 0:
        limits = Limits(least=0, most=1, idle_timeout=limits.idle_timeout)
    platform = VirtualPlatform(limits, seed, weather, slots=slots)
    platform.release("one")
    for round_ in range(3):
        platform.submit(40)
        platform.release(f"release {round_}")
        platform.run(platform.is_idle, 20_000.0)
    end = platform.now + 15.0
    assert len(platform.settled) == 120
    assert set(platform.settled.values()) == {1}
    for job in platform.final.values():
        if job.status is Status.COMPLETED:
            assert job.output == job.input
    assert platform.most_serving <= limits.most + 1
    platform.run(lambda: platform.now > end, 100.0)  # what no worker stopped is killed by then
    assert not any(platform.dispatcher.held_by(name) for name in platform.dispatcher.pool.workers)


def test_a_hundred_thousand_jobs_survive_workers_that_die_at_random() -> None:
    """Each job has one result."""
    platform = VirtualPlatform(
        Limits(least=0, most=8, scaler=Scaler.REQUEST_COUNT, scaler_value=25.0),
        seed=5,
        weather=Weather(
            death=0.01, lost=0.002, double=0.01, late=0.002, untaken=0.005, cancels=0.01
        ),
        slots=25,
    )
    platform.release("one")
    for batch in range(100):
        platform.submit(1000)
        if batch % 20 == 10:
            platform.release(f"release {batch}")
        platform.run(lambda: len(platform.dispatcher.queue) < 500, 10_000.0)
    platform.run(platform.is_idle, 10_000.0)
    assert len(platform.settled) == 100_000
    assert set(platform.settled.values()) == {1}
    states = statuses(platform)
    assert states[Status.COMPLETED] > 90_000
    assert set(states) <= {Status.COMPLETED, Status.CANCELLED, Status.FAILED}
    assert platform.runs > 100_000
