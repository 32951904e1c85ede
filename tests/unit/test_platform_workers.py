"""Rolling releases, roll-backs, back-off and scaling of an endpoint's workers."""

from __future__ import annotations

from msgspec.structs import replace

from flashc_backends.platform import worker_steps, workers
from flashc_backends.platform.dispatcher import Dispatcher, JobChanged
from flashc_backends.platform.records import Job, Limits, Scaler, Status
from flashc_backends.platform.scaling import Load, workers_for
from tests.support.virtual_platform import VirtualPlatform


class _Pool:
    """A pool to which tests send events; it collects the effects."""

    def __init__(self, **limits: float) -> None:
        self.pool = workers.Pool(prefix="w", limits=replace(Limits(), **limits))
        self.now = 100.0
        self.effects: list[workers.Effect] = []

    def send(self, event: workers.Event) -> tuple[workers.Effect, ...]:
        self.pool, effects = worker_steps.step(self.pool, event, self.now)
        self.effects.extend(effects)
        return effects

    def phases(self) -> dict[str, str]:
        return {name: worker.phase.value for name, worker in self.pool.workers.items()}


def test_the_old_release_serves_until_the_new_one_answers() -> None:
    pool = _Pool(least=1)
    assert pool.send(workers.Released("old")) == (workers.Start("w1", "old"),)
    pool.send(workers.BecameReady("w1"))
    assert pool.send(workers.Released("new")) == (workers.Start("w2", "new"),)
    pool.send(workers.ProcessStarted("w2"))
    assert pool.phases() == {"w1": "ready", "w2": "initializing"}
    effects = pool.send(workers.BecameReady("w2"))
    assert effects == (workers.RolledOut("new"), workers.Drain("w1"), workers.Stop("w1", 10.0))
    pool.send(workers.Ended("w1"))
    assert pool.phases() == {"w2": "ready"}


def test_an_old_worker_finishes_what_it_has() -> None:
    pool = _Pool(least=1)
    pool.send(workers.Released("old"))
    pool.send(workers.BecameReady("w1"))
    pool.send(workers.Holding("w1", 1))
    pool.send(workers.Released("new"))
    pool.send(workers.BecameReady("w2"))
    assert pool.phases() == {"w1": "draining", "w2": "ready"}
    assert pool.send(workers.Holding("w1", 0)) == (workers.Stop("w1", 10.0),)


def test_three_workers_are_replaced_with_at_most_one_more() -> None:
    pool = _Pool(least=3, most=3)
    pool.send(workers.Released("old"))
    for name in ("w1", "w2", "w3"):
        pool.send(workers.BecameReady(name))
    pool.send(workers.Released("new"))
    for name in ("w4", "w5", "w6"):
        assert sum(worker.serves for worker in pool.pool.workers.values()) == 4
        pool.send(workers.BecameReady(name))
    assert pool.phases() == {
        "w1": "stopping",
        "w2": "stopping",
        "w3": "stopping",
        "w4": "ready",
        "w5": "ready",
        "w6": "ready",
    }


def test_a_release_that_crashes_twice_is_given_up() -> None:
    pool = _Pool(least=1)
    pool.send(workers.Released("old"))
    pool.send(workers.BecameReady("w1"))
    pool.send(workers.Released("broken"))
    assert pool.send(workers.Ended("w2")) == (workers.Crashed("w2", 0.5),)
    pool.now += 0.5
    assert pool.send(workers.Ticked()) == (workers.Start("w3", "broken"),)
    assert pool.send(workers.Ended("w3")) == (
        workers.Crashed("w3", 0.0),
        workers.RolledBack("broken"),
    )
    pool.now += 60
    assert pool.send(workers.Ticked()) == ()
    assert pool.send(workers.Released("broken")) == ()
    assert pool.phases() == {"w1": "ready"}
    assert pool.send(workers.Released("better")) == (workers.Start("w4", "better"),)


def test_with_no_worker_left_the_old_release_starts_again() -> None:
    pool = _Pool(least=0, idle_timeout=5)
    pool.send(workers.Released("old"))
    pool.send(workers.Wanted(1))
    pool.send(workers.BecameReady("w1"))
    pool.send(workers.Wanted(0))
    pool.now += 5
    pool.send(workers.Ticked())
    pool.send(workers.Ended("w1"))
    pool.send(workers.Released("broken"))
    pool.send(workers.Wanted(1))
    pool.send(workers.Ended("w2"))
    pool.now += 1
    pool.send(workers.Ticked())
    assert pool.send(workers.Ended("w3"))[-1] == workers.Start("w4", "old")


def test_an_only_release_that_crashes_is_started_again_after_growing_pauses() -> None:
    pool = _Pool(least=1)
    pool.send(workers.Released("only"))
    pauses: list[float] = []
    for number in range(1, 9):
        (crash,) = pool.send(workers.Ended(f"w{number}"))
        assert isinstance(crash, workers.Crashed)
        pauses.append(crash.pause)
        pool.now += crash.pause
        pool.send(workers.Ticked())
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_worker_that_does_not_answer_in_time_is_stopped() -> None:
    pool = _Pool(least=1)
    pool.send(workers.Released("slow"))
    pool.now += worker_steps.START_LIMIT
    effects = pool.send(workers.Ticked())
    assert effects == (workers.Stop("w1", 0.0), workers.Crashed("w1", 0.5))
    assert pool.send(workers.Ended("w1")) == ()


def test_idle_workers_end_down_to_the_least() -> None:
    pool = _Pool(least=1, most=3, idle_timeout=10)
    pool.send(workers.Released("one"))
    pool.send(workers.Wanted(3))
    for name in ("w1", "w2", "w3"):
        pool.send(workers.BecameReady(name))
    pool.send(workers.Wanted(0))
    pool.now += 9
    assert pool.send(workers.Ticked()) == ()
    pool.now += 1
    pool.send(workers.Ticked())
    assert sorted(pool.phases().values()) == ["ready", "stopping", "stopping"]


def test_a_closed_pool_ends_its_workers_and_starts_none() -> None:
    pool = _Pool(least=2, most=2)
    pool.send(workers.Released("one"))
    pool.send(workers.BecameReady("w1"))
    pool.send(workers.Closed())
    assert set(pool.phases().values()) == {"stopping"}
    pool.send(workers.Ended("w1"))
    assert pool.send(workers.Ended("w2")) == ()


def test_a_worker_that_asks_for_it_is_replaced() -> None:
    pool = _Pool(least=1)
    pool.send(workers.Released("one"))
    pool.send(workers.BecameReady("w1"))
    assert workers.Start("w2", "one") in pool.send(workers.Recycled("w1"))
    assert pool.phases() == {"w1": "stopping", "w2": "starting"}


def test_queue_delay_adds_a_worker_for_every_delay_that_the_oldest_job_waits() -> None:
    limits = Limits(least=0, most=5, scaler=Scaler.QUEUE_DELAY, scaler_value=4)
    waits = [0.0, 3.9, 4.0, 8.0, 12.0, 60.0]
    loads = [Load(queued=9, running=1, busy=1, oldest_wait=wait) for wait in waits]
    assert [workers_for(load, limits) for load in loads] == [1, 1, 2, 3, 4, 5]


def test_request_count_gives_each_worker_its_share() -> None:
    limits = Limits(least=1, most=4, scaler=Scaler.REQUEST_COUNT, scaler_value=3)
    numbers = [
        workers_for(Load(queued=queued, running=0, busy=0, oldest_wait=0), limits)
        for queued in (0, 3, 4, 9, 100)
    ]
    assert numbers == [1, 1, 2, 3, 4]


def test_an_endpoint_scales_to_zero_and_back() -> None:
    platform = VirtualPlatform(Limits(least=0, most=3, idle_timeout=5), seed=1)
    platform.release("one")
    assert not platform.dispatcher.pool.workers
    platform.submit(20)
    platform.run(platform.is_idle, 60)
    platform.run(lambda: not platform.dispatcher.pool.workers, 60)
    platform.submit(1)
    platform.run(platform.is_idle, 60)
    assert len(platform.settled) == 21


def test_jobs_of_a_dead_worker_come_before_later_ones() -> None:
    dispatcher = _ready_dispatcher()
    for number in range(3):
        dispatcher.submit(_job(f"j{number}", number), 0.0)
    assert [job.id for job in dispatcher.take("w1", 2, 1.0)] == ["j0", "j1"]
    dispatcher.note_end("w1", "killed", 2.0)
    dispatcher.apply_to_workers(workers.Ticked(), 3.0)
    dispatcher.note_ready("w2", 3.0)
    assert [job.id for job in dispatcher.take("w2", 9, 3.0)] == ["j0", "j1", "j2"]


def test_a_job_of_low_priority_waits_for_the_others() -> None:
    dispatcher = _ready_dispatcher()
    dispatcher.submit(replace(_job("low", 1), low_priority=True), 0.0)
    dispatcher.submit(_job("high", 2), 0.0)
    assert [job.id for job in dispatcher.take("w1", 1, 0.0)] == ["high"]
    assert [job.id for job in dispatcher.take("w1", 1, 0.0)] == ["low"]


def test_a_job_that_kills_three_workers_fails() -> None:
    dispatcher = _ready_dispatcher()
    dispatcher.submit(_job("j", 1), 0.0)
    for number in (1, 2, 3):
        now = 100.0 * number
        dispatcher.apply_to_workers(workers.Ticked(), now)
        dispatcher.note_ready(f"w{number}", now)
        assert len(dispatcher.take(f"w{number}", 1, now)) == 1
        dispatcher.note_end(f"w{number}", "out of memory", now + 1)
    changes = [item.job for item in dispatcher.outbox if isinstance(item, JobChanged)]
    assert changes[-1] is not None
    assert changes[-1].status is Status.FAILED
    assert changes[-1].error == "the worker was lost 3 times while it ran this job: out of memory"


def test_a_worker_that_does_not_stop_a_cancelled_job_is_killed() -> None:
    dispatcher = _ready_dispatcher()
    dispatcher.submit(_job("j", 1), 0.0)
    dispatcher.take("w1", 1, 0.0)
    dispatcher.cancel("j", 1.0)
    phases: list[str] = []
    for now in (5.0, 11.5):
        dispatcher.tick(now)
        phases.append(dispatcher.pool.workers["w1"].phase.value)
    assert phases == ["ready", "stopping"]


def test_a_worker_that_stopped_a_job_stays() -> None:
    dispatcher = _ready_dispatcher()
    dispatcher.submit(_job("j", 1), 0.0)
    dispatcher.take("w1", 1, 0.0)
    dispatcher.cancel("j", 1.0)
    dispatcher.release_job("w1", "j", 2.0)
    dispatcher.tick(11.5)
    assert dispatcher.pool.workers["w1"].phase is workers.Phase.READY
    assert dispatcher.pool.workers["w1"].held == 0


def test_a_worker_that_still_lists_a_job_is_told_again_and_then_killed() -> None:
    dispatcher = _ready_dispatcher()
    dispatcher.submit(_job("j", 1), 0.0)
    dispatcher.take("w1", 1, 0.0)
    assert dispatcher.ping("w1", frozenset(["j"]), 0.5) == []
    dispatcher.cancel("j", 1.0)
    dispatcher.release_job("w1", "j", 1.1)  # it was told, and ignored it
    phases: list[str] = []
    for now in (2.0, 8.0, 12.5):
        assert dispatcher.ping("w1", frozenset(["j"]), now) == ["j"]
        dispatcher.tick(now)
        phases.append(dispatcher.pool.workers["w1"].phase.value)
    assert phases == ["ready", "ready", "stopping"]


def test_a_worker_that_lists_a_job_only_until_it_has_stopped_it_stays() -> None:
    dispatcher = _ready_dispatcher()
    for job, now in (("first", 1.0), ("second", 20.0)):
        assert dispatcher.ping("w1", frozenset([job]), now) == [job]
        assert dispatcher.ping("w1", frozenset(), now + 2.0) == []
        assert dispatcher.ping("w1", frozenset([job]), now + 12.0) == [job]
    assert dispatcher.pool.workers["w1"].phase is workers.Phase.READY
    assert dispatcher.ping("gone", frozenset(["first"]), 50.0) == []


def _ready_dispatcher() -> Dispatcher:
    dispatcher = Dispatcher("ep", Limits(least=1), "w")
    dispatcher.apply_to_workers(workers.Released("one"), 0.0)
    dispatcher.note_ready("w1", 0.0)
    return dispatcher


def _job(name: str, number: int) -> Job:
    return Job(
        id=name,
        endpoint="ep",
        sequence=number,
        created=0.0,
        input=b"{}",
        ttl_at=1e6,
        timeout=1e5,
        retention=60,
    )
