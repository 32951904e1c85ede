"""Answer what clients ask of the core: submit, find, cancel, retry and purge jobs, and wait for results."""

from __future__ import annotations

import random
import time

from msgspec import Struct

from .core import Core
from .polls import Poll, Register, forget
from .records import Job
from .statements import Statement

RUN_RETENTION = 1800.0  # seconds that the result of a job is kept
SYNC_RETENTION = 60.0
DEFAULT_TIMEOUT = 600.0
DEFAULT_TTL = 86400.0
# A generator of its own: if a program seeded the generator of the module `random`, ids could occur twice.
_RANDOM = random.Random()


class Submission(Struct, frozen=True, kw_only=True):
    """A request to run a job, as the client sends it."""

    input: bytes
    extra: bytes = b""
    sync: bool = False
    timeout: float = 0.0  # seconds; 0 is the time-out of the endpoint
    ttl: float = DEFAULT_TTL
    low_priority: bool = False
    retention: float = RUN_RETENTION
    webhook: str | None = None
    traceparent: str | None = None
    parent_span: str | None = None
    patience: float | None = None  # seconds until the client gives up


class ClientJobs:
    """The requests of clients about the jobs of all endpoints.

    `submit`, `cancel`, `retry` and `purge` raise EndpointGone if the endpoint was deleted.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    async def submit(self, endpoint: str, submission: Submission, timeout: float) -> Job:
        """Put a job into the queue of an endpoint; `timeout` is the default time-out of the endpoint's jobs.

        Raises:
            EndpointGone: the endpoint was deleted.
            StoreError: the job can't be stored; it is not in the queue.
        """
        now = time.time()
        body = await self._core.spill(submission.input)
        job = Job(
            id=f"{'sync-' if submission.sync else ''}{_new_uuid()}-u1",
            endpoint=endpoint,
            sequence=self._core.next_sequence(),
            created=now,
            input=body,
            extra=submission.extra,
            ttl_at=now + submission.ttl,
            timeout=submission.timeout or timeout or DEFAULT_TIMEOUT,
            retention=submission.retention,
            low_priority=submission.low_priority,
            webhook=submission.webhook,
            traceparent=submission.traceparent,
            parent_span=submission.parent_span,
            deadline=None if submission.patience is None else now + submission.patience,
        )
        dispatcher = self._core.open_dispatcher(endpoint)
        dispatcher.submit(job, now)
        await self._core.commit(dispatcher)
        return job

    def find(self, endpoint: str, job_id: str) -> Job | None:
        """Return the job of an endpoint with an id; None if there is none or its result has expired.

        Raises:
            StoreError: the store can't be read.
        """
        dispatcher = self._core.dispatchers.get(endpoint)
        job = dispatcher.jobs.get(job_id) if dispatcher is not None else None
        if job is None:
            job = self._core.store.load_job(job_id)
        if job is None or job.endpoint != endpoint:
            return None
        expired = job.expires is not None and job.expires <= time.time()
        return None if expired else job

    async def wait_for_result(
        self, endpoint: str, job_id: str, seconds: float, register: Register
    ) -> Job | None:
        """Wait up to `seconds` until a job is final; return the job as it is then, None if it was deleted."""
        dispatcher = self._core.dispatchers.get(endpoint)
        if dispatcher is not None and job_id in dispatcher.jobs:
            poll = Poll(seconds)
            self._core.results.setdefault(job_id, []).append(poll)
            register(poll)
            await poll.wait()
            forget(self._core.results, job_id, poll)
            if poll.result is not None:
                return poll.result
        return self.find(endpoint, job_id)

    async def cancel(self, job: Job) -> Job:
        """Cancel a job and return it; a job that is final stays as it is."""
        dispatcher = self._core.dispatcher(job.endpoint)
        after = dispatcher.cancel(job.id, time.time())
        await self._core.commit(dispatcher)
        return after or job

    async def retry(self, job: Job) -> Job | None:
        """Put a job that failed or timed out into the queue again; return None if the job is in another state."""
        dispatcher = self._core.dispatcher(job.endpoint)
        if job.id in dispatcher.jobs:
            return None
        after = dispatcher.retry(job, time.time())
        await self._core.commit(dispatcher)
        return after

    async def purge(self, endpoint: str) -> int:
        """Cancel the jobs in the queue of an endpoint, and return their number."""
        dispatcher = self._core.dispatcher(endpoint)
        count = dispatcher.purge(time.time())
        await self._core.commit(dispatcher)
        return count

    async def take_parts(self, job_id: str) -> list[bytes]:
        """Return the new parts of a job's stream, and delete them: each part is returned once."""
        parts = self._core.store.load_parts(job_id)
        if parts:
            last = parts[-1][0]
            await self._core.store.write(
                [Statement("DELETE FROM part WHERE job=? AND number<=?", (job_id, last))]
            )
        return [body for _, body in parts]


def _new_uuid() -> str:
    """Return a random UUID.

    An id is no secret, so it needs no random bytes from the system, which take longer.
    """
    text = f"{_RANDOM.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
