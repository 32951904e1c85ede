"""Open, run and close the dispatchers of all endpoints: call them regularly with the current time, and apply their changes.

`Core` writes a changed job to the store.  Then it adds the change to the journal and to the trace of the job, wakes the
polls that wait for the job, and tells a worker that has to stop the job.

Everything here happens in one event loop; only `spill` uses a thread.  A method that awaits `commit` returns only after
the job's change is stored.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

from . import jobs, workers
from .dispatcher import Dispatcher, JobChanged, Outgoing, WorkerDue
from .injection import Injector
from .journal import Journal
from .polls import Poll
from .records import Body, Limits, Status
from .spans import Spans
from .statements import Statement, insert_job, update_job
from .store import Store, StoreError, end_future
from .tracing import position_of

_TICK = 0.1
_SWEEP = 30.0


class EndpointGone(Exception):
    """The endpoint was deleted."""


class Core:
    """The jobs and workers of all endpoints.  `act` is the function that starts and stops workers (see `fleet.py`)."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self.store = store
        self.journal = journal
        self.faults = Injector(journal)
        self.spans = Spans(store, journal)
        self.dispatchers: dict[str, Dispatcher] = {}
        self.act: Callable[[Dispatcher, workers.Effect], None] = lambda _dispatcher, _effect: None
        # Called when a job with a webhook has ended.
        self.on_webhook_due: Callable[[], None] = lambda: None
        self._sequence = store.last_sequence()
        self._opened = 0
        # A part of the ids of workers, so that no id occurs again after a restart.
        self._run = secrets.token_hex(3)
        # Polls of clients that wait for the end of a job, by the id of the job.
        self.results: dict[str, list[Poll]] = {}
        # Polls of workers that ask for a job, by endpoint, the oldest first.
        self.takes: dict[str, deque[Poll]] = {}
        # Open requests `job-stop`, by worker.
        self.stop_polls: dict[str, list[Poll]] = {}
        # Ids of jobs that a worker has to stop and that no answer has told it yet, by worker.
        self.stops: dict[str, list[str]] = {}
        # Polls of requests to a load-balanced endpoint that wait for a ready worker, by endpoint.
        self.ready_polls: dict[str, list[Poll]] = {}

    # Endpoints -----------------------------------------------------------------------------------

    def open(self, endpoint: str, limits: Limits) -> Dispatcher:
        """Set the limits of an endpoint and return its dispatcher; make the dispatcher if there is none.

        The first call for an endpoint makes the dispatcher and loads the endpoint's jobs from the store.
        """
        now = time.time()
        dispatcher = self.dispatchers.get(endpoint)
        if dispatcher is None:
            self._opened += 1
            prefix = f"w{self._run}{self._opened:x}x"
            dispatcher = self.dispatchers[endpoint] = Dispatcher(endpoint, limits, prefix)
            self.takes[endpoint] = deque()
            self._load_jobs(dispatcher, now)
        elif dispatcher.pool.limits != limits:
            dispatcher.apply_to_workers(workers.Configured(limits), now)
            dispatcher.scale(now)
        self.flush(dispatcher)
        return dispatcher

    def _load_jobs(self, dispatcher: Dispatcher, now: float) -> None:
        """Give a new dispatcher the endpoint's jobs and counts from the store."""
        dispatcher.load_jobs(self.store.load_open_jobs(dispatcher.endpoint), now)
        for status, count in self.store.count_jobs(dispatcher.endpoint).items():
            if status is Status.COMPLETED:
                dispatcher.counts.completed = count
            elif status in (Status.FAILED, Status.TIMED_OUT):
                dispatcher.counts.failed += count

    def roll_out(self, endpoint: str, release: str) -> None:
        """Let an endpoint replace its workers by those of a new release."""
        dispatcher = self.dispatchers[endpoint]
        dispatcher.apply_to_workers(workers.Released(release), time.time())
        self.flush(dispatcher)

    def dispatcher(self, endpoint: str) -> Dispatcher:
        """Return the dispatcher of an endpoint.

        Raises:
            EndpointGone: the endpoint was deleted, and nothing of it is left (see `close_endpoint`).
        """
        found = self.dispatchers.get(endpoint)
        if found is None:
            raise EndpointGone
        return found

    def open_dispatcher(self, endpoint: str) -> Dispatcher:
        """Return the dispatcher of an endpoint that takes jobs and requests.

        Raises:
            EndpointGone: the endpoint was deleted.
        """
        found = self.dispatcher(endpoint)
        if found.pool.closed:
            raise EndpointGone
        return found

    async def close_endpoint(self, endpoint: str) -> None:
        """Cancel the jobs of an endpoint and end its workers.

        The dispatcher is removed when it has no workers, jobs, waiting requests and unsent changes any more.

        Raises:
            StoreError: the cancelled jobs can't be stored.
        """
        dispatcher = self.dispatchers.get(endpoint)
        if dispatcher is None:
            return
        for job_id in list(dispatcher.jobs):
            dispatcher.cancel(job_id, time.time())
        dispatcher.apply_to_workers(workers.Closed(), time.time())
        try:
            await self.commit(dispatcher)
        finally:
            for poll in (*self.takes.get(endpoint, ()), *self.ready_polls.get(endpoint, ())):
                poll.wake(False)
            self._forget_closed(dispatcher)

    def _forget_closed(self, dispatcher: Dispatcher) -> None:
        """Remove the dispatcher of a deleted endpoint if it has no workers, jobs, waiting requests and unsent changes."""
        if dispatcher.is_over and self.dispatchers.pop(dispatcher.endpoint, None) is not None:
            for poll in self.takes.pop(dispatcher.endpoint, ()):
                poll.wake(False)

    # Workers' processes --------------------------------------------------------------------------

    def apply_to_workers(self, endpoint: str, event: workers.Event) -> None:
        """Apply an event to the workers of an endpoint, and flush the outbox."""
        dispatcher = self.dispatchers[endpoint]
        dispatcher.apply_to_workers(event, time.time())
        self.flush(dispatcher)

    def is_throttled(self, worker: workers.Worker) -> bool:
        """Return whether a new worker waits until there is hardware for it."""
        is_new = worker.phase in (workers.Phase.STARTING, workers.Phase.INITIALIZING)
        return is_new and worker.id in self.faults.throttled

    def note_ready_for_requests(self, endpoint: str, worker: str) -> None:
        """Note that a load-balanced worker is ready, and wake the requests that wait for a ready worker."""
        dispatcher = self.dispatchers[endpoint]
        self.note_ready(dispatcher, worker)
        self.flush(dispatcher)
        for poll in self.ready_polls.get(endpoint, ()):
            poll.wake()

    def note_ready(self, dispatcher: Dispatcher, worker: str) -> None:
        """Note that a worker is ready; if it was starting until now, add that to the journal."""
        if dispatcher.note_ready(worker, time.time()):
            endpoint = dispatcher.endpoint
            self.journal.note("worker", endpoint=endpoint, worker=worker, state="ready")

    def note_worker_end(self, endpoint: str, worker: str, reason: str) -> None:
        """Note that a worker's process ended: requeue its jobs, and end its open polls."""
        dispatcher = self.dispatchers.get(endpoint)
        if dispatcher is None:
            return
        dispatcher.note_end(worker, reason, time.time())
        self.stops.pop(worker, None)
        self.answer_polls(endpoint, worker)
        self.flush(dispatcher)

    def answer_polls(self, endpoint: str, worker: str) -> None:
        """End the open polls of a worker now; the worker gets an empty answer."""
        for poll in self.takes.get(endpoint, ()):
            if poll.worker == worker:
                poll.wake(False)
        for poll in self.stop_polls.get(worker, ()):
            poll.wake(False)

    def next_sequence(self) -> int:
        """Return the number of a new job in the sequence of all jobs."""
        self._sequence += 1
        return self._sequence

    async def spill(self, body: bytes) -> Body:
        """Write a body to a file, in a thread, if it is too large for the database; return the body, or the reference to the file.

        Raises:
            StoreError: the file can't be written.
        """
        if self.store.is_small(body):
            return body
        return await asyncio.to_thread(self.store.spill, body)

    # Time ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Call the dispatchers regularly, and delete expired jobs, until this task is cancelled."""
        swept = time.monotonic()
        while True:
            await asyncio.sleep(_TICK)
            now = time.time()
            for dispatcher in list(self.dispatchers.values()):
                dispatcher.tick(now)
                self.flush(dispatcher)
                self._forget_closed(dispatcher)
            self.spans.flush()
            if time.monotonic() - swept > _SWEEP:
                swept = time.monotonic()
                with suppress(StoreError):
                    await self.store.write([*self.store.sweep(now), *self.spans.trim()])

    # The outbox ----------------------------------------------------------------------------------

    async def commit(self, dispatcher: Dispatcher) -> None:
        """Empty the outbox of a dispatcher as `flush` does, and wait until its changes are stored.

        Raises:
            StoreError: the changes can't be stored; the jobs have their stored state again.
        """
        if not dispatcher.outbox:
            return
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.flush(dispatcher, lambda error: end_future(stored, error))
        await stored

    def flush(
        self,
        dispatcher: Dispatcher,
        when_done: Callable[[StoreError | None], None] = lambda _error: None,
    ) -> None:
        """Empty the outbox of a dispatcher: let the store write the changed jobs, and start or stop workers.

        `when_done` is called when the changes are stored, or with the error if they can't be stored.
        """
        items, dispatcher.outbox = dispatcher.outbox, []
        if not items:
            when_done(None)
            return
        statements = [statement for item in items for statement in _statements(item)]

        def written(error: StoreError | None) -> None:
            """Publish the changes, and tell the caller."""
            self._after_write(dispatcher, items, error)
            when_done(error)

        if statements:
            self.store.submit(statements, written)
        else:
            when_done(None)
        for item in items:
            if isinstance(item, WorkerDue):
                self.act(dispatcher, item.effect)
        if len(dispatcher.queue):
            self.wake_take(dispatcher)

    def _after_write(
        self, dispatcher: Dispatcher, items: list[Outgoing], error: StoreError | None
    ) -> None:
        """Publish the changes of jobs; if the write failed, give the jobs their stored state again."""
        changes = [item for item in items if isinstance(item, JobChanged)]
        if error is not None:
            self.journal.note("store", error=str(error))
            for change in changes:
                with suppress(StoreError):
                    dispatcher.restore(change.id, self.store.load_job(change.id))
            return
        for change in changes:
            self._publish(change)

    def _publish(self, change: JobChanged) -> None:
        """Add a stored change of a job to the journal and to its trace, and wake the polls that wait for it."""
        job = change.job
        if job is None or change.before is None or job.status is not change.before.status:
            self.journal.add("job", _journal_entry(change))
        self._add_span(change)
        for effect in change.effects:
            match effect:
                case jobs.Settled() | jobs.Forget():
                    for poll in self.results.pop(change.id, ()):
                        poll.result = job
                        poll.wake()
                    if job is not None and job.webhook is not None:
                        self.on_webhook_due()
                case jobs.StopJob(worker):
                    self.stop_job(worker, change.id)
                case _:
                    pass

    def stop_job(self, worker: str, job_id: str) -> None:
        """Let a worker stop a job: the worker gets the id as the answer to its request `job-stop`, the open one or its next one."""
        stops = self.stops.setdefault(worker, [])
        if job_id not in stops:
            stops.append(job_id)
        for poll in self.stop_polls.get(worker, ()):
            poll.wake()

    def _add_span(self, change: JobChanged) -> None:
        """Add the span of a job that ended with this change."""
        job, before = change.job, change.before
        if job is not None and job.status.is_final:
            if before is not None and not before.status.is_final:
                self.spans.add_job(job, job.status.value)
        elif job is None and before is not None and not before.status.is_final:
            self.spans.add_job(before, "EXPIRED")

    def wake_take(self, dispatcher: Dispatcher) -> None:
        """Wake the oldest poll of a ready worker; that worker then takes a job."""
        takes = self.takes[dispatcher.endpoint]
        for poll in list(takes):
            known = dispatcher.pool.workers.get(poll.worker)
            if not poll.is_open:
                takes.remove(poll)
            elif known is not None and known.phase is workers.Phase.READY:
                takes.remove(poll)
                poll.wake()
                return


def _statements(item: Outgoing) -> Iterator[Statement]:
    """Yield the statements that store a change."""
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


def _journal_entry(change: JobChanged) -> dict[str, object]:
    """Return the journal's entry for a change of a job."""
    job = change.job
    if job is None:
        return {"id": change.id, "status": "EXPIRED"}
    position = position_of(job.traceparent or "", job.parent_span)
    return {
        "id": job.id,
        "trace": position.trace if position is not None else None,
        "span": position.span if position is not None else None,
        "parent": job.parent_span,
        "endpoint": job.endpoint,
        "status": job.status.value,
        "worker": job.worker,
        "attempt": job.attempt,
        "created": job.created,
        "started": job.started,
        "finished": job.finished,
        "error": job.error,
    }
