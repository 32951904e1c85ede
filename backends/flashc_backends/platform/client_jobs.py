"""Do what clients ask for: submit jobs, wait for results, cancel and retry."""

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
# Its own generator: a program that seeds the one of the module would get ids a second time.
_RANDOM = random.Random()


class Submission(Struct, frozen=True, kw_only=True):
    """What a client asks for when it submits a job."""

    input: bytes
    extra: bytes = b""
    sync: bool = False
    timeout: float = 0.0  # 0: the endpoint's
    ttl: float = DEFAULT_TTL
    low_priority: bool = False
    retention: float = RUN_RETENTION
    webhook: str | None = None
    traceparent: str | None = None
    parent_span: str | None = None
    patience: float | None = None  # seconds until the client gives up


class ClientJobs:
    """The jobs of all endpoints, as clients use them.  The methods raise EndpointGone for a deleted endpoint."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def submit(self, endpoint: str, wish: Submission, timeout: float) -> Job:
        """Put a job into the queue of an endpoint, whose jobs have the time-out `timeout` by default.

        Raises:
            EndpointGone: the endpoint was deleted.
            StoreError: it can't be stored; it is not in the queue.
        """
        now = time.time()
        body = await self._core.spilled(wish.input)
        job = Job(
            id=f"{'sync-' if wish.sync else ''}{_new_uuid()}-u1",
            endpoint=endpoint,
            sequence=self._core.next_sequence(),
            created=now,
            input=body,
            extra=wish.extra,
            ttl_at=now + wish.ttl,
            timeout=wish.timeout or timeout or DEFAULT_TIMEOUT,
            retention=wish.retention,
            low_priority=wish.low_priority,
            webhook=wish.webhook,
            traceparent=wish.traceparent,
            parent_span=wish.parent_span,
            deadline=None if wish.patience is None else now + wish.patience,
        )
        dispatcher = self._core.open_dispatcher(endpoint)
        dispatcher.submit(job, now)
        await self._core.commit(dispatcher)
        return job

    def find(self, endpoint: str, job_id: str) -> Job | None:
        """Return a job of an endpoint, None if there is none of this id.

        Raises:
            StoreError: the store can't be read.
        """
        dispatcher = self._core.dispatchers.get(endpoint)
        job = dispatcher.jobs.get(job_id) if dispatcher is not None else None
        if job is None:
            job = self._core.store.job(job_id)
        if job is None or job.endpoint != endpoint:
            return None
        expired = job.expires is not None and job.expires <= time.time()
        return None if expired else job

    async def result(
        self, endpoint: str, job_id: str, seconds: float, register: Register
    ) -> Job | None:
        """Wait until a job is final, at most `seconds`; return it as it is then, None if it is gone."""
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
        """Cancel a job; a final one stays as it is."""
        dispatcher = self._core.dispatcher(job.endpoint)
        after = dispatcher.cancel(job.id, time.time())
        await self._core.commit(dispatcher)
        return after or job

    async def retry(self, job: Job) -> Job | None:
        """Run a failed job again; return None if it did not fail."""
        dispatcher = self._core.dispatcher(job.endpoint)
        if job.id in dispatcher.jobs:
            return None
        after = dispatcher.retry(job, time.time())
        await self._core.commit(dispatcher)
        return after

    async def purge(self, endpoint: str) -> int:
        """Cancel the jobs that wait, and return their number."""
        dispatcher = self._core.dispatcher(endpoint)
        count = dispatcher.purge(time.time())
        await self._core.commit(dispatcher)
        return count

    async def take_parts(self, job_id: str) -> list[bytes]:
        """Return the parts of a stream since the last call; each is returned once."""
        parts = self._core.store.parts(job_id)
        if parts:
            last = parts[-1][0]
            await self._core.store.write(
                [Statement("DELETE FROM part WHERE job=? AND number<=?", (job_id, last))]
            )
        return [body for _, body in parts]


def _new_uuid() -> str:
    """Return a random UUID.  It is no secret, so it need not cost a call of the system."""
    text = f"{_RANDOM.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
