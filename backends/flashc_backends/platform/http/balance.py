"""Pass requests on to load-balanced workers, and their answers back, as they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping

from flashc_backends.platform.balancing import Balancing
from flashc_backends.platform.core import Core, EndpointGone
from flashc_backends.platform.polls import Poll
from flashc_backends.platform.records import Endpoint
from flashc_backends.platform.upstream import Address, Answer, Upstream, UpstreamError, end_to_end
from flashc_ir.platform.limits import time_limits

from .asgi import Gone, Headers, Refused, Request
from .auth import SESSION_PREFIX

_WORKER_ID = b"x-runpod-worker-id"
_BODY_LIMIT = 30 * 1024**2
_TOO_LARGE = f"the body is larger than {_BODY_LIMIT} bytes"
_RETRIES = 3
CLIENT_LEFT = 499  # the status in the journal, as in the logs of nginx


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
        began = time.monotonic()
        worker: str | None = None
        status = 502
        try:
            if (request.length() or 0) > _BODY_LIMIT:
                raise Refused(413, _TOO_LARGE)
            for _ in range(_RETRIES):
                worker = await self._worker(request, endpoint)
                try:
                    status = await self._in_time(request, worker, target)
                    return
                except UpstreamError as error:
                    if error.sent or request.is_answered:
                        raise Refused(502, f"worker {worker}: {error}") from error
                finally:
                    self._balancing.free(endpoint.id, worker)
            raise Refused(502, "the workers can't be reached")
        except Refused as error:
            status = error.status
            raise
        except Gone:
            status = CLIENT_LEFT
            raise
        except EndpointGone:
            status = 404
            raise
        finally:
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

    async def _worker(self, request: Request, endpoint: Endpoint) -> str:
        """Return the worker that answers a request."""
        mode, _, name = request.header(_WORKER_ID).rpartition(" ")
        worker = await self._balancing.acquire(
            endpoint.id,
            time_limits().load_balancer_waiting.milliseconds / 1000,
            _ignore if _has_body(request) else request.watch,
            name,
            strict=mode.startswith("strict"),
        )
        if worker is not None:
            return worker
        if request.is_gone:
            raise Gone
        raise Refused(503, "no worker is ready")

    async def _in_time(self, request: Request, worker: str, target: bytes) -> int:
        """Pass a request on to a worker, and the answer back, within the limit; return its status."""
        try:
            async with asyncio.timeout(time_limits().load_balancer_processing.milliseconds / 1000):
                return await self._pass_on(request, worker, target)
        except TimeoutError:
            raise Refused(504, f"worker {worker} took too long") from None
        except UpstreamError:
            if request.is_gone:
                raise Gone from None  # that is why the connection to the worker was closed
            raise

    async def _pass_on(self, request: Request, worker: str, target: bytes) -> int:
        address = self._addresses.get(worker)
        if address is None:
            raise UpstreamError("it ended", sent=False)
        answer = await self._upstream.request(
            address,
            request.method.encode(),
            target,
            _request_headers(request),
            _limited(request) if _has_body(request) else None,
            length=request.length(),
            watch=request.when_gone,
        )
        try:
            await self._answer(request, worker, answer)
        finally:
            answer.close()
        return answer.status

    async def _answer(self, request: Request, worker: str, answer: Answer) -> None:
        await request.start(answer.status, [*answer.headers, (_WORKER_ID, worker.encode())])
        if request.method != "HEAD" and answer.status not in (204, 304):
            async for chunk in answer.body():
                await request.part(chunk)
                if request.is_gone:
                    raise Gone
        await request.part(b"", more=False)


def _has_body(request: Request) -> bool:
    return b"content-length" in request.headers or b"transfer-encoding" in request.headers


async def _limited(request: Request) -> AsyncIterator[bytes]:
    """Yield the parts of a body, whose length the client need not have said, up to the limit."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > _BODY_LIMIT:
            raise Refused(413, _TOO_LARGE)
        yield chunk


def _ignore(_poll: Poll) -> None:
    """Do not watch the client: what it sends next is its body."""


def _request_headers(request: Request) -> Headers:
    """Return the headers for the worker: without the platform's key and cookie, which its code has no use for."""
    kept = end_to_end(
        [
            header
            for header in request.scope["headers"]
            if header[0] != b"authorization"
            and not (header[0] == b"cookie" and SESSION_PREFIX.encode() in header[1])
        ]
    )
    return [header for header in kept if header[0] != b"expect"]
