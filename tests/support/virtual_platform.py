"""Run the platform's machines in virtual time, with workers that die, answer late, twice or never."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from flashc_backends.platform import jobs, workers
from flashc_backends.platform.dispatcher import Dispatcher, JobChanged, WorkerDue
from flashc_backends.platform.records import Job, Limits, Status

_TICK = 0.25


@dataclass(frozen=True, kw_only=True)
class Weather:
    """How likely it is that something goes wrong."""

    death: float = 0.0  # of a worker, per job
    lost: float = 0.0  # an answer never arrives
    double: float = 0.0  # an answer arrives twice
    late: float = 0.0  # an answer arrives long after the job
    untaken: float = 0.0  # the connection ends before the job reaches the worker
    cancels: float = 0.0  # by the client, per job


@dataclass
class VirtualPlatform:
    """One endpoint with simulated workers.  `broken` are releases whose workers end before they are ready."""

    limits: Limits
    seed: int
    weather: Weather = field(default_factory=Weather)
    slots: int = 4
    broken: frozenset[str] = frozenset()
    start_time: float = 0.5
    job_time: float = 0.05

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.now = 0.0
        self.dispatcher = Dispatcher("ep", self.limits, "w")
        self.settled: Counter[str] = Counter()
        self.final: dict[str, Job] = {}
        self.alive: dict[str, str] = {}  # worker -> release
        self.draining: set[str] = set()
        self.taking: set[str] = set()
        self.working: dict[str, set[str]] = {}  # worker -> jobs that it still works on
        self.effects: list[workers.Effect] = []
        self.most_serving = 0
        self.runs = 0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self.at(0.0, self._tick)

    def at(self, time: float, action: Callable[[], None]) -> None:
        """Do something at a time."""
        self._number += 1
        heapq.heappush(self._agenda, (time, self._number, action))

    def release(self, name: str) -> None:
        """Deploy a release now."""
        self.dispatcher.apply_to_workers(workers.Released(name), self.now)
        self._drain_outbox()

    def submit(self, count: int, *, timeout: float = 600.0, ttl: float = 86400.0) -> None:
        """Submit jobs now."""
        for _ in range(count):
            self._number += 1
            job = Job(
                id=f"job{self._number}",
                endpoint="ep",
                sequence=self._number,
                created=self.now,
                input=b"%d" % self._number,
                ttl_at=self.now + ttl,
                timeout=timeout,
                retention=60.0,
            )
            self.dispatcher.submit(job, self.now)
            if self.random.random() < self.weather.cancels:
                delay = self.random.expovariate(1 / self.job_time)
                self.at(self.now + delay, self._calling(self._cancel, job.id))
        self._drain_outbox()

    def run(self, until: Callable[[], bool], limit: float) -> None:
        """Let time pass until the condition holds, at most for `limit` seconds.

        Raises:
            TimeoutError: it does not hold then.
        """
        end = self.now + limit
        while not until():
            time, _, action = heapq.heappop(self._agenda)
            if time > end:
                raise TimeoutError(
                    f"{self.dispatcher.current_load(self.now)} {self.dispatcher.pool}"
                )
            self.now = max(self.now, time)
            action()
            self._drain_outbox()

    def is_idle(self) -> bool:
        """Return whether all jobs are final."""
        return not self.dispatcher.jobs

    # The platform's side -------------------------------------------------------------------------

    def _calling(self, function: Callable[..., None], *arguments: object) -> Callable[[], None]:
        return lambda: function(*arguments)

    def _tick(self) -> None:
        self.dispatcher.tick(self.now)
        self.at(self.now + _TICK, self._tick)

    def _cancel(self, job_id: str) -> None:
        self.dispatcher.cancel(job_id, self.now)

    def _drain_outbox(self) -> None:
        for item in self.dispatcher.outbox:
            match item:
                case JobChanged():
                    self._note(item)
                case WorkerDue(effect):
                    self.effects.append(effect)
                    self._act(effect)
        woken = bool(self.dispatcher.outbox)
        self.dispatcher.outbox.clear()
        serving = sum(1 for w in self.dispatcher.pool.workers.values() if w.serves)
        self.most_serving = max(self.most_serving, serving)
        if woken and len(self.dispatcher.queue):
            for worker in list(self.alive):
                if worker not in self.taking and worker not in self.draining:
                    self.taking.add(worker)
                    self.at(self.now, self._calling(self._take, worker))

    def _note(self, change: JobChanged) -> None:
        if any(isinstance(effect, jobs.Settled) for effect in change.effects):
            assert change.job is not None
            self.settled[change.id] += 1
            self.final[change.id] = change.job

    def _act(self, effect: workers.Effect) -> None:
        match effect:
            case workers.Start(worker, release):
                delay = self.random.uniform(0.5, 1.5) * self.start_time
                self.at(self.now + delay, self._calling(self._begin, worker, release))
            case workers.Drain(worker):
                self.draining.add(worker)
            case workers.Stop(worker, grace):
                delay = min(grace, 0.05)
                self.at(self.now + delay, self._calling(self._end, worker))
            case _:
                pass

    # The workers' side ---------------------------------------------------------------------------

    def _begin(self, worker: str, release: str) -> None:
        if worker not in self.dispatcher.pool.workers:
            return
        if release in self.broken:
            self._end(worker)
            return
        self.alive[worker] = release
        self.dispatcher.note_ready(worker, self.now)
        self.taking.add(worker)
        self._take(worker)

    def _end(self, worker: str) -> None:
        self.alive.pop(worker, None)
        self.taking.discard(worker)
        self.dispatcher.note_end(worker, "killed", self.now)

    def _take(self, worker: str) -> None:
        self.taking.discard(worker)
        free = self.slots - len(self.dispatcher.held_by(worker))
        if worker not in self.alive or free <= 0:
            return
        for job in self.dispatcher.take(worker, free, self.now):
            if self.random.random() < self.weather.untaken:
                self.dispatcher.report(job.id, jobs.Returned(worker), self.now)
                continue
            self._work(worker, job)

    def _work(self, worker: str, job: Job) -> None:
        self.runs += 1
        self.working.setdefault(worker, set()).add(job.id)
        done = self.now + self.random.expovariate(1 / self.job_time)
        chance = self.random.random
        if chance() < self.weather.death:
            self.at(done, self._calling(self._end, worker))
            return
        if chance() < self.weather.lost:
            self.at(done, self._calling(self.working[worker].discard, job.id))
            self.at(done + 1.0, self._calling(self._ping, worker))
            self.at(done + 2.0, self._calling(self._ping, worker))
            return
        if chance() < self.weather.late:
            done += 30.0
        self.at(done, self._calling(self._answer, worker, job))
        if chance() < self.weather.double:
            self.at(done + 1.0, self._calling(self._answer, worker, job))

    def _ping(self, worker: str) -> None:
        if worker in self.alive:
            self.dispatcher.ping(worker, frozenset(self.working[worker]), self.now)

    def _answer(self, worker: str, job: Job) -> None:
        if worker not in self.alive:
            return  # a dead worker's answer does not leave the machine
        self.working[worker].discard(job.id)
        self.dispatcher.report(job.id, jobs.Reported(worker, job.input), self.now)
        if worker in self.alive and worker not in self.taking and worker not in self.draining:
            self._take(worker)


def statuses(platform: VirtualPlatform) -> Counter[Status]:
    """Return how many jobs have each final state."""
    return Counter(job.status for job in platform.final.values())
