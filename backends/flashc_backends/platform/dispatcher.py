"""Hold the jobs, the queue and the workers of one endpoint, and apply every event to them.

A dispatcher does no input or output and reads no clock, so that tests can run it in virtual time.  It puts what the
core has to store, start or stop into its outbox, in order.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from msgspec import Struct

from . import jobs, worker_steps, workers
from .ready import ReadyQueue
from .records import Job, Limits, Status
from .scaling import Load, workers_for
from .workers import Pool

STOP_SECONDS = 10.0  # seconds that a worker has to stop a job before it is killed
_MISSED_PINGS = 2
_COMPACT_ABOVE = 1000  # entries of `_deadlines`; outdated entries stay in it until they are due
_LOST_ANSWER = "the worker did not receive the job"


class JobChanged(Struct, frozen=True, gc=False, kw_only=True):
    """A job has changed from `before` (None: it is new) to `job` (None: it is deleted)."""

    id: str
    before: Job | None
    job: Job | None
    effects: tuple[jobs.Effect, ...]


class WorkerDue(Struct, frozen=True):
    """The engine has something to do for a worker, or the release changed."""

    effect: workers.Effect


Outgoing = JobChanged | WorkerDue


class Counts(Struct):
    """How many jobs of an endpoint completed, failed, or were run again."""

    completed: int = 0
    failed: int = 0
    retried: int = 0


class Dispatcher:
    """The jobs and workers of one endpoint.

    `jobs` has the jobs that are not final.  After every call, the caller empties the outbox.
    """

    def __init__(self, endpoint: str, limits: Limits, prefix: str) -> None:
        self.endpoint = endpoint
        self.pool = Pool(prefix=prefix, limits=limits)
        self.jobs: dict[str, Job] = {}
        self.queue = ReadyQueue()
        self.counts = Counts()
        self.outbox: list[Outgoing] = []
        self.requests_waiting: list[float] = []  # since when requests to a load balancer wait
        self._held: dict[str, set[str]] = {}
        self._requests: dict[str, int] = {}
        self._missed: dict[str, dict[str, int]] = {}
        # For each worker, the jobs that it reports as running, although they are not assigned to it, and since when.
        self._stray_since: dict[str, dict[str, float]] = {}
        self._stops: list[tuple[float, str, str]] = []
        self._deadlines: list[tuple[float, str]] = []

    # Jobs ----------------------------------------------------------------------------------------

    def submit(self, job: Job, now: float) -> None:
        """Put a new job into the queue."""
        self._put(None, job)
        self.outbox.append(JobChanged(id=job.id, before=None, job=job, effects=()))
        self._scale_unless_at_maximum(now)

    def load_jobs(self, stored: Iterable[Job], now: float) -> None:
        """Add the jobs that the store kept over a restart; jobs in progress return to the queue.

        The workers of these jobs ended with the platform that had started them.
        """
        for job in stored:
            self._put(None, job)
            if job.status is Status.IN_PROGRESS and job.worker is not None:
                self._apply(job, jobs.Returned(job.worker), now)

    def take(self, worker: str, count: int, now: float) -> list[Job]:
        """Give up to `count` jobs to a worker that is ready."""
        known = self.pool.workers.get(worker)
        taken: list[Job] = []
        if known is None or known.phase is not workers.Phase.READY:
            return taken
        while len(taken) < count and (job := self.queue.first()) is not None:
            after = self._apply(job, jobs.Taken(worker), now)
            if after is None or after is job:
                self._check_time_limits(job, now)  # its time to live is over
            else:
                taken.append(after)
        if taken:
            self._scale_unless_at_maximum(now)
        return taken

    def report(
        self,
        job_id: str,
        event: jobs.Reported | jobs.Progressed | jobs.Streamed | jobs.Returned,
        now: float,
    ) -> bool:
        """Apply a worker's report about a job; return False, and ignore it, if the worker does not hold the job."""
        job = self.jobs.get(job_id)
        if job is None or job.worker != event.worker or job.status is not Status.IN_PROGRESS:
            self.release_job(event.worker, job_id, now)
            return False
        self._apply(job, event, now)
        return True

    def cancel(self, job_id: str, now: float) -> Job | None:
        """Cancel a job, if it is not final."""
        job = self.jobs.get(job_id)
        return None if job is None else self._apply(job, jobs.Cancelled(), now)

    def retry(self, job: Job, now: float) -> Job | None:
        """Run a final job again; return None if its state does not allow that."""
        after = self._apply(job, jobs.Retried(), now)
        if after is None or after is job:
            return None
        self.counts.retried += 1
        self.scale(now)
        return after

    def purge(self, now: float) -> int:
        """Cancel all jobs that wait, and return their number."""
        waiting = list(self.queue)
        for job in waiting:
            self._apply(job, jobs.Cancelled(), now)
        return len(waiting)

    def restore(self, job_id: str, stored: Job | None) -> None:
        """Replace a job by its stored state after a failed write; `stored` is None if the store does not have it."""
        self._put(self.jobs.get(job_id), stored)

    def held_by(self, worker: str) -> set[str]:
        """Return the ids of the jobs that a worker works on."""
        return self._held.get(worker, set())

    def note_idle(self, worker: str, now: float) -> None:
        """Requeue the jobs of a worker that says that it is idle: the answer with these jobs did not reach it."""
        for job_id in list(self.held_by(worker)):
            self._lose(worker, job_id, _LOST_ANSWER, now)

    def ping(self, worker: str, listed: frozenset[str], now: float) -> list[str]:
        """Compare the jobs that a worker reports with those assigned to it; return those that it has to stop.

        A job that the worker omits twice in a row is requeued.  A job that the worker reports as running, although it
        is not assigned to the worker, is returned at every ping, because a worker ignores a stop for a job that it
        has not begun.  If the worker still reports the job after `STOP_SECONDS`, the worker is killed.
        """
        before = self._missed.get(worker, {})
        missed = {job_id: before.get(job_id, 0) + 1 for job_id in self.held_by(worker) - listed}
        for job_id, times in list(missed.items()):
            if times >= _MISSED_PINGS:
                del missed[job_id]
                self._lose(worker, job_id, _LOST_ANSWER, now)
        if worker not in self.pool.workers:
            return []
        self._missed[worker] = missed
        stray = sorted(listed - self.held_by(worker))
        since = self._stray_since.pop(worker, {})
        if stray:
            since = self._stray_since[worker] = {name: since.get(name, now) for name in stray}
            if min(since.values()) + STOP_SECONDS <= now:
                self.apply_to_workers(workers.Killed(worker), now)
        return stray

    # Workers -------------------------------------------------------------------------------------

    def apply_to_workers(self, event: workers.Event, now: float) -> None:
        """Apply an event to the pool of workers, and put its effects into the outbox."""
        self.pool, effects = worker_steps.step(self.pool, event, now)
        self.outbox.extend(WorkerDue(effect) for effect in effects)

    def note_ready(self, worker: str, now: float) -> bool:
        """Note that a worker is ready; return True if it was starting until now."""
        known = self.pool.workers.get(worker)
        starting = (workers.Phase.STARTING, workers.Phase.INITIALIZING)
        if known is None or known.phase not in starting:
            return False
        self.apply_to_workers(workers.BecameReady(worker), now)
        return True

    def note_end(self, worker: str, reason: str, now: float) -> None:
        """Note that a worker's process ended; return its jobs to the queue."""
        self._missed.pop(worker, None)
        self._stray_since.pop(worker, None)
        for job_id in list(self.held_by(worker)):
            self._lose(worker, job_id, reason, now)
        self._held.pop(worker, None)
        self._requests.pop(worker, None)
        self.apply_to_workers(workers.Ended(worker), now)
        self.scale(now)

    def count_request(self, worker: str, change: int, now: float) -> None:
        """Note that a request to a load-balanced worker began (1) or ended (-1)."""
        if worker in self.pool.workers:
            self._requests[worker] = self._requests.get(worker, 0) + change
            self._note_held(worker, now)

    def current_load(self, now: float) -> Load:
        """Return how many jobs and requests wait and run now, and how long the oldest has waited."""
        oldest = self.queue.oldest()
        waits = [*self.requests_waiting, *([oldest] if oldest is not None else [])]
        busy = [worker.held for worker in self.pool.workers.values() if worker.held]
        return Load(
            queued=len(self.queue) + len(self.requests_waiting),
            running=sum(busy),
            busy=len(busy),
            oldest_wait=max(now - min(waits), 0.0) if waits else 0.0,
        )

    def scale(self, now: float) -> None:
        """Compute how many workers the load needs, and let the pool start or end workers."""
        wanted = workers_for(self.current_load(now), self.pool.limits)
        if wanted != self.pool.wanted:
            self.apply_to_workers(workers.Wanted(wanted), now)

    def _scale_unless_at_maximum(self, now: float) -> None:
        """Scale now; at the maximum leave it to the next tick, because more workers are impossible."""
        if self.pool.wanted < self.pool.limits.most:
            self.scale(now)

    @property
    def is_over(self) -> bool:
        """Whether the endpoint is deleted, and nothing of it is left."""
        left = (self.pool.workers, self.jobs, self.requests_waiting, self.outbox)
        return self.pool.closed and not any(left)

    # Time ----------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Apply the events that are due: time-outs of jobs, kills of workers that ignore a stop, scaling, idle time."""
        while self._deadlines and self._deadlines[0][0] <= now:
            job = self.jobs.get(heapq.heappop(self._deadlines)[1])
            if job is not None:
                self._check_time_limits(job, now)
        while self._stops and self._stops[0][0] <= now:
            _, worker, job_id = heapq.heappop(self._stops)
            if job_id in self.held_by(worker):
                self.apply_to_workers(workers.Killed(worker), now)
        self.scale(now)
        self.apply_to_workers(workers.Ticked(), now)

    def release_job(self, worker: str, job_id: str, now: float) -> None:
        """Clear a job from the held jobs of a worker that no longer works on it."""
        held = self._held.get(worker)
        if held is not None:
            held.discard(job_id)
            self._note_held(worker, now)

    # Inside --------------------------------------------------------------------------------------

    def _apply(self, job: Job, event: jobs.Event, now: float) -> Job | None:
        """Apply an event to a job; return the job as it is after that, None if the job is deleted."""
        after, effects = jobs.step(job, event, now)
        if after is job and not effects:
            return job
        kept = None if any(isinstance(effect, jobs.Forget) for effect in effects) else after
        was_known = job.id in self.jobs
        self._put(job if was_known else None, kept)
        self.outbox.append(JobChanged(id=job.id, before=job, job=kept, effects=effects))
        for effect in effects:
            if isinstance(effect, jobs.StopJob):
                self._held.setdefault(effect.worker, set()).add(job.id)
                heapq.heappush(self._stops, (now + STOP_SECONDS, effect.worker, job.id))
        if kept is not None and kept.status.is_final and not job.status.is_final:
            self._count(kept)
        for worker in {job.worker, after.worker} - {None}:
            self._note_held(str(worker), now)
        return kept

    def _lose(self, worker: str, job_id: str, reason: str, now: float) -> None:
        """Requeue a job whose worker no longer has it.

        If the job is not assigned to the worker, only clear it from the worker's held jobs.
        """
        job = self.jobs.get(job_id)
        if job is None or job.worker != worker:
            self.release_job(worker, job_id, now)
        else:
            self._apply(job, jobs.Lost(worker, reason), now)

    def _check_time_limits(self, job: Job, now: float) -> None:
        """Apply the time limits of a job: its time-out, and its time to live."""
        self._apply(job, jobs.TimePassed(), now)

    def _put(self, before: Job | None, after: Job | None) -> None:
        """Update the indexes for a job that changes from `before` to `after`; None means that there is none."""
        if before is not None:
            self.jobs.pop(before.id, None)
            self.queue.remove(before.id)
            if before.worker is not None and before.worker in self._held:
                self._held[before.worker].discard(before.id)
        if after is None or after.status.is_final:
            return
        self.jobs[after.id] = after
        if after.status is Status.IN_QUEUE:
            self.queue.add(after)
        elif after.worker is not None:
            self._held.setdefault(after.worker, set()).add(after.id)
        heapq.heappush(self._deadlines, (jobs.next_change(after), after.id))
        if len(self._deadlines) > _COMPACT_ABOVE + 4 * len(self.jobs):
            self._deadlines = [(jobs.next_change(job), job.id) for job in self.jobs.values()]
            heapq.heapify(self._deadlines)

    def _note_held(self, worker: str, now: float) -> None:
        """Tell the pool how many jobs and requests a worker works on, if the number has changed."""
        held = len(self.held_by(worker)) + self._requests.get(worker, 0)
        known = self.pool.workers.get(worker)
        if known is not None and known.held != held:
            self.apply_to_workers(workers.Holding(worker, held), now)

    def _count(self, job: Job) -> None:
        """Count a job that has completed or failed."""
        if job.status is Status.COMPLETED:
            self.counts.completed += 1
        elif job.status in (Status.FAILED, Status.TIMED_OUT):
            self.counts.failed += 1
