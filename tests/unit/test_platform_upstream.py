"""The connections of the load balancer to workers: no answer reaches another request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from flashc_backends.platform.upstream import Address, Upstream, UpstreamError

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


_STATUS = b"HTTP/1.1 200 OK\r\n"
_LINE = b"x-more: " + b"1" * 8192 + b"\r\n"


@pytest.mark.parametrize(
    ("first", "more"),
    [
        (_STATUS, _LINE),
        (_STATUS + b"x-more: ", b"1" * 8192),
        (b"HTTP/1.1 200 ", b"O" * 8192),
        (b"", b"HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n" * 200),
        (_STATUS + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", _LINE),
        (_STATUS + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-more: ", b"1" * 8192),
        (_STATUS + b"transfer-encoding: chunked\r\n\r\n1;", b"x" * 8192),
    ],
    ids=["headers", "header", "status line", "1xx", "trailers", "trailer", "chunk extension"],
)
def test_headers_without_end_are_no_answer(first: bytes, more: bytes) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        while True:
            writer.write(more)
            await writer.drain()

    async def run() -> None:
        async with worker(endless) as (upstream, address):
            async with asyncio.timeout(60):
                with pytest.raises(UpstreamError, match="more than 65536 bytes of headers"):
                    await body_of(upstream, address, b"/")

    asyncio.run(run())


def test_headers_of_many_interim_answers_and_chunks_are_few() -> None:
    """An answer that streams for a long time sends more than the limit, but little between its parts."""

    async def long(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_STATUS + b"transfer-encoding: chunked\r\n\r\n")
        for _ in range(200):
            writer.write(b"1;" + b"x" * 4096 + b"\r\na\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async def run() -> None:
        async with worker(long) as (upstream, address):
            assert await body_of(upstream, address, b"/") == b"a" * 200

    asyncio.run(run())
