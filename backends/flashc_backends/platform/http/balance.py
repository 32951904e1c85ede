"""Pass requests on to load-balanced workers, and their answers back, as they come."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping

from msgspec import Struct

from flashc_backends.platform.balancing import Balancing
from flashc_backends.platform.core import Core
from flashc_backends.platform.polls import Poll
from flashc_backends.platform.records import Endpoint
from flashc_backends.platform.tracing import (
    TIMEOUT,
    TRACEPARENT,
    Position,
    position_below,
    seconds_of,
    timeout_of,
)
from flashc_backends.platform.upstream import Address, Answer, Upstream, UpstreamError, end_to_end
from flashc_ir.platform.limits import time_limits

from .asgi import Gone, Headers, Refused, Request
from .auth import SESSION_PREFIX

_WORKER_ID = b"x-runpod-worker-id"
_BODY_LIMIT = 30 * 1024**2
_RETRIES = 3
_LONGEST_STREAM = 86400.0
_GONE = 499  # the client went away
_REPLACED = (b"authorization", TRACEPARENT, TIMEOUT)


class _Served(Struct):
    """What came of a request: the status of its answer, and the last worker that had it."""

    status: int = _GONE
    worker: str | None = None


class Balancer:
    """The load balancer of all endpoints.  `addresses` are those of workers that run."""

    def __init__(self, core: Core, upstream: Upstream, addresses: Mapping[str, Address]) -> None:
        self._core = core
        self._balancing = Balancing(core)
        self._upstream = upstream
        self._addresses = addresses

    async def serve(self, request: Request, endpoint: Endpoint, target: bytes) -> None:
        """Serve one request; `target` is its path and query as the worker gets them.

        Raises:
            Refused: no worker is ready in time, or the worker broke off.
            Gone: the client went away.
        """
        began = time.time()
        position = position_below(request.header(TRACEPARENT))
        served = _Served()
        try:
            await self._serve(request, endpoint, target, position, served)
        except Refused as error:
            served.status = error.status
            raise
        finally:
            path = target.partition(b"?")[0].decode("latin-1")
            self._core.spans.add(
                position,
                endpoint.id,
                f"{request.method} {path}",
                began,
                time.time(),
                str(served.status),
                served.worker,
            )

    async def _serve(
        self,
        request: Request,
        endpoint: Endpoint,
        target: bytes,
        position: Position,
        served: _Served,
    ) -> None:
        began = time.monotonic()
        if (request.length() or 0) > _BODY_LIMIT:
            raise Refused(413, f"the body is larger than {_BODY_LIMIT} bytes")
        limits = time_limits()
        patience = seconds_of(request.header(TIMEOUT))
        end = math.inf if patience is None else began + patience
        mode, _, name = request.header(_WORKER_ID).rpartition(" ")
        has_body = b"content-length" in request.headers or b"transfer-encoding" in request.headers
        wait = _ignore if has_body else request.watch
        for _ in range(_RETRIES):
            if time.monotonic() >= end:
                raise Refused(504, "the caller waits no longer")
            worker = await self._balancing.acquire(
                endpoint.id,
                min(limits.load_balancer_waiting.milliseconds / 1000, end - time.monotonic()),
                wait,
                name,
                strict=mode.startswith("strict"),
            )
            if worker is None:
                if request.is_gone:
                    raise Gone
                if time.monotonic() >= end:
                    raise Refused(504, "the caller waits no longer, and no worker is ready")
                raise Refused(503, "no worker is ready")
            status = 502
            served.worker = worker
            seconds = limits.load_balancer_processing.milliseconds / 1000
            seconds = max(min(seconds, end - time.monotonic()), 0.0)
            headers = _request_headers(request, position, seconds)
            try:
                async with asyncio.timeout(seconds):
                    status = await self._pass_on(request, worker, target, headers, has_body)
                served.status = status
                return
            except TimeoutError:
                status = 504
                raise Refused(504, f"worker {worker} took too long") from None
            except UpstreamError as error:
                if error.sent or request.is_answered:
                    raise Refused(502, f"worker {worker}: {error}") from error
            finally:
                self._balancing.free(endpoint.id, worker)
                self._core.journal.note(
                    "request",
                    endpoint=endpoint.id,
                    caller=request.header(b"x-flash-caller"),
                    worker=worker,
                    method=request.method,
                    path=target.decode("latin-1"),
                    status=status,
                    ms=round((time.monotonic() - began) * 1000, 1),
                )
        raise Refused(502, "the workers can't be reached")

    async def _pass_on(
        self, request: Request, worker: str, target: bytes, headers: Headers, has_body: bool
    ) -> int:
        """Pass a request on to a worker, and the answer back; return its status."""
        address = self._addresses.get(worker)
        if address is None:
            raise UpstreamError("it ended", sent=False)
        answer = await self._upstream.request(
            address,
            request.method.encode(),
            target,
            headers,
            request.stream() if has_body else None,
            length=request.length(),
        )
        try:
            await self._answer(request, worker, answer)
        finally:
            answer.close()
        return answer.status

    async def _answer(self, request: Request, worker: str, answer: Answer) -> None:
        await request.start(answer.status, [*answer.headers, (_WORKER_ID, worker.encode())])
        if request.method != "HEAD" and answer.status not in (204, 304):
            is_watched = False
            async for chunk in answer.body():
                await request.part(chunk)
                if not is_watched:
                    is_watched = True
                    request.watch(Poll(_LONGEST_STREAM))
                if request.is_gone:
                    raise Gone
        await request.part(b"", more=False)


def _ignore(_poll: Poll) -> None:
    """Do not watch the client: what it sends next is its body."""


def _request_headers(request: Request, position: Position, seconds: float) -> Headers:
    """Return the headers for the worker.

    They are without the platform's key and cookie, which its code has no use for, and say where in its trace the
    request is and how long it may take.
    """
    kept = end_to_end(
        [
            header
            for header in request.scope["headers"]
            if header[0] not in _REPLACED
            and not (header[0] == b"cookie" and SESSION_PREFIX.encode() in header[1])
        ]
    )
    kept = [header for header in kept if header[0] != b"expect"]
    kept.append((TRACEPARENT, position.traceparent.encode()))
    kept.append((TIMEOUT, b"%d" % timeout_of(seconds)))
    return kept
