"""Listen on the platform's port, and serve plain HTTP, TLS and CONNECT there.

The first bytes of a connection tell which of these the client speaks.  CONNECT makes the port a proxy: a client can
then reach load balancers over https at names below `localhost`, even if its system does not resolve such names.  The
port serves such connections itself, and forwards connections to other hosts.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import functools
import hmac
import select
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from .asgi import CONNECTION, App
from .auth import host_name

_BACKLOG = 512
_HEAD_LIMIT = 16 * 1024
_HEADERS_LIMIT = 64 * 1024  # bytes of a request that are none of its body
_PATIENCE = 60.0  # seconds in which the first bytes have to arrive, or another host has to accept a connection
_CHUNK = 64 * 1024
_CONNECT = b"CONNECT "
_TLS_HANDSHAKE = 0x16


_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _Exchange:
    """A request on a connection: the `Connection` of `asgi.py`, for uvicorn's protocol."""

    __slots__ = ("_cycle", "_is_read", "_protocol")

    def __init__(self, protocol: _Protocol, cycle: RequestResponseCycle) -> None:
        self._protocol = protocol
        self._cycle = cycle
        self._is_read = False

    def reset(self) -> None:
        """Reset the connection: the client gets an error, as if the network had failed."""
        transport = self._protocol.transport
        connection = transport.get_extra_info("socket")
        if connection is not None:
            with suppress(OSError):
                at_once = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        transport.abort()

    def body(self) -> bytes | None:
        """Return the body of the request if all of it has arrived and nothing of it was read yet, else None."""
        cycle = self._cycle
        if cycle.more_body or cycle.disconnected or self._is_read:
            return None
        self._is_read = True
        cycle.message_event.clear()
        body, cycle.body = bytes(cycle.body), bytearray()
        return body

    def answer(self, head: bytes, body: bytes) -> bool:
        """Send a whole answer in one write; return False, and send nothing, if that is not possible now."""
        cycle = self._cycle
        if cycle.response_started or cycle.flow.write_paused or cycle.scope["method"] == "HEAD":
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        if not cycle.disconnected:
            end = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
            cycle.transport.write(head + end + body)
            if not cycle.keep_alive:
                cycle.transport.close()
            cycle.message_event.set()
            cycle.on_response()
        return True

    def when_lost(self, leave: Callable[[], None]) -> None:
        """Call `leave` when the client closes the connection before it has the whole answer."""
        self._cycle.flow.resume_reading()  # while reading is paused, the end of a connection is not noticed
        self._protocol.leavings[self._cycle] = leave

    def stop_watching(self) -> None:
        """Drop the function that `when_lost` got; it is not called any more."""
        self._protocol.leavings.pop(self._cycle, None)


class _Protocol(HttpToolsProtocol):
    """A connection of uvicorn that gives each request its `_Exchange`, and calls functions when the client leaves."""

    leavings: dict[RequestResponseCycle, Callable[[], None]]
    unanswered: list[RequestResponseCycle]  # with pipelining, there are several
    without_body: int  # bytes since the last ones of a body, or since the last head was complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection, with no request yet."""
        super().connection_made(transport)
        self.leavings = {}
        self.unanswered = []
        self.without_body = 0

    def data_received(self, data: bytes) -> None:
        """Parse a part of a request; refuse headers and trailers that are too long.

        The parser keeps a header until it has all of it.
        """
        self.without_body += len(data)
        super().data_received(data)
        if self.without_body > _HEADERS_LIMIT and not self.transport.is_closing():
            self.transport.write(_TOO_LONG)
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body of a request."""
        self.without_body = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Give the new request its `_Exchange`."""
        self.without_body = 0
        super().on_headers_complete()
        still = [each for each in self.unanswered if not each.response_complete]
        self.unanswered = [*still, self.cycle]
        exchange = _Exchange(self, self.cycle)  # no task has begun to serve the request
        self.scope["extensions"] = {CONNECTION: exchange}  # type: ignore[dict-item]

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell every request of the connection that the client has left."""
        super().connection_lost(exc)
        for cycle in self.unanswered:  # uvicorn tells only the newest
            cycle.disconnected = True
            cycle.message_event.set()
        self.unanswered.clear()
        leavings, self.leavings = self.leavings, {}
        for cycle, leave in leavings.items():
            if not cycle.response_complete:
                leave()


class PortTaken(OSError):
    """Another program listens on the port."""


def bind(host: str, port: int) -> socket.socket:
    """Open a socket that listens at an address, and return it; with port 0, at a free port.

    Raises:
        PortTaken: another program listens on the port.
        OSError: this machine does not have the address, or the port may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(error.errno, f"port {port} of {host} is taken") from error
        raise
    listener.setblocking(False)
    return listener


class Port:
    """The platform's port.  Clients need `key` to use it as a proxy to other hosts."""

    def __init__(self, app: App, context: ssl.SSLContext | None, key: str) -> None:
        config = uvicorn.Config(
            app,
            http="httptools",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=600,
        )
        config.load()
        self._server = uvicorn.Server(config)
        self._protocol: Callable[[], asyncio.Protocol] = functools.partial(
            _Protocol, config, self._server.server_state, {}
        )
        self._context = context
        credentials = base64.b64encode(f"flashc:{key}".encode())
        self._proxy_authorization = b"Basic " + credentials
        self._listeners: list[socket.socket] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    def listen(self, listener: socket.socket) -> None:
        """Accept the connections of a listening socket in the background, until the port is closed."""
        self._listeners.append(listener)
        self._spawn(self._accept(listener))

    async def close(self) -> None:
        """Accept no more connections, and end the open ones; requests have a second to finish."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for listener in self._listeners:
            listener.close()
        for connection in list(self._server.server_state.connections):
            connection.shutdown()
        requests = list(self._server.server_state.tasks)
        if requests:
            await asyncio.wait(requests, timeout=1.0)
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)

    def _spawn(self, work: Any) -> None:
        """Run an awaitable in the background, until `close`."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket) -> None:
        """Accept connections in a loop, and serve each in the background."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError:
                await asyncio.sleep(0.1)  # too many files are open; continue when some are closed
                continue
            connection.setblocking(False)
            with suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._spawn(self._serve(connection))

    async def _serve(self, connection: socket.socket) -> None:
        """Find out which protocol the client speaks, and pass the connection on; close it if that fails."""
        is_passed_on = False
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._pass_on(connection)
                is_passed_on = True
        except (OSError, TimeoutError, EOFError, ssl.SSLError):
            pass  # the client left, or speaks another protocol
        finally:
            if not is_passed_on:
                connection.close()

    async def _pass_on(self, connection: socket.socket) -> None:
        """Pass a connection to a tunnel or to uvicorn; these close it at its end."""
        start = await _peek(connection)
        if start.startswith(_CONNECT):
            target = await self._connect(connection)
            if target is not None:
                self._spawn(_tunnel(connection, *target))
                return
            start = await _peek(connection)
        context = self._context if start[0] == _TLS_HANDSHAKE else None
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(self._protocol, connection, ssl=context)

    async def _connect(self, connection: socket.socket) -> tuple[str, int] | None:
        """Answer CONNECT; return the host and the port that the client names, None if they are the platform's.

        Raises:
            EOFError: the client has not the key for the proxy, or names no valid port.
        """
        loop = asyncio.get_running_loop()
        head = await _read_head(connection)
        lines = head.split(b"\r\n")
        target = lines[0].split(b" ")[1].decode("latin-1")
        host, _, port = target.rpartition(":")
        name = host_name(target)
        is_here = name == "localhost" or name.endswith(".localhost") or name.startswith("127.")
        is_own = is_here and port == str(connection.getsockname()[1])
        if not is_own:
            given = [
                line.partition(b":")[2].strip()
                for line in lines
                if line.lower().startswith(b"proxy-authorization:")
            ]
            if not (given and hmac.compare_digest(given[0], self._proxy_authorization)):
                answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                answer += b'Proxy-Authenticate: Basic realm="flashc"\r\nContent-Length: 0\r\n\r\n'
                await loop.sock_sendall(connection, answer)
                raise EOFError
        if not port.isdecimal() or len(port) > 5 or int(port) > 0xFFFF:
            raise EOFError
        await loop.sock_sendall(connection, b"HTTP/1.1 200 Connection established\r\n\r\n")
        return None if is_own else (host.strip("[]"), int(port))


async def _wait_readable(connection: socket.socket) -> None:
    """Wait until a connection has bytes to read, or has ended."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection)


async def _peek(connection: socket.socket) -> bytes:
    """Wait for the first bytes of a connection and return them, without taking them from the socket.

    Raises:
        EOFError: the client sent nothing.
    """
    while True:
        await _wait_readable(connection)
        is_last = _sends_no_more(connection)  # asked first: what it has sent by then can be peeked
        start = connection.recv(len(_CONNECT), socket.MSG_PEEK)
        if not start:
            raise EOFError
        is_whole = len(start) == len(_CONNECT) or not _CONNECT.startswith(start)
        if is_whole or is_last:
            return start
        await asyncio.sleep(0.01)


def _sends_no_more(connection: socket.socket) -> bool:
    """Return whether the client has ended its side; a peek does not show that as long as bytes are left."""
    events = select.poll()
    events.register(connection, getattr(select, "POLLRDHUP", select.POLLHUP))
    return bool(events.poll(0))


async def _read_head(connection: socket.socket) -> bytes:
    """Read the head of a request up to its empty line, and nothing after that line.

    Raises:
        EOFError: the head is not complete, or too long.
    """
    while True:
        await _wait_readable(connection)
        is_last = _sends_no_more(connection)
        seen = connection.recv(_HEAD_LIMIT, socket.MSG_PEEK)
        end = seen.find(b"\r\n\r\n")
        if end >= 0:
            return connection.recv(end + 4)
        if len(seen) == _HEAD_LIMIT or is_last:
            raise EOFError
        await asyncio.sleep(0.01)


async def _tunnel(connection: socket.socket, host: str, port: int) -> None:
    """Connect to another host, and pass bytes between a client and this host until both have ended."""
    loop = asyncio.get_running_loop()
    with connection:
        try:
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError):
            return

        async def upwards() -> None:
            """Pass the client's bytes to the host."""
            while data := await loop.sock_recv(connection, _CHUNK):
                writer.write(data)
                await writer.drain()
            writer.write_eof()

        async def downwards() -> None:
            """Pass the host's bytes to the client."""
            while data := await reader.read(_CHUNK):
                await loop.sock_sendall(connection, data)
            connection.shutdown(socket.SHUT_WR)

        try:
            await asyncio.gather(upwards(), downwards(), return_exceptions=True)
        finally:
            writer.close()
