"""Serve the job API, by which clients run jobs, get their results and see the state of an endpoint."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from flashc_backends.platform.client_jobs import (
    DEFAULT_TTL,
    RUN_RETENTION,
    SYNC_RETENTION,
    ClientJobs,
    Submission,
)
from flashc_backends.platform.core import Core
from flashc_backends.platform.records import Endpoint, Job
from flashc_backends.platform.tracing import TIMEOUT, TRACEPARENT, position_below, seconds_of
from flashc_backends.platform.workers import Phase

from .asgi import Refused, Request
from .decoding import decode

OPERATIONS = frozenset(
    "run runsync status stream cancel retry purge-queue health requests metrics".split()
)
_RUN_LIMIT = 10 * 1024**2
_SYNC_LIMIT = 20 * 1024**2
_WAIT = 90_000  # milliseconds
_WAIT_RANGE = (1_000, 300_000)
_TIMEOUT_RANGE = (5_000, 7 * 86_400_000)
_TTL_RANGE = (10_000, 7 * 86_400_000)
_RECENT = 100


_ABSENT = Raw()


class _Policy(Struct, rename="camel"):
    execution_timeout: int | None = None
    low_priority: bool = False
    ttl: int | None = None


class Submitted(Struct, rename="camel", kw_only=True):
    """The body of a request to run a job."""

    input: Raw = msgspec.field(default_factory=Raw)
    webhook: str | None = None
    policy: _Policy | None = None
    s3_config: Raw = msgspec.field(default_factory=Raw)


_SUBMITTED = msgspec.json.Decoder(Submitted)


class JobApi:
    """The job API of all endpoints."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._jobs = ClientJobs(core)

    async def serve(
        self, request: Request, endpoint: Endpoint, operation: str, job_id: str
    ) -> None:
        """Serve one request.

        Raises:
            Refused: the request is wrong.
            StoreError: the database can't be used.
        """
        match operation:
            case "run" | "runsync":
                _require_method(request, "POST")
                await self._submit(request, endpoint, sync=operation == "runsync")
            case "status":
                job = self._job(endpoint, job_id)
                await request.reply(200, self.view(job))
            case "stream":
                await self._serve_stream(request, self._job(endpoint, job_id))
            case "cancel":
                _require_method(request, "POST")
                job = await self._jobs.cancel(self._job(endpoint, job_id))
                await request.reply(200, self.view(job))
            case "retry":
                _require_method(request, "POST")
                again = await self._jobs.retry(self._job(endpoint, job_id))
                if again is None:
                    raise Refused(400, "only a job that FAILED or TIMED_OUT can be retried")
                await request.reply(200, _brief(again))
            case "purge-queue":
                _require_method(request, "POST")
                removed = await self._jobs.purge(endpoint.id)
                await request.reply_json(200, {"removed": removed, "status": "completed"})
            case "health":
                await request.reply_json(200, self._health(endpoint))
            case "requests":
                recent = self._core.store.load_recent_jobs(endpoint.id, _RECENT)
                views = b",".join(self.view(job) for job in recent)
                await request.reply(200, b'{"requests":[%s]}' % views)
            case _:
                await request.reply_json(200, self._metrics(endpoint))

    async def _submit(self, request: Request, endpoint: Endpoint, *, sync: bool) -> None:
        """Submit a job and answer with its id and status; with `sync`, wait and answer with its result.

        If the wait ends before the job, the answer with `sync` also has only the id and the status.
        """
        body = await request.body(_SYNC_LIMIT if sync else _RUN_LIMIT)
        wait = _milliseconds(request.query.get("wait"), _WAIT, _WAIT_RANGE, "wait")
        position = position_below(request.header(TRACEPARENT))
        submission = replace(
            _decode_submission(body),
            sync=sync,
            retention=max(SYNC_RETENTION, wait / 1000) if sync else RUN_RETENTION,
            traceparent=position.traceparent,
            parent_span=position.parent,
            patience=seconds_of(request.header(TIMEOUT)),  # how long the client waits
        )
        job = await self._jobs.submit(endpoint.id, submission, endpoint.timeout)
        caller = request.header(b"x-flash-caller")
        if caller:
            self._core.journal.note("call", caller=caller, endpoint=endpoint.id, job=job.id)
        if not sync:
            await request.reply(200, _brief(job))
            return
        found = await self._jobs.wait_for_result(endpoint.id, job.id, wait / 1000, request.watch)
        if found is None:
            raise Refused(404, "the job's time to live is over")
        await request.reply(200, self.view(found) if found.status.is_final else _brief(found))

    async def _serve_stream(self, request: Request, job: Job) -> None:
        """Answer with the new parts of a job's stream."""
        parts = await self._jobs.take_parts(job.id)
        body = b'{"status":"%s","stream":[%s]}' % (job.status.encode(), b",".join(parts))
        await request.reply(200, body)

    def _job(self, endpoint: Endpoint, job_id: str) -> Job:
        """Return a job of the endpoint, or refuse the request."""
        job = self._jobs.find(endpoint.id, job_id)
        if job is None:
            raise Refused(404, "job not found")
        return job

    def view(self, job: Job) -> bytes:
        """Return what clients see of a job, as JSON text."""
        members: dict[str, Any] = {"id": job.id, "status": job.status.value}
        if job.started is not None:
            members["delayTime"] = max(int((job.started - job.created) * 1000), 0)
            if job.finished is not None:
                members["executionTime"] = max(int((job.finished - job.started) * 1000), 0)
        if job.worker is not None:
            members["workerId"] = job.worker
        if job.output is not None:
            members["output"] = Raw(self._core.store.read_body(job.output))
        if job.error is not None:
            members["error"] = job.error
        return msgspec.json.encode(members)

    def _workers(self, endpoint: Endpoint) -> dict[str, int]:
        """Return how many workers of an endpoint are in each state."""
        dispatcher = self._core.dispatchers[endpoint.id]
        workers = list(dispatcher.pool.workers.values())
        ready = [worker for worker in workers if worker.phase is Phase.READY]
        running = sum(1 for worker in ready if worker.held)
        starting = (Phase.STARTING, Phase.INITIALIZING)
        new = [worker for worker in workers if worker.phase in starting]
        throttled = sum(1 for worker in new if self._core.is_throttled(worker))
        return {
            "idle": len(ready) - running,
            "initializing": len(new) - throttled,
            "ready": len(ready),
            "running": running,
            "throttled": throttled,
            "unhealthy": 1 if dispatcher.pool.crashes else 0,
        }

    def _health(self, endpoint: Endpoint) -> dict[str, Any]:
        """Return the numbers of jobs and workers of an endpoint, by their states."""
        dispatcher = self._core.dispatchers[endpoint.id]
        counts = dispatcher.counts
        return {
            "jobs": {
                "completed": counts.completed,
                "failed": counts.failed,
                "inProgress": len(dispatcher.jobs) - len(dispatcher.queue),
                "inQueue": len(dispatcher.queue),
                "retried": counts.retried,
            },
            "workers": self._workers(endpoint),
        }

    def _metrics(self, endpoint: Endpoint) -> dict[str, Any]:
        """Return the ids of the ready workers, and how many workers are in each state."""
        ready = self._core.dispatchers[endpoint.id].pool.ready()
        return {
            "readyWorkers": [worker.id for worker in ready],
            "workers": self._workers(endpoint),
        }


def _decode_submission(body: bytes) -> Submission:
    """Decode the body of a request to run a job.

    Raises:
        Refused: the body is not JSON of the right shape, or a number is out of its range.
    """
    given = decode(body, _SUBMITTED, "request")
    if given.input == _ABSENT:
        raise Refused(400, "the request has no `input`")
    policy = given.policy or _Policy()
    timeout = _check_range(policy.execution_timeout, _TIMEOUT_RANGE, "policy.executionTimeout")
    ttl = _check_range(policy.ttl, _TTL_RANGE, "policy.ttl")
    extra = b"" if given.s3_config == _ABSENT else b'"s3Config":' + bytes(given.s3_config)
    if given.webhook is not None and not given.webhook.startswith(("http://", "https://")):
        raise Refused(400, "`webhook` is not a URL")
    return Submission(
        input=bytes(given.input),
        extra=extra,
        timeout=0.0 if timeout is None else timeout / 1000,
        ttl=DEFAULT_TTL if ttl is None else ttl / 1000,
        low_priority=policy.low_priority,
        webhook=given.webhook,
    )


def _check_range(value: int | None, limits: tuple[int, int], name: str) -> int | None:
    """Return a number of milliseconds; refuse the request if the number is out of `limits`."""
    if value is not None and not limits[0] <= value <= limits[1]:
        raise Refused(400, f"`{name}` must be between {limits[0]} and {limits[1]} milliseconds")
    return value


def _milliseconds(text: str | None, default: int, limits: tuple[int, int], name: str) -> int:
    """Return the number in a query parameter, limited to `limits`.

    Return `default` if it is missing.  Refuse text that is no number.
    """
    if text is None:
        return default
    if not text.isdecimal() or len(text) > 12:
        raise Refused(400, f"`{name}` must be a number of milliseconds")
    return min(max(int(text), limits[0]), limits[1])


def _require_method(request: Request, method: str) -> None:
    """Refuse a request with another method."""
    if request.method != method:
        raise Refused(405, f"use the method {method}")


def _brief(job: Job) -> bytes:
    """Return the id and the status of a job, as JSON text."""
    return b'{"id":"%s","status":"%s"}' % (job.id.encode(), job.status.encode())
