"""Pass requests on to load-balanced workers, and pass the workers' answers back to the clients.

Bodies are passed on in parts, as they arrive.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator, Mapping

from msgspec import Struct

from flashc_backends.platform.balancing import Balancing
from flashc_backends.platform.core import Core, EndpointGone
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
_TOO_LARGE = f"the body is larger than {_BODY_LIMIT} bytes"
_RETRIES = 3
_REPLACED = (b"authorization", TRACEPARENT, TIMEOUT)
CLIENT_LEFT = 499  # the status in the journal, as in the logs of nginx


class _Call(Struct, kw_only=True):
    """A request that is being served: its position in its trace, when its caller stops waiting, and the outcome."""

    request: Request
    target: bytes
    position: Position
    until: float  # on the monotonic clock
    worker: str | None = None
    status: int = 502

    def seconds(self, limit_ms: int) -> float:
        """Return the smaller of the limit and the time left until the caller's deadline, in seconds.

        Raises:
            Refused: the caller has given up.
        """
        left = self.until - time.monotonic()
        if left <= 0:
            raise Refused(504, "the caller has given up")
        return min(limit_ms / 1000, left)


class Balancer:
    """The load balancer of all endpoints.  `addresses` has the address of each running worker, by its id."""

    def __init__(self, core: Core, upstream: Upstream, addresses: Mapping[str, Address]) -> None:
        self._core = core
        self._balancing = Balancing(core)
        self._upstream = upstream
        self._addresses = addresses

    async def serve(self, request: Request, endpoint: Endpoint, target: bytes) -> None:
        """Serve one request; `target` is the path and the query for the worker.

        Raises:
            Refused: the body is too large, no worker was ready in time, or the worker closed the connection or took too long.
            Gone: the client left.
            EndpointGone: the endpoint was deleted.
        """
        began, since = time.time(), time.monotonic()
        patience = seconds_of(request.header(TIMEOUT))
        call = _Call(
            request=request,
            target=target,
            position=position_below(request.header(TRACEPARENT)),
            until=since + (math.inf if patience is None else patience),
        )
        try:
            await self._serve(call, endpoint)
        except Refused as error:
            call.status = error.status
            raise
        except Gone:
            call.status = CLIENT_LEFT
            raise
        except EndpointGone:
            call.status = 404
            raise
        finally:
            self._record(call, endpoint, began, time.monotonic() - since)

    async def _serve(self, call: _Call, endpoint: Endpoint) -> None:
        """Pass a request on to a worker; choose another worker if the first can't be reached."""
        request = call.request
        if (request.length() or 0) > _BODY_LIMIT:
            raise Refused(413, _TOO_LARGE)
        for _ in range(_RETRIES):
            worker = call.worker = await self._acquire_worker(call, endpoint)
            try:
                call.status = await self._pass_on_in_time(call, worker)
                return
            except UpstreamError as error:
                if error.sent or request.is_answered:
                    raise Refused(502, f"worker {worker}: {error}") from error
            finally:
                self._balancing.free(endpoint.id, worker)
        raise Refused(502, "the workers can't be reached")

    def _record(self, call: _Call, endpoint: Endpoint, began: float, took: float) -> None:
        """Add a request that was served to its trace and to the journal."""
        request = call.request
        path = call.target.partition(b"?")[0].decode("latin-1")
        self._core.spans.add(
            call.position,
            endpoint.id,
            f"{request.method} {path}",
            began,
            began + took,
            str(call.status),
            call.worker,
        )
        self._core.journal.note(
            "request",
            endpoint=endpoint.id,
            caller=request.header(b"x-flash-caller"),
            worker=call.worker,
            method=request.method,
            path=call.target.decode("latin-1"),
            status=call.status,
            ms=round(took * 1000, 1),
            trace=call.position.trace,
            span=call.position.span,
        )

    async def _acquire_worker(self, call: _Call, endpoint: Endpoint) -> str:
        """Wait until a worker is free for a request, and return its id.

        Raises:
            Refused: no worker was ready in time.
            Gone: the client left.
            EndpointGone: the endpoint was deleted.
        """
        request = call.request
        mode, _, name = request.header(_WORKER_ID).rpartition(" ")
        worker = await self._balancing.acquire(
            endpoint.id,
            call.seconds(time_limits().load_balancer_waiting.milliseconds),
            _do_not_watch if _has_body(request) else request.watch,
            name,
            strict=mode.startswith("strict"),
        )
        if worker is not None:
            return worker
        if request.is_gone:
            raise Gone
        if time.monotonic() >= call.until:
            raise Refused(504, "the caller has given up, and no worker is ready")
        raise Refused(503, "no worker is ready")

    async def _pass_on_in_time(self, call: _Call, worker: str) -> int:
        """Pass a request on to a worker, and the answer back, within the time limit; return the answer's status.

        Raises:
            Refused: the worker took too long, or the request can't be read.
            UpstreamError: the worker can't be reached, or closed the connection.
            Gone: the client left.
        """
        seconds = call.seconds(time_limits().load_balancer_processing.milliseconds)
        try:
            async with asyncio.timeout(seconds):
                return await self._pass_on(call, worker, seconds)
        except TimeoutError:
            raise Refused(504, f"worker {worker} took too long") from None
        except UpstreamError:
            if call.request.is_gone:
                raise Gone from None  # the platform closed the connection to the worker, because the client left
            raise

    async def _pass_on(self, call: _Call, worker: str, seconds: float) -> int:
        """Pass a request on to a worker, and the answer back; return the answer's status."""
        request = call.request
        address = self._addresses.get(worker)
        if address is None:
            raise UpstreamError("it ended", sent=False)
        answer = await self._upstream.request(
            address,
            request.method.encode(),
            call.target,
            _request_headers(request, call.position, seconds),
            _body(request),
            length=request.length(),
            watch=request.when_gone,
        )
        try:
            await self._send_answer(request, worker, answer)
        finally:
            answer.close()
        return answer.status

    async def _send_answer(self, request: Request, worker: str, answer: Answer) -> None:
        """Send a worker's answer to the client, part by part as it arrives."""
        headers = [*answer.headers, (_WORKER_ID, worker.encode())]
        if answer.has_length and (body := answer.take_whole()) is not None:
            await request.send_whole(answer.status, headers, body)
            return
        await request.send_head(answer.status, headers)
        if request.method != "HEAD" and answer.status not in (204, 304):
            async for chunk in answer.body():
                await request.send_part(chunk)
                if request.is_gone:
                    raise Gone
        await request.send_part(b"", more=False)


def _has_body(request: Request) -> bool:
    """Return whether a request says that it has a body."""
    return b"content-length" in request.headers or b"transfer-encoding" in request.headers


def _body(request: Request) -> AsyncIterator[bytes] | bytes | None:
    """Return the request's body; None without a body.

    It is bytes if the length is known and all bytes have arrived; else an iterator of parts.
    """
    if not _has_body(request):
        return None
    arrived = request.arrived_body() if request.length() is not None else None
    return _limited_parts(request) if arrived is None else arrived


async def _limited_parts(request: Request) -> AsyncIterator[bytes]:
    """Yield the parts of a body; refuse a body that is too large.

    The parts are counted, because a request without `content-length` does not say how long its body is.

    Raises:
        Refused: the body is longer than the limit.
        Gone: the client left.
    """
    size = 0
    async for chunk in request.body_parts():
        size += len(chunk)
        if size > _BODY_LIMIT:
            raise Refused(413, _TOO_LARGE)
        yield chunk


def _do_not_watch(_poll: Poll) -> None:
    """Do not watch the client while its body has not been read: reading the body tells if the client leaves."""


def _request_headers(request: Request, position: Position, seconds: float) -> Headers:
    """Return the headers for the worker: those of the client, with the request's position in its trace and its limit.

    The key of the platform and the cookies of its page are left out.
    """
    given = [header for header in request.scope["headers"] if header[0] not in _REPLACED]
    kept = end_to_end([*_without_sessions(given)])
    kept = [header for header in kept if header[0] != b"expect"]
    kept.append((TRACEPARENT, position.traceparent.encode()))
    kept.append((TIMEOUT, b"%d" % timeout_of(seconds)))
    return kept


def _without_sessions(headers: Headers) -> Iterator[tuple[bytes, bytes]]:
    """Yield headers without the cookies of the platform's page."""
    for name, value in headers:
        if name == b"cookie":
            pairs = [pair.strip() for pair in value.split(b";")]
            value = b"; ".join(p for p in pairs if not p.startswith(SESSION_PREFIX.encode()))
        if name != b"cookie" or value:
            yield name, value
