"""Answer the requests that endpoints in the process of the tests send to each other, as the platform's APIs do."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import httpx
from msgspec import Struct

from flashc_backends.runtime.platform import Location

from .endpoints import LocalEndpoint
from .jobs import Body, error_record, run_job

BASE = "http://flash.test"
"""The base URL of the job API; no request to it leaves the process."""
_JOBS = "/v2/"
_SENTINEL = "flash"
_NAME = "x-flash-endpoint"

Put = Callable[[Any], None]
Answer = Callable[[str, Any, Put], Future[Body]]
"""A function that answers a job: it gets the endpoint's name, the input, and what takes the items of a generator."""


class Answers(Struct, frozen=True):
    """What answers the jobs and the requests of an endpoint in place of its code."""

    answer: Answer
    answer_request: Callable[[str, httpx.Request], Future[httpx.Response]]


def location_of(resource: str) -> Location:
    """Return where an endpoint is."""
    headers: dict[str, Any] = {_NAME: resource.encode()}
    return Location(jobs=f"{BASE}{_JOBS}{_SENTINEL}", web=BASE, headers=headers, sentinel=True)


class _Job:
    """A job: its state, and the parts of its output that have not been read."""

    def __init__(self, number: int) -> None:
        self.id = f"local-{number}"
        self._parts: list[Any] = []
        self._news = threading.Condition()
        self._body: Body | None = None
        self._is_cancelled = False

    def put(self, part: Any) -> None:
        """Add a part of the output, as JSON data."""
        with self._news:
            self._parts.append(json.loads(json.dumps(part, allow_nan=False)))
            self._news.notify_all()

    def finish(self, future: Future[Body]) -> None:
        """Keep how the job has ended."""
        with self._news:
            if not self._is_cancelled:
                self._body = _ended(future)
            self._news.notify_all()

    def cancel(self) -> None:
        """Ignore how the job ends."""
        with self._news:
            self._is_cancelled, self._body = True, {"status": "CANCELLED"}
            self._news.notify_all()

    @property
    def state(self) -> Body:
        """The state of the job, as the platform shows it."""
        return {"id": self.id, **(self._body or {"status": "IN_PROGRESS"})}

    def next_parts(self) -> Body:
        """Wait for new parts or the end; return the state with the parts."""
        with self._news:
            self._news.wait_for(lambda: bool(self._parts) or self._body is not None)
            parts, self._parts = self._parts, []
        return {"status": self.state["status"], "stream": [{"output": part} for part in parts]}


def _ended(future: Future[Body]) -> Body:
    """Return the state of a job that has ended."""
    error = future.exception()
    if error is not None:
        return {"error": error_record(error), "status": "FAILED"}
    body = future.result()
    return {**body, "status": "FAILED" if body.get("error") else "COMPLETED"}


class LocalApi:
    """The job API and the routes of all endpoints.

    `endpoint_of` returns the endpoint with a name, None if there is none; it starts the endpoint if necessary.
    `answers_of` returns what answers for an endpoint in place of its code; None for most endpoints.
    """

    def __init__(
        self,
        endpoint_of: Callable[[str], LocalEndpoint | None],
        answers_of: Callable[[str], Answers | None],
    ) -> None:
        self._endpoint_of, self._answers_of = endpoint_of, answers_of
        self._jobs: dict[str, _Job] = {}
        self._numbers = itertools.count(1)

    def answer(self, request: httpx.Request) -> Future[httpx.Response]:
        """Answer a request whose body has been read."""
        resource, operation = _target(request)
        if operation is None:
            return self._answer_route(resource, request)
        verb, _, job_id = operation.partition("/")
        if verb in ("run", "runsync"):
            return self._answer_job(resource, verb, request)
        job = self._jobs.get(job_id)
        if job is None:
            return _done(404, {"error": "there is no such job"})
        if verb == "stream":
            return _in_thread(lambda: httpx.Response(200, json=job.next_parts()))
        if verb == "cancel":
            job.cancel()
        return _done(200, job.state)

    def _answer_route(self, resource: str, request: httpx.Request) -> Future[httpx.Response]:
        """Answer a request to a route."""
        answers = self._answers_of(resource)
        if answers is not None:
            return answers.answer_request(resource, request)
        endpoint = self._endpoint_of(resource)
        if endpoint is None:
            return _done(404, _missing(resource))
        return endpoint.submit(lambda: endpoint.serve_request(request))

    def _answer_job(
        self, resource: str, verb: str, request: httpx.Request
    ) -> Future[httpx.Response]:
        """Start a job; answer at its end, or at once if the client does not wait."""
        given = json.loads(request.content).get("input")
        job = _Job(next(self._numbers))
        answers = self._answers_of(resource)
        if answers is not None:
            running = answers.answer(resource, given, job.put)
        else:
            endpoint = self._endpoint_of(resource)
            if endpoint is None:
                return _done(404, _missing(resource))
            running = _start(endpoint, _described(job, given, request), job.put)
        self._jobs[job.id] = job
        running.add_done_callback(job.finish)
        if verb == "run":
            return _done(200, {"id": job.id, "status": "IN_QUEUE"})
        response: Future[httpx.Response] = Future()
        running.add_done_callback(
            lambda _: response.set_result(httpx.Response(200, json=job.state))
        )
        return response


def _start(endpoint: LocalEndpoint, job: Body, put: Callable[[Any], None]) -> Future[Body]:
    """Run a job in the endpoint's thread."""

    async def work() -> Body:
        """Run the job; values leave the endpoint as JSON text."""
        body = await run_job(endpoint.handler, job, put)
        text = json.dumps(body, allow_nan=False)
        found: Body = json.loads(text)
        if isinstance(found.get("error"), str):
            found["error"] = endpoint.world.outer_text(found["error"])
        return found

    return endpoint.submit(work)


def _described(job: _Job, given: Any, request: httpx.Request) -> Body:
    """Return a job as the platform describes it to a worker."""
    described: Body = {"id": job.id, "input": given}
    if "traceparent" in request.headers:
        described["traceparent"] = request.headers["traceparent"]
    milliseconds = request.headers.get("x-flashc-timeout", "")
    if milliseconds.isdigit():
        described["flashcTimeout"] = int(milliseconds)
    return described


def _target(request: httpx.Request) -> tuple[str, str | None]:
    """Return the endpoint of a request, and the operation of the job API; None for a route."""
    path = request.url.path
    named = dict(request.headers.raw)
    resource = next((v.decode() for k, v in named.items() if k.lower() == _NAME.encode()), "")
    if not path.startswith(_JOBS) or request.url.host != httpx.URL(BASE).host:
        return resource or request.url.host.partition(".")[0], None
    name, _, operation = path.removeprefix(_JOBS).partition("/")
    return (resource if name == _SENTINEL else name), operation


def _missing(resource: str) -> Body:
    """Return the answer for an endpoint that the app does not have, or that has no code in it."""
    return {"error": f"no code of the app runs {resource!r}; its answers can be recorded"}


def _done(status: int, body: Body) -> Future[httpx.Response]:
    """Return a response that is there already."""
    future: Future[httpx.Response] = Future()
    future.set_result(httpx.Response(status, json=body))
    return future


def _in_thread(function: Callable[[], httpx.Response]) -> Future[httpx.Response]:
    """Call a function that blocks in a thread, and return its result as a future."""
    future: Future[httpx.Response] = Future()
    threading.Thread(target=lambda: future.set_result(function()), daemon=True).start()
    return future


class LocalTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Carries the requests of clients of httpx to a `LocalApi`; `caller` is the endpoint that sends them."""

    def __init__(self, api: LocalApi, caller: LocalEndpoint | None = None) -> None:
        self._api, self._caller = api, caller

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of blocking code."""
        request.read()
        # Before the job starts, because it may call the endpoint that waits.
        with self._waits():
            future = self._api.answer(request)
            try:
                return _unread(future.result(_patience(request)))
            except TimeoutError:
                raise httpx.ReadTimeout("the endpoint does not answer", request=request) from None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of async code."""
        await request.aread()
        with self._waits():
            future = asyncio.wrap_future(self._api.answer(request))
            try:
                return _unread(await asyncio.wait_for(future, _patience(request)))
            except TimeoutError:
                raise httpx.ReadTimeout("the endpoint does not answer", request=request) from None

    def _waits(self) -> AbstractContextManager[None]:
        """Note, during the block, that the caller waits."""
        return nullcontext() if self._caller is None else self._caller.waiting_for_another()


def _unread(response: httpx.Response) -> httpx.Response:
    """Return a response whose body the client has still to read, as it has after a real request."""
    # Its stream has the bytes as they were sent, `content` those that the headers say they stand for.
    return httpx.Response(
        response.status_code, headers=response.headers.raw, stream=response.stream
    )


def _patience(request: httpx.Request) -> float | None:
    """Return how long the client waits for an answer, in seconds; None means without a limit."""
    found = request.extensions.get("timeout", {}).get("read")
    return None if found is None else float(found)
