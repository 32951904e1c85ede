"""Run the platform's machines in virtual time with faults on request, as `injection.py` makes them happen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from flashc_backends.platform import jobs, workers
from flashc_backends.platform.faults import (
    ColdStart,
    Death,
    DoubleResult,
    Event,
    Fault,
    Faults,
    IdleWorker,
    LateResult,
    LostResult,
    Point,
    decide,
    first,
)
from flashc_backends.platform.records import Job
from tests.support.virtual_platform import VirtualPlatform


@dataclass
class FaultyPlatform(VirtualPlatform):
    """`happened` are the faults that happened, in order."""

    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self.happened: list[tuple[str, int]] = []
        self._counts: Counter[Point] = Counter()
        self._idle: dict[str, float] = {}
        super().__post_init__()

    def ask(self, point: Point) -> tuple[Fault, ...]:
        self._counts[point] += 1
        found = decide(self.faults, Event(point=point, endpoint="ep", number=self._counts[point]))
        self.happened += [(fault.kind, self._counts[point]) for fault in found]
        return found

    def _begin(self, worker: str, release: str) -> None:
        idle = first(self.ask(Point.LISTEN), IdleWorker)
        if idle is not None:
            self._idle[worker] = self.now + idle.seconds
            self.at(self.now + idle.seconds, self._calling(self._take, worker))
        super()._begin(worker, release)

    def _act(self, effect: workers.Effect) -> None:
        cold = (
            first(self.ask(Point.START), ColdStart) if isinstance(effect, workers.Start) else None
        )
        if cold is None:
            super()._act(effect)
        else:
            start = super()._act
            self.at(self.now + cold.seconds, lambda: start(effect))

    def _take(self, worker: str) -> None:
        if self.now < self._idle.get(worker, 0.0):
            self.taking.discard(worker)
            return
        super()._take(worker)

    def _work(self, worker: str, job: Job) -> None:
        death = first(self.ask(Point.WORK), Death)
        if death is not None:
            self.at(self.now + death.seconds, self._calling(self._end, worker))
        super()._work(worker, job)

    def _answer(self, worker: str, job: Job) -> None:
        if worker not in self.alive:
            return
        found = self.ask(Point.RESULT)
        self.working[worker].discard(job.id)
        late, double = first(found, LateResult), first(found, DoubleResult)
        pause = late.seconds if late is not None else 0.0
        if first(found, LostResult) is not None:
            self.at(self.now + 1.0, self._calling(self._ping, worker))
            self.at(self.now + 2.0, self._calling(self._ping, worker))
        else:
            self.at(self.now + pause, self._calling(self._arrive, worker, job))
            if late is not None:  # meanwhile the worker's pings do not list the job
                self.at(self.now + 1.0, self._calling(self._ping, worker))
                self.at(self.now + 2.0, self._calling(self._ping, worker))
            if double is not None:
                again = self.now + pause + double.seconds
                self.at(again, self._calling(self._arrive, worker, job))
        if worker not in self.taking and worker not in self.draining:
            self._take(worker)

    def _arrive(self, worker: str, job: Job) -> None:
        """Apply a result, of a worker that may have died since."""
        self.dispatcher.report(job.id, jobs.Reported(worker, job.input), self.now)
