"""Send requests to load-balanced workers, with pooled connections, and stream what comes back.

This is a client of its own, because httpx and aiohttp take two to ten times as long for a request, and callers of
endpoints would notice the difference.  The parser is httptools, as in the platform's server.
"""

from __future__ import annotations

import asyncio
import select
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import cast

import httptools

Address = tuple[str, int]
Headers = list[tuple[bytes, bytes]]

_HOP_BY_HOP = frozenset(
    [
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    ]
)
_HIGH_WATER = 1024 * 1024  # bytes of an answer that wait for the client
_HEAD_LIMIT = 64 * 1024  # bytes of headers, of interim answers, or of trailers
_CONNECT_TIMEOUT = 5.0
_POOLED = 64  # connections to one worker


class UpstreamError(Exception):
    """The worker can't be reached, or broke off; `sent`: the worker may have processed the request in part."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


def end_to_end(headers: Headers) -> Headers:
    """Return the headers without those that concern only one connection, such as `Connection` and `TE`."""
    named = {
        name.strip().lower()
        for key, value in headers
        if key == b"connection"
        for name in value.split(b",")
    }
    dropped = _HOP_BY_HOP | named
    return [(key, value) for key, value in headers if key not in dropped]


class _Connection(asyncio.Protocol):
    """One connection to a worker; it carries one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._news = asyncio.Event()
        self._parser: httptools.HttpResponseParser | None = None
        self._chunks: deque[bytes] = deque()
        self._waiting = 0
        self._without_body = 0  # bytes received since the last body data
        self._paused = False
        self.closed = False
        self._keeps_alive = False
        self.has_answered = False
        self.status = 0
        self.headers: Headers = []
        self._has_headers = False
        self._complete = False
        self._failure = ""
        self._method_is_head = False

    # The event loop's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport of a new connection."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's class is another

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is closed, and wake what waits for it."""
        self.closed = True
        self._writable.set()
        self._news.set()

    def pause_writing(self) -> None:
        """Let `write` wait, because the worker reads slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let `write` go on."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Parse what the worker has sent; close the connection if it is no answer."""
        if self._parser is None:
            self.close()  # an answer without a request
            return
        self.has_answered = True
        self._without_body += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._failure = f"it does not speak HTTP: {error}"
            self.close()
        if self._without_body > _HEAD_LIMIT and not self._complete:
            self._failure = f"it sends more than {_HEAD_LIMIT} bytes of headers"
            self.close()
        self._news.set()

    def eof_received(self) -> None:
        """Note that the worker ends the connection, which may be the end of the answer."""
        if self._parser is not None and self._has_headers and not self._has_length:
            self._complete = True  # the end of the connection is the end of the answer

    # The parser's side

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header of the answer."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Note that the status and the headers have arrived."""
        assert self._parser is not None
        self.status = self._parser.get_status_code()
        if self.status < 200:  # 100 Continue, 103 Early Hints: the answer follows
            self.headers = []
            return
        self._has_headers = True
        if self._method_is_head:
            # in a HEAD answer, `content-length` describes the GET answer; no body follows
            self._complete = True

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body; stop reading if too much of it waits."""
        self._without_body = 0
        self._chunks.append(body)
        self._waiting += len(body)
        if self._waiting > _HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """Note that the answer is complete, and whether the connection can be used again."""
        assert self._parser is not None
        if self.status < 200:
            return
        self._complete = True
        # If the app raised an exception, uvicorn answers with status 500 and closes the connection a little later.
        self._keeps_alive = self._parser.should_keep_alive() and self.status < 500

    # The client's side

    @property
    def _has_length(self) -> bool:
        """Whether a header says how long the answer's body is."""
        return any(key in (b"content-length", b"transfer-encoding") for key, _ in self.headers)

    def begin(self, *, method_is_head: bool) -> None:
        """Prepare for the answer to a request; an answer to the method HEAD has no body."""
        self._method_is_head = method_is_head
        self._parser = httptools.HttpResponseParser(self)
        self.headers = []
        self._has_headers = self._complete = self._keeps_alive = self.has_answered = False
        self._without_body = 0
        self._news.clear()

    def end(self) -> bool:
        """End the exchange; return whether the connection can carry another request.

        The connection can if the answer was read to its end and the worker keeps the connection open.  If the worker
        sends anything before the next request, the connection is closed.
        """
        self._parser = None
        return self._complete and self._keeps_alive and not self._chunks and not self.closed

    def is_usable(self) -> bool:
        """Return whether the connection is open, and no unexpected data has arrived.

        This asks the system, because the event loop may not yet have told this object that the worker closed the
        connection.
        """
        if self.closed or self._transport is None:
            return False
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not poll.poll(0)

    async def write(self, data: bytes) -> None:
        """Send a part of the request; wait while the worker reads slowly."""
        assert self._transport is not None
        if not self.closed:
            self._transport.write(data)
            await self._writable.wait()

    async def wait_for_headers(self) -> None:
        """Wait for the status and the headers of the answer.

        Raises:
            UpstreamError: the worker closed the connection, or did not answer in HTTP.
        """
        while not self._has_headers:
            if self.closed:
                raise UpstreamError(self._failure or "it closed the connection", sent=True)
            self._news.clear()
            await self._news.wait()

    def take_whole(self) -> bytes | None:
        """Return the body of the answer if all of it has arrived, else None."""
        if not self._complete or self._paused:
            return None
        body = b"".join(self._chunks)
        self._chunks.clear()
        self._waiting = 0
        return body

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the parts of the answer's body as they arrive.

        Raises:
            UpstreamError: the worker broke off its answer.
        """
        while True:
            while self._chunks:
                chunk = self._chunks.popleft()
                self._waiting -= len(chunk)
                yield chunk
            if self._paused and self._transport is not None:
                self._paused = False
                self._transport.resume_reading()
            if self._complete:
                return
            if self.closed:
                raise UpstreamError(self._failure or "it broke off its answer", sent=True)
            self._news.clear()
            await self._news.wait()

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()
        self.closed = True
        self._news.set()


class Answer:
    """The answer of a worker.  The caller calls `close` at the end, whether or not it has read the body."""

    def __init__(self, upstream: Upstream, address: Address, connection: _Connection) -> None:
        self._upstream = upstream
        self._address = address
        self._connection = connection
        self.status = connection.status
        self.headers = end_to_end(connection.headers)
        self.has_length = any(name == b"content-length" for name, _ in self.headers)

    def take_whole(self) -> bytes | None:
        """Return the body if all of it has arrived, else None."""
        return self._connection.take_whole()

    def body(self) -> AsyncIterator[bytes]:
        """Yield the parts of the body as they arrive.

        Raises:
            UpstreamError: the worker broke off.
        """
        return self._connection.body()

    def close(self) -> None:
        """Return the connection to the pool; close it if the body was not read to its end."""
        self._upstream.put_back(self._address, self._connection)


class Upstream:
    """A client for all workers, which keeps idle connections for the next requests."""

    def __init__(self) -> None:
        self._idle: dict[Address, list[_Connection]] = {}

    async def request(
        self,
        address: Address,
        method: bytes,
        target: bytes,
        headers: Headers,
        body: AsyncIterator[bytes] | bytes | None,
        *,
        length: int | None = None,
        watch: Callable[[Callable[[], None]], None] = lambda _leave: None,
    ) -> Answer:
        """Send a request; return when the status and the headers of the answer have arrived.

        `length` is the length of the body; without it, the parts of the body are sent in chunks.  A body of type `bytes`
        needs `length`, and is sent in one write with the headers.  When the body has been sent, `watch` is called with a function that breaks the
        request off.

        Raises:
            UpstreamError: the worker can't be reached, or breaks off.
        """
        assert length is not None or not isinstance(body, bytes), "a whole body has a length"
        connection, is_new = await self._connect(address)
        connection.begin(method_is_head=method == b"HEAD")
        lines = [b"%s %s HTTP/1.1\r\n" % (method, target)]
        lines += [b"%s: %s\r\n" % header for header in headers]
        chunked = body is not None and length is None
        if chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        try:
            whole = body if isinstance(body, bytes) else b""
            await connection.write(b"".join(lines) + b"\r\n" + whole)
            if body is not None and not isinstance(body, bytes):
                async for chunk in body:
                    if chunk:
                        await connection.write(
                            b"%x\r\n%s\r\n" % (len(chunk), chunk) if chunked else chunk
                        )
                if chunked:
                    await connection.write(b"0\r\n\r\n")
            watch(connection.close)
            await connection.wait_for_headers()
        except UpstreamError as error:
            connection.close()
            unseen = not is_new and body is None and not connection.has_answered
            raise UpstreamError(str(error), sent=not unseen) from error
        except BaseException:
            connection.close()
            raise
        return Answer(self, address, connection)

    async def probe(self, address: Address, target: bytes) -> int:
        """Send a GET request to a worker, and return the status of the answer.

        Raises:
            UpstreamError: the worker can't be reached, or breaks off.
        """
        answer = await self.request(address, b"GET", target, [(b"host", b"worker")], None)
        try:
            async for _ in answer.body():
                pass
        finally:
            answer.close()
        return answer.status

    async def _connect(self, address: Address) -> tuple[_Connection, bool]:
        """Return an idle connection to a worker, else a new one; the second value is True for a new one.

        Raises:
            UpstreamError: the worker can't be reached.
        """
        idle = self._idle.get(address)
        while idle:
            connection = idle.pop()
            if connection.is_usable():
                return connection, False
            connection.close()
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                _, connection = await asyncio.get_running_loop().create_connection(
                    _Connection, *address
                )
        except (OSError, TimeoutError) as error:
            raise UpstreamError(f"it can't be reached: {error}", sent=False) from error
        return connection, True

    def put_back(self, address: Address, connection: _Connection) -> None:
        """Keep a connection for the next request if its last answer is complete, else close it."""
        idle = self._idle.setdefault(address, [])
        if connection.end() and len(idle) < _POOLED:
            idle.append(connection)
        else:
            connection.close()

    def forget(self, address: Address) -> None:
        """Close the idle connections to a worker that ended; a connection that carries a request stays."""
        for connection in self._idle.pop(address, []):
            connection.close()

    def close(self) -> None:
        """Close all idle connections."""
        for address in list(self._idle):
            self.forget(address)
