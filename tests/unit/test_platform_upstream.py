"""The connections of the load balancer to workers: no answer reaches another request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from flashc_backends.platform.upstream import Address, Upstream

_HOST = [(b"host", b"worker")]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def worker(serve: Serve) -> AsyncGenerator[tuple[Upstream, Address]]:
    """Run a server that handles each connection with `serve`, until the client leaves."""
    ended: list[asyncio.Event] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.append(end := asyncio.Event())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await serve(reader, writer)
        writer.close()
        end.set()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    upstream = Upstream()
    async with server:
        yield upstream, server.sockets[0].getsockname()
        upstream.close()
        for end in ended:
            await end.wait()


async def body_of(upstream: Upstream, address: Address, path: bytes) -> bytes:
    """Return the body of the answer to a GET request."""
    answer = await upstream.request(address, b"GET", path, _HOST, None)
    try:
        return b"".join([chunk async for chunk in answer.body()])
    finally:
        answer.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request with its path; after "/more", send an answer that nobody asked for."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        path = head.split()[1]
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(path), path)
        writer.write(answer)
        if path == b"/more":
            await asyncio.sleep(0.05)
            writer.write(answer)


def test_an_answer_that_was_not_read_does_not_reach_the_next_request() -> None:
    async def run() -> None:
        async with worker(echo) as (upstream, address):
            answer = await upstream.request(address, b"GET", b"/first", _HOST, None)
            await asyncio.sleep(0.05)  # the answer arrives completely
            answer.close()
            assert await body_of(upstream, address, b"/second") == b"/second"

    asyncio.run(run())


def test_an_answer_that_nobody_asked_for_does_not_reach_the_next_request() -> None:
    async def run() -> None:
        async with worker(echo) as (upstream, address):
            assert await body_of(upstream, address, b"/more") == b"/more"
            await asyncio.sleep(0.1)  # the second answer arrives
            assert await body_of(upstream, address, b"/second") == b"/second"

    asyncio.run(run())


def test_a_connection_is_used_again_after_its_answer_was_read() -> None:
    connections: list[int] = []

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        await echo(reader, writer)

    async def run() -> None:
        async with worker(counted) as (upstream, address):
            for path in (b"/one", b"/two", b"/three"):
                assert await body_of(upstream, address, path) == path

    asyncio.run(run())
    assert len(connections) == 1
