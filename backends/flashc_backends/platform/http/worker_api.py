"""Serve the worker API, by which workers take jobs, report results and learn which jobs to stop."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
from msgspec import Raw, Struct

from flashc_backends.platform import jobs
from flashc_backends.platform.core import Core
from flashc_backends.platform.records import Endpoint, Job
from flashc_backends.platform.tracing import timeout_of
from flashc_backends.platform.worker_jobs import WorkerJobs

from .asgi import Request
from .decoding import decode

OPERATIONS = frozenset("job-take job-take-batch job-done job-stream job-stop ping".split())
_LONG_POLL = 50.0  # seconds; the SDK gives up after 90
_RESULT_LIMIT = 20 * 1024**2
_MOST_JOBS = 1000


_ABSENT = Raw()


class _Result(Struct, rename="camel", kw_only=True):
    output: Raw = _ABSENT
    error: Any = None
    status: str | None = None
    stop_pod: bool = False


_RESULT = msgspec.json.Decoder(_Result)
_PART = msgspec.json.Decoder(dict[str, Raw])


class WorkerApi:
    """The worker API of all endpoints.

    The part of the path after the operation (`rest`) is the worker's id; for reports, the id of the job follows.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._jobs = WorkerJobs(core)

    async def serve(self, request: Request, endpoint: Endpoint, operation: str, rest: str) -> None:
        """Serve one request.

        Raises:
            Refused: the request is wrong.
            StoreError: the database can't be used.
        """
        worker, _, job_id = rest.partition("/")
        match operation:
            case "job-take" | "job-take-batch":
                await self._serve_take(
                    request, endpoint, worker, batch=operation == "job-take-batch"
                )
            case "job-done":
                await self._serve_result(request, endpoint, worker, job_id)
            case "job-stream":
                await self._serve_part(request, endpoint, worker, job_id)
            case "job-stop":
                await self._serve_stops(request, endpoint, worker)
            case _:
                listed = request.query.get("job_id", "")
                ids = frozenset(name for name in listed.split(",") if name)
                self._jobs.ping(endpoint.id, worker, ids)
                await request.reply(200, b"{}")

    async def _serve_take(
        self, request: Request, endpoint: Endpoint, worker: str, *, batch: bool
    ) -> None:
        """Answer with jobs for a worker, as soon as there are some; with `batch`, with a list of them."""
        await request.body(0)
        size = request.query.get("batch_size", "1")
        count = min(int(size), _MOST_JOBS) if batch and size.isdecimal() else 1
        if not batch and request.query.get("job_in_progress") == "0":
            self._jobs.note_idle(endpoint.id, worker)
        taken = await self._jobs.take(endpoint.id, worker, count, _LONG_POLL, request.watch)
        if not taken:
            await request.reply_nothing()
        elif request.is_gone:
            await self._jobs.give_back(taken, worker)
        else:
            views = [self._view(job) for job in taken]
            await request.reply(200, b"[%s]" % b",".join(views) if batch else views[0])

    def _view(self, job: Job) -> bytes:
        """Return the JSON text of a job for its worker."""
        extra = b"," + job.extra if job.extra else b""
        if job.traceparent is not None:
            extra += b',"traceparent":%s' % msgspec.json.encode(job.traceparent)
        if job.due is not None:
            extra += b',"flashcTimeout":%d' % timeout_of(job.due - time.time())
        body = self._core.store.read_body(job.input)
        return b'{"id":"%s","input":%s%s}' % (job.id.encode(), body, extra)

    async def _serve_result(
        self, request: Request, endpoint: Endpoint, worker: str, job_id: str
    ) -> None:
        """Process the result of a job, or its progress."""
        result = decode(await request.body(_RESULT_LIMIT), _RESULT, "result")
        output = None
        if result.output != _ABSENT:
            output = await self._core.spill(bytes(result.output))
        if result.status == "IN_PROGRESS":
            progress = jobs.Progressed(worker, output or b"null")
            await self._jobs.report(endpoint.id, job_id, progress)
        else:
            event = jobs.Reported(worker, output, _error_text(result.error))
            await self._jobs.report(endpoint.id, job_id, event)
        if result.stop_pod:
            self._jobs.recycle(endpoint.id, worker)
        await request.reply(200, b"{}")

    async def _serve_part(
        self, request: Request, endpoint: Endpoint, worker: str, job_id: str
    ) -> None:
        """Keep a part of a job's stream for the client."""
        part = decode(await request.body(_RESULT_LIMIT), _PART, "part")
        kept = msgspec.json.encode({"output": part.get("output", Raw(b"null"))})
        await self._jobs.report(endpoint.id, job_id, jobs.Streamed(worker, kept))
        await request.reply(200, b"{}")

    async def _serve_stops(self, request: Request, endpoint: Endpoint, worker: str) -> None:
        """Answer with the ids of the jobs that a worker has to stop, as soon as there are some."""
        await request.body(0)
        stopped = await self._jobs.take_stops(endpoint.id, worker, _LONG_POLL, request.watch)
        if stopped:
            await request.reply_json(200, {"jobsToStop": stopped})
        else:
            await request.reply_nothing()


def _error_text(error: Any) -> str | None:
    """Return the error of a result as text; None if the result has no error."""
    if not error:
        return None
    return error if isinstance(error, str) else json.dumps(error)
