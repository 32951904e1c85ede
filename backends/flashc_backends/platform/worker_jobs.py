"""Answer what workers ask of the core: take jobs, report results, and get the list of jobs to stop."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from . import jobs, workers
from .core import Core
from .dispatcher import Dispatcher
from .faults import DoubleResult, LateResult, LostResult, Point, first
from .polls import Poll, Register, forget
from .records import Job
from .store import StoreError

_IDLE_POLL = 1.0  # seconds; short, because the end of an idle worker does not wake this poll
_REFUSED_POLL = (
    0.25  # seconds; the pause for a worker that gets no jobs any more and asks again at once
)


class WorkerJobs:
    """The requests of workers about the jobs of all endpoints.

    Each method with a parameter `endpoint` raises EndpointGone if the endpoint was deleted.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    async def take(
        self, endpoint: str, worker: str, count: int, seconds: float, register: Register
    ) -> list[Job]:
        """Give up to `count` jobs to a worker; wait up to `seconds` for the first one.

        Raises:
            StoreError: the change of the jobs can't be stored; the jobs stay in the queue.
        """
        dispatcher = self._core.dispatcher(endpoint)
        self._core.note_ready(dispatcher, worker)
        end = time.monotonic() + seconds
        while not dispatcher.is_over:
            if self._core.faults.is_idle(worker) or self._core.faults.is_dying(worker):
                self._core.flush(dispatcher)
                return await _wait_without_jobs(worker, register)
            taken = dispatcher.take(worker, count, time.time())
            if taken:
                await self._core.commit(dispatcher)
                if len(dispatcher.queue):
                    self._core.wake_take(dispatcher)
                for job in taken:
                    self._core.faults.note_work(endpoint, worker, job.id)
                return taken
            self._core.flush(dispatcher)
            poll = Poll(_poll_time(dispatcher, worker, end), worker)
            takes = self._core.takes[endpoint]
            takes.append(poll)
            register(poll)
            if not await poll.wait():
                with suppress(ValueError):
                    takes.remove(poll)
                return []
        return []

    async def give_back(self, taken: list[Job], worker: str) -> None:
        """Return jobs to the queue that did not reach the worker, because its connection ended."""
        dispatcher = self._core.dispatcher(taken[0].endpoint)
        for job in taken:
            dispatcher.report(job.id, jobs.Returned(worker), time.time())
        await self._core.commit(dispatcher)

    async def report(
        self, endpoint: str, job_id: str, event: jobs.Reported | jobs.Progressed | jobs.Streamed
    ) -> bool:
        """Apply a worker's report about a job; return whether the worker still held the job.

        Raises:
            StoreError: the change can't be stored; the job is as it was.
        """
        faults = self._core.faults
        if faults.is_dying(event.worker):
            return False
        if faults.has_faults and isinstance(event, jobs.Reported):
            found = faults.faults_at(Point.RESULT, endpoint, worker=event.worker, job=job_id)
            if first(found, LostResult) is not None:
                return True
            late, double = first(found, LateResult), first(found, DoubleResult)
            if double is not None:
                pause = double.seconds + (late.seconds if late is not None else 0.0)
                faults.run_in_background(self._report_later(endpoint, job_id, event, pause))
            if late is not None:
                faults.run_in_background(self._report_later(endpoint, job_id, event, late.seconds))
                return True
        return await self._report(endpoint, job_id, event)

    async def _report_later(
        self, endpoint: str, job_id: str, event: jobs.Reported, seconds: float
    ) -> None:
        """Apply a worker's report after `seconds`."""
        await asyncio.sleep(seconds)
        with suppress(StoreError):  # then the report is lost
            await self._report(endpoint, job_id, event)

    async def _report(
        self, endpoint: str, job_id: str, event: jobs.Reported | jobs.Progressed | jobs.Streamed
    ) -> bool:
        """Apply a worker's report about a job and store it; return whether the worker held the job."""
        dispatcher = self._core.dispatcher(endpoint)
        held = dispatcher.report(job_id, event, time.time())
        await self._core.commit(dispatcher)
        return held

    def note_idle(self, endpoint: str, worker: str) -> None:
        """Note that a worker which takes one job at a time has none now; requeue the job that it should have."""
        dispatcher = self._core.dispatcher(endpoint)
        if dispatcher.held_by(worker):
            dispatcher.note_idle(worker, time.time())
            self._core.flush(dispatcher)

    def ping(self, endpoint: str, worker: str, listed: frozenset[str]) -> None:
        """Compare the jobs that a worker lists with those that it holds; let the worker stop the others."""
        dispatcher = self._core.dispatcher(endpoint)
        for job_id in dispatcher.ping(worker, listed, time.time()):
            self._core.stop_job(worker, job_id)
        self._core.flush(dispatcher)

    def recycle(self, endpoint: str, worker: str) -> None:
        """Replace a worker that asked to be replaced."""
        self._core.dispatcher(endpoint)  # raises EndpointGone
        self._core.apply_to_workers(endpoint, workers.Recycled(worker))

    async def take_stops(
        self, endpoint: str, worker: str, seconds: float, register: Register
    ) -> list[str]:
        """Wait up to `seconds` until a worker has to stop jobs; return their ids, each of them once."""
        dispatcher = self._core.dispatcher(endpoint)
        if worker not in self._core.stops:
            poll = Poll(_poll_time(dispatcher, worker, time.monotonic() + seconds), worker)
            self._core.stop_polls.setdefault(worker, []).append(poll)
            register(poll)
            await poll.wait()
            forget(self._core.stop_polls, worker, poll)
        stopped = self._core.stops.pop(worker, [])
        for job_id in stopped:
            dispatcher.release_job(worker, job_id, time.time())
        self._core.flush(dispatcher)
        return stopped


def _poll_time(dispatcher: Dispatcher, worker: str, end: float) -> float:
    """Return how many seconds a worker may wait for a job; few if the worker is unknown or is stopping."""
    known = dispatcher.pool.workers.get(worker)
    refused = known is None or known.phase is workers.Phase.STOPPING
    return _REFUSED_POLL if refused else max(end - time.monotonic(), 0.0)


async def _wait_without_jobs(worker: str, register: Register) -> list[Job]:
    """Let a worker wait as if the queue were empty, and return no job."""
    poll = Poll(_IDLE_POLL, worker)
    register(poll)
    await poll.wait()
    return []
