"""Make faults happen: count the events, let `faults.py` decide, and remember faults that last for some time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import msgspec

from .account_limits import AccountLimits
from .faults import Death, Event, Fault, Faults, IdleWorker, NoStock, Point, decide, first
from .journal import Journal

_KEPT = 1000


class Injector:
    """The faults that are set for a platform, and the effects that last at present.

    `name_of` returns the name of the endpoint with an id, `kill` kills the process of a worker.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._faults = Faults()
        self._counts: Counter[tuple[Point, str, str]] = Counter()
        self._happened: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._often: Counter[Fault] = Counter()  # since the faults were set
        self._idle: dict[str, float] = {}  # worker -> until when
        self._stock: dict[str, float] = {}  # endpoint -> until when there is none
        self._dying: set[str] = set()
        self._pauses: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.throttled: set[str] = set()
        self.name_of: Callable[[str], str] = lambda endpoint: endpoint
        self.kill: Callable[[str], Awaitable[None]] = _kill_nothing

    def replace_faults(self, faults: Faults) -> None:
        """Replace the faults, and count all events from 1 again.

        Workers that a fault keeps idle get jobs again, and workers whose start a fault delays are started now.
        """
        if faults.fault or self._faults.fault:
            self._journal.note("faults", active=len(faults.fault))
        self._faults = faults
        self._counts.clear()
        self._happened.clear()
        self._often.clear()
        self._idle.clear()
        self._stock.clear()
        for worker in self._pauses:
            self.end_pause(worker)

    @property
    def limits(self) -> AccountLimits:
        """The limits of the account."""
        return self._faults.limits

    @property
    def has_faults(self) -> bool:
        """Whether any fault is set."""
        return bool(self._faults.fault)

    def view(self) -> dict[str, Any]:
        """Return the faults that may happen, how often each of them happened, and the last ones that happened."""
        asked: dict[str, Any] = msgspec.to_builtins(self._faults)
        counts = [self._often[fault] for fault in self._faults.fault]
        return {**asked, "counts": counts, "happened": list(self._happened)}

    def faults_at(
        self, point: Point, endpoint: str, *, caller: str = "", **about: Any
    ) -> list[Fault]:
        """Count an event of an endpoint, and return the faults that happen at this event.

        Each of these faults is recorded in the journal.  `about` are further values for the entries of the journal.
        """
        if not self.has_faults:
            return []
        name = self.name_of(endpoint)
        key = (point, endpoint, caller)
        self._counts[key] += 1
        event = Event(point=point, endpoint=name, number=self._counts[key], caller=caller)
        found = list(decide(self._faults, event))
        for fault in found:
            what: dict[str, Any] = {"fault": fault.kind, "name": name, "number": event.number}
            if caller:
                what["caller"] = caller
            self._often[fault] += 1
            self._happened.append({**what, "time": time.time()})
            self._journal.note("fault", endpoint=endpoint, **what, **about)
        return found

    def run_in_background(self, work: Awaitable[None]) -> None:
        """Run an awaitable in the background; cancel it when the platform ends."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel the tasks in the background."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Workers -------------------------------------------------------------------------------------

    def note_work(self, endpoint: str, worker: str, job: str | None = None) -> None:
        """Note that a worker gets a job or a request; kill the worker if the fault `death` happens."""
        if not self.has_faults:
            return
        death = first(self.faults_at(Point.WORK, endpoint, worker=worker, job=job), Death)
        if death is not None:
            if not death.seconds:
                self._dying.add(worker)
            self.run_in_background(self._die(worker, death.seconds))

    async def _die(self, worker: str, seconds: float) -> None:
        """Kill a worker after `seconds`; the platform ignores what the worker reports while it dies."""
        await asyncio.sleep(seconds)
        self._dying.add(worker)
        await self.kill(worker)

    def is_dying(self, worker: str) -> bool:
        """Return whether a worker is being killed; the platform ignores what such a worker still reports."""
        return worker in self._dying

    def note_worker(self, endpoint: str, worker: str) -> None:
        """Note that a worker of a queue starts; keep the worker idle if the fault `idle-worker` happens."""
        idle = first(self.faults_at(Point.LISTEN, endpoint, worker=worker), IdleWorker)
        if idle is not None:
            until = time.monotonic() + idle.seconds if idle.seconds else float("inf")
            self._idle[worker] = until

    def is_idle(self, worker: str) -> bool:
        """Return whether a fault keeps a worker without jobs now."""
        until = self._idle.get(worker)
        return until is not None and time.monotonic() < until

    def stock_seconds(self, endpoint: str, fault: NoStock | None) -> float:
        """Return for how many seconds no worker of an endpoint may start; `fault`, if it is given, begins now."""
        now = time.monotonic()
        until = self._stock.get(endpoint, now)
        if fault is not None:
            until = max(until, now + fault.seconds)
            self._stock[endpoint] = until
        return max(until - now, 0.0)

    async def pause(self, worker: str, seconds: float) -> None:
        """Wait `seconds` before a worker starts, or until `end_pause` is called for this worker."""
        ended = self._pauses.setdefault(worker, asyncio.Event())
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await ended.wait()

    def end_pause(self, worker: str) -> None:
        """End the pause of a worker, if it has one."""
        if worker in self._pauses:
            self._pauses[worker].set()

    def forget(self, worker: str) -> None:
        """Drop the state of a worker that has ended."""
        self._idle.pop(worker, None)
        self._dying.discard(worker)
        self._pauses.pop(worker, None)
        self.throttled.discard(worker)


async def _kill_nothing(_worker: str) -> None:
    """Do nothing; this takes the place of `kill` on a platform without workers."""
