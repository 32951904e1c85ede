"""Run the dispatchers of all endpoints: the clock, the store, and whoever waits for something.

Everything here happens in one event loop.  A method that changes a job returns when the change is committed.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

from msgspec import Struct

from . import jobs, workers
from .dispatcher import Dispatcher, JobChanged, Outgoing, WorkerDue
from .journal import Journal
from .polls import Poll, Register
from .records import Body, Job, Limits, Status
from .store import Statement, Store, StoreError, insert_job, update_job

RUN_RETENTION = 1800.0  # seconds that the result of a job is kept
SYNC_RETENTION = 60.0
DEFAULT_TIMEOUT = 600.0
DEFAULT_TTL = 86400.0
_TICK = 0.1
_SWEEP = 30.0
_REFUSED_POLL = 0.25  # a worker that gets nothing more asks again at once


class Submission(Struct, frozen=True, kw_only=True):
    """What a client asks for when it submits a job."""

    input: bytes
    extra: bytes = b""
    sync: bool = False
    timeout: float = 0.0  # 0: the endpoint's
    ttl: float = DEFAULT_TTL
    low_priority: bool = False
    webhook: str | None = None
    traceparent: str | None = None


class Core:
    """The jobs and workers of all endpoints.  `act` carries out what is due for workers."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self.store = store
        self.journal = journal
        self.dispatchers: dict[str, Dispatcher] = {}
        self.act: Callable[[Dispatcher, workers.Effect], None] = lambda _dispatcher, _effect: None
        self.settled: Callable[[], None] = lambda: None  # called when a job with a webhook is final
        self._sequence = store.last_sequence()
        self._run = secrets.token_hex(3)  # makes ids of workers unique over restarts
        self._results: dict[str, list[Poll]] = {}
        self._takes: dict[str, deque[Poll]] = {}
        self._stop_polls: dict[str, list[Poll]] = {}
        self._stops: dict[str, list[str]] = {}
        self._ready_polls: dict[str, list[Poll]] = {}

    # Endpoints -----------------------------------------------------------------------------------

    def open(self, endpoint: str, limits: Limits) -> Dispatcher:
        """Return the dispatcher of an endpoint with these limits; the first time it gets the stored jobs."""
        now = time.time()
        dispatcher = self.dispatchers.get(endpoint)
        if dispatcher is None:
            prefix = f"w{self._run}{len(self.dispatchers):x}x"
            dispatcher = self.dispatchers[endpoint] = Dispatcher(endpoint, limits, prefix)
            self._takes[endpoint] = deque()
            self._load(dispatcher, now)
        elif dispatcher.pool.limits != limits:
            dispatcher.workers_event(workers.Configured(limits), now)
            dispatcher.scale(now)
        self.flush(dispatcher)
        return dispatcher

    def _load(self, dispatcher: Dispatcher, now: float) -> None:
        dispatcher.load(self.store.open_jobs(dispatcher.endpoint), now)
        for status, count in self.store.counts(dispatcher.endpoint).items():
            if status is Status.COMPLETED:
                dispatcher.counts.completed = count
            elif status in (Status.FAILED, Status.TIMED_OUT):
                dispatcher.counts.failed += count

    def release(self, endpoint: str, release: str) -> None:
        """Roll an endpoint out to a release."""
        dispatcher = self.dispatchers[endpoint]
        dispatcher.workers_event(workers.Released(release), time.time())
        self.flush(dispatcher)

    async def close_endpoint(self, endpoint: str) -> None:
        """Cancel the jobs of an endpoint, end its workers and forget it."""
        dispatcher = self.dispatchers.get(endpoint)
        if dispatcher is None:
            return
        for job_id in list(dispatcher.jobs):
            dispatcher.cancel(job_id, time.time())
        dispatcher.workers_event(workers.Closed(), time.time())
        await self._commit(dispatcher)
        for poll in self._takes[endpoint]:
            poll.wake(False)

    # Jobs of clients -----------------------------------------------------------------------------

    async def submit(self, endpoint: str, wish: Submission, timeout: float) -> Job:
        """Put a job into the queue of an endpoint, whose jobs have the time-out `timeout` by default.

        Raises:
            StoreError: it can't be stored; it is not in the queue.
        """
        now = time.time()
        self._sequence += 1
        body = await self.spilled(wish.input)
        job = Job(
            id=f"{'sync-' if wish.sync else ''}{uuid.uuid4()}-u1",
            endpoint=endpoint,
            sequence=self._sequence,
            created=now,
            input=body,
            extra=wish.extra,
            ttl_at=now + wish.ttl,
            timeout=wish.timeout or timeout or DEFAULT_TIMEOUT,
            retention=SYNC_RETENTION if wish.sync else RUN_RETENTION,
            low_priority=wish.low_priority,
            webhook=wish.webhook,
            traceparent=wish.traceparent,
        )
        dispatcher = self.dispatchers[endpoint]
        dispatcher.submit(job, now)
        await self._commit(dispatcher)
        return job

    async def spilled(self, body: bytes) -> Body:
        """Return what the store keeps of a body.

        Raises:
            StoreError: its file can't be written.
        """
        if self.store.is_small(body):
            return body
        return await asyncio.to_thread(self.store.spill, body)

    def find(self, endpoint: str, job_id: str) -> Job | None:
        """Return a job of an endpoint, None if there is none of this id.

        Raises:
            StoreError: the store can't be read.
        """
        dispatcher = self.dispatchers.get(endpoint)
        job = dispatcher.jobs.get(job_id) if dispatcher is not None else None
        if job is None:
            job = self.store.job(job_id)
        if job is None or job.endpoint != endpoint:
            return None
        expired = job.expires is not None and job.expires <= time.time()
        return None if expired else job

    async def result(
        self, endpoint: str, job_id: str, seconds: float, register: Register
    ) -> Job | None:
        """Wait until a job is final, at most `seconds`; return it as it is then, None if it is gone."""
        dispatcher = self.dispatchers[endpoint]
        if job_id in dispatcher.jobs:
            poll = Poll(seconds)
            self._results.setdefault(job_id, []).append(poll)
            register(poll)
            await poll.wait()
            self._forget(self._results, job_id, poll)
        return self.find(endpoint, job_id)

    async def cancel(self, job: Job) -> Job:
        """Cancel a job; a final one stays as it is."""
        dispatcher = self.dispatchers[job.endpoint]
        after = dispatcher.cancel(job.id, time.time())
        await self._commit(dispatcher)
        return after or job

    async def retry(self, job: Job) -> Job | None:
        """Run a failed job again; return None if it did not fail."""
        dispatcher = self.dispatchers[job.endpoint]
        if job.id in dispatcher.jobs:
            return None
        after = dispatcher.retry(job, time.time())
        await self._commit(dispatcher)
        return after

    async def purge(self, endpoint: str) -> int:
        """Cancel the jobs that wait, and return their number."""
        dispatcher = self.dispatchers[endpoint]
        count = dispatcher.purge(time.time())
        await self._commit(dispatcher)
        return count

    async def take_parts(self, job_id: str) -> list[bytes]:
        """Return the parts of a stream since the last call; each is returned once."""
        parts = self.store.parts(job_id)
        if parts:
            last = parts[-1][0]
            await self.store.write(
                [Statement("DELETE FROM part WHERE job=? AND number<=?", (job_id, last))]
            )
        return [body for _, body in parts]

    # Workers' requests ---------------------------------------------------------------------------

    async def take(
        self, endpoint: str, worker: str, count: int, seconds: float, register: Register
    ) -> list[Job]:
        """Give up to `count` jobs to a worker; wait up to `seconds` for the first.

        Raises:
            StoreError: the hand-out can't be stored; the jobs stay in the queue.
        """
        dispatcher = self.dispatchers[endpoint]
        self._answered(dispatcher, worker)
        end = time.monotonic() + seconds
        while True:
            taken = dispatcher.take(worker, count, time.time())
            if taken:
                await self._commit(dispatcher)
                if len(dispatcher.queue):
                    self._wake_take(dispatcher)
                return taken
            self.flush(dispatcher)
            poll = Poll(self._poll_time(dispatcher, worker, end), worker)
            self._takes[endpoint].append(poll)
            register(poll)
            if not await poll.wait():
                with suppress(ValueError):
                    self._takes[endpoint].remove(poll)
                return []

    def _poll_time(self, dispatcher: Dispatcher, worker: str, end: float) -> float:
        known = dispatcher.pool.workers.get(worker)
        refused = known is None or known.phase is workers.Phase.STOPPING
        return _REFUSED_POLL if refused else max(end - time.monotonic(), 0.0)

    async def give_back(self, taken: list[Job], worker: str) -> None:
        """Return jobs to the queue whose hand-out did not reach the worker."""
        dispatcher = self.dispatchers[taken[0].endpoint]
        for job in taken:
            dispatcher.report(job.id, jobs.Returned(worker), time.time())
        await self._commit(dispatcher)

    async def report(
        self, endpoint: str, job_id: str, event: jobs.Reported | jobs.Progressed | jobs.Streamed
    ) -> bool:
        """Apply what a worker says about a job; return whether it still held the job.

        Raises:
            StoreError: it can't be stored; the job is as it was.
        """
        dispatcher = self.dispatchers[endpoint]
        held = dispatcher.report(job_id, event, time.time())
        await self._commit(dispatcher)
        return held

    def expect_idle(self, endpoint: str, worker: str) -> None:
        """Note that a worker with one slot works on nothing."""
        dispatcher = self.dispatchers[endpoint]
        if dispatcher.held_by(worker):
            dispatcher.expect_idle(worker, time.time())
            self.flush(dispatcher)

    def ping(self, endpoint: str, worker: str, listed: frozenset[str]) -> None:
        """Note the jobs that a worker says it works on."""
        dispatcher = self.dispatchers[endpoint]
        dispatcher.ping(worker, listed, time.time())
        self.flush(dispatcher)

    def recycle(self, endpoint: str, worker: str) -> None:
        """Replace a worker that asks for it."""
        self.workers_event(endpoint, workers.Recycled(worker))

    async def stops(
        self, endpoint: str, worker: str, seconds: float, register: Register
    ) -> list[str]:
        """Return the ids of the jobs that a worker has to stop; wait up to `seconds` for the first."""
        dispatcher = self.dispatchers[endpoint]
        if worker not in self._stops:
            poll = Poll(self._poll_time(dispatcher, worker, time.monotonic() + seconds), worker)
            self._stop_polls.setdefault(worker, []).append(poll)
            register(poll)
            await poll.wait()
            self._forget(self._stop_polls, worker, poll)
        stopped = self._stops.pop(worker, [])
        for job_id in stopped:
            dispatcher.stopped(worker, job_id, time.time())
        self.flush(dispatcher)
        return stopped

    # Requests to load balancers ------------------------------------------------------------------

    async def acquire(
        self,
        endpoint: str,
        seconds: float,
        register: Register,
        wish: str = "",
        strict: bool = False,
    ) -> str | None:
        """Return a ready worker for a request; wait for one up to `seconds`, then return None.

        `wish` is a worker that the client prefers; with `strict` no other will do.  `free` ends the request.
        """
        dispatcher = self.dispatchers[endpoint]
        since, end = time.time(), time.monotonic() + seconds
        while True:
            found = _least_busy(dispatcher, wish, strict)
            if found is not None:
                dispatcher.requests(found, 1, time.time())
                dispatcher.scale(time.time())
                self.flush(dispatcher)
                return found
            if strict and wish not in dispatcher.pool.workers:
                return None
            poll = Poll(max(end - time.monotonic(), 0.0))
            self._ready_polls.setdefault(endpoint, []).append(poll)
            register(poll)
            dispatcher.requests_waiting.append(since)
            dispatcher.scale(time.time())
            self.flush(dispatcher)
            news = await poll.wait()
            dispatcher.requests_waiting.remove(since)
            self._forget(self._ready_polls, endpoint, poll)
            if not news:
                return None

    def free(self, endpoint: str, worker: str) -> None:
        """Note that a request to a load-balanced worker ended."""
        dispatcher = self.dispatchers[endpoint]
        dispatcher.requests(worker, -1, time.time())
        dispatcher.scale(time.time())
        self.flush(dispatcher)

    # Workers' processes --------------------------------------------------------------------------

    def workers_event(self, endpoint: str, event: workers.Event) -> None:
        """Apply an event about an endpoint's workers."""
        dispatcher = self.dispatchers[endpoint]
        dispatcher.workers_event(event, time.time())
        self.flush(dispatcher)

    def worker_ready(self, endpoint: str, worker: str) -> None:
        """Note that a load-balanced worker is healthy; requests that wait for one go to it."""
        dispatcher = self.dispatchers[endpoint]
        self._answered(dispatcher, worker)
        self.flush(dispatcher)
        for poll in self._ready_polls.get(endpoint, ()):
            poll.wake()

    def _answered(self, dispatcher: Dispatcher, worker: str) -> None:
        if dispatcher.answered(worker, time.time()):
            endpoint = dispatcher.endpoint
            self.journal.note("worker", endpoint=endpoint, worker=worker, state="ready")

    def worker_ended(self, endpoint: str, worker: str, reason: str) -> None:
        """Note that a worker's process ended."""
        dispatcher = self.dispatchers[endpoint]
        dispatcher.ended(worker, reason, time.time())
        self._stops.pop(worker, None)
        self.answer_polls(endpoint, worker)
        self.flush(dispatcher)

    def answer_polls(self, endpoint: str, worker: str) -> None:
        """Answer the open polls of a worker now, with nothing."""
        for poll in self._takes.get(endpoint, ()):
            if poll.worker == worker:
                poll.wake(False)
        for poll in self._stop_polls.get(worker, ()):
            poll.wake(False)

    # Time ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Do what is due, until this is cancelled."""
        swept = time.monotonic()
        while True:
            await asyncio.sleep(_TICK)
            now = time.time()
            for dispatcher in list(self.dispatchers.values()):
                dispatcher.tick(now)
                self.flush(dispatcher)
            if time.monotonic() - swept > _SWEEP:
                swept = time.monotonic()
                with suppress(StoreError):
                    await self.store.write(self.store.sweep(now))

    # The outbox ----------------------------------------------------------------------------------

    async def _commit(self, dispatcher: Dispatcher) -> None:
        """Carry out what is due, and wait until it is stored.

        Raises:
            StoreError: it can't be stored; the jobs are as they were.
        """
        written = self.flush(dispatcher)
        if written is not None:
            await asyncio.shield(written)

    def flush(self, dispatcher: Dispatcher) -> asyncio.Future[None] | None:
        """Carry out what is due; return the future of the write, if there is something to store."""
        if not dispatcher.outbox:
            return None
        items, dispatcher.outbox = dispatcher.outbox, []
        statements = [statement for item in items for statement in _statements(item)]
        changes = [item for item in items if isinstance(item, JobChanged)]
        written: asyncio.Future[None] | None = None
        if statements:
            written = self.store.write(statements)
            written.add_done_callback(lambda done: self._written(dispatcher, changes, done))
        for item in items:
            if isinstance(item, WorkerDue):
                self.act(dispatcher, item.effect)
        if len(dispatcher.queue):
            self._wake_take(dispatcher)
        return written

    def _written(
        self, dispatcher: Dispatcher, changes: list[JobChanged], done: asyncio.Future[None]
    ) -> None:
        """Tell those who wait, or return to what is stored if the write failed."""
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            self.journal.note("store", error=str(error))
            for change in changes:
                with suppress(StoreError):
                    dispatcher.restore(change.id, self.store.job(change.id))
            return
        for change in changes:
            self._tell(change)

    def _tell(self, change: JobChanged) -> None:
        job = change.job
        if job is None or change.before is None or job.status is not change.before.status:
            self.journal.note("job", **_summary(change))
        for effect in change.effects:
            match effect:
                case jobs.Settled() | jobs.Forget():
                    for poll in self._results.pop(change.id, ()):
                        poll.wake()
                    if job is not None and job.webhook is not None:
                        self.settled()
                case jobs.StopJob(worker):
                    self._stops.setdefault(worker, []).append(change.id)
                    for poll in self._stop_polls.get(worker, ()):
                        poll.wake()
                case _:
                    pass

    def _wake_take(self, dispatcher: Dispatcher) -> None:
        """Wake the first poll of a worker that may take a job."""
        takes = self._takes[dispatcher.endpoint]
        for poll in list(takes):
            known = dispatcher.pool.workers.get(poll.worker)
            if not poll.is_open:
                takes.remove(poll)
            elif known is not None and known.phase is workers.Phase.READY:
                takes.remove(poll)
                poll.wake()
                return

    @staticmethod
    def _forget(polls: dict[str, list[Poll]], key: str, poll: Poll) -> None:
        waiting = polls.get(key)
        if waiting is not None:
            with suppress(ValueError):
                waiting.remove(poll)
            if not waiting:
                del polls[key]


def _least_busy(dispatcher: Dispatcher, wish: str, strict: bool) -> str | None:
    """Return the ready worker with the fewest requests, or the one that the client prefers."""
    ready = {worker.id: worker.held for worker in dispatcher.pool.ready()}
    if wish in ready:
        return wish
    if strict or not ready:
        return None
    return min(ready, key=lambda name: ready[name])


def _statements(item: Outgoing) -> Iterator[Statement]:
    """Yield what stores a change."""
    if not isinstance(item, JobChanged):
        return
    if item.job is None:
        yield Statement("DELETE FROM part WHERE job=?", (item.id,))
        yield Statement("DELETE FROM job WHERE id=?", (item.id,))
        return
    if item.before is None:
        yield insert_job(item.job)
    elif item.job is not item.before:
        yield update_job(item.job)
    for effect in item.effects:
        match effect:
            case jobs.KeepPart(body):
                yield Statement("INSERT INTO part (job, body) VALUES (?, ?)", (item.id, body))
            case jobs.DropParts():
                yield Statement("DELETE FROM part WHERE job=?", (item.id,))
            case jobs.Settled() if item.job.webhook is not None:
                yield Statement(
                    "INSERT OR REPLACE INTO webhook (job, url, tries, next_at) VALUES (?, ?, 0, 0)",
                    (item.id, item.job.webhook),
                )
            case _:
                pass


def _summary(change: JobChanged) -> dict[str, object]:
    """Return what the journal says about a job."""
    job = change.job
    if job is None:
        return {"id": change.id, "status": "EXPIRED"}
    return {
        "id": job.id,
        "endpoint": job.endpoint,
        "status": job.status.value,
        "worker": job.worker,
        "attempt": job.attempt,
        "created": job.created,
        "started": job.started,
        "finished": job.finished,
        "error": job.error,
    }
