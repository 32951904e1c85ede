"""The port of the platform: TLS for names below localhost, the certificate authority, and CONNECT."""

from __future__ import annotations

import asyncio
import base64
import ssl
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.support.balanced_stage import play
from tests.support.platform_stage import Stage


def test_the_same_port_speaks_tls_for_names_below_localhost(tmp_path: Path) -> None:
    async def scene(stage: Stage, _url: str) -> None:
        context = ssl.create_default_context(cafile=str(stage.platform.authority.bundle_path))
        name = f"{stage.ids['web']}.localhost"

        async def get(server_name: str) -> bytes:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", stage.platform.port, ssl=context, server_hostname=server_name
            )
            writer.write(
                f"GET /secure HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n"
                f"authorization: Bearer {stage.platform.key}\r\n\r\n".encode()
            )
            answer = await reader.read()
            writer.close()
            return answer

        assert b"/secure" in await get(name)
        assert b"/secure" in await get("127.0.0.1")
        with pytest.raises(ssl.SSLCertVerificationError):
            await get("example.com")

    play(tmp_path, scene)


def test_the_authority_cannot_vouch_for_other_names(tmp_path: Path) -> None:
    """Even with its key, a certificate for another name is refused."""
    from flashc_backends.platform.http.tls import Authority

    async def scene() -> None:
        authority = Authority(tmp_path)
        forged = authority._context_for("example.com")
        client = ssl.create_default_context(cafile=str(authority.certificate_path))

        async def nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        server = await asyncio.start_server(nothing, "127.0.0.1", 0, ssl=forged)
        async with server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
                await asyncio.open_connection(
                    "127.0.0.1", port, ssl=client, server_hostname="example.com"
                )

    asyncio.run(scene())


def test_the_authority_stays_and_its_key_is_private(tmp_path: Path) -> None:
    from flashc_backends.platform.http.tls import Authority

    first = Authority(tmp_path).certificate_path.read_bytes()
    assert Authority(tmp_path).certificate_path.read_bytes() == first
    assert (tmp_path / "ca.key").stat().st_mode & 0o077 == 0


def test_clients_reach_load_balancers_through_the_port_as_their_proxy(tmp_path: Path) -> None:
    async def scene(stage: Stage, _url: str) -> None:
        context = ssl.create_default_context(cafile=str(stage.platform.authority.bundle_path))
        proxy = f"http://localhost:{stage.platform.port}"
        headers = {"authorization": f"Bearer {stage.platform.key}"}
        async with httpx.AsyncClient(
            proxy=proxy, verify=context, headers=headers, trust_env=False
        ) as client:
            url = f"https://{stage.ids['web']}.localhost:{stage.platform.port}/far"
            assert "/far" in (await client.get(url)).text

    play(tmp_path, scene)


def test_the_proxy_passes_to_other_hosts_and_ports_only_with_the_key(tmp_path: Path) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"you said " + await reader.readline())
        writer.close()

    async def scene(stage: Stage, _url: str) -> None:
        server = await asyncio.start_server(other, "127.0.0.1", 0)
        async with server:
            target = f"localhost:{server.sockets[0].getsockname()[1]}"

            async def connect(authorization: str) -> bytes:
                reader, writer = await asyncio.open_connection("127.0.0.1", stage.platform.port)
                writer.write(f"CONNECT {target} HTTP/1.1\r\n{authorization}\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                if b" 200 " in head:
                    writer.write(b"hello\n")
                    head = await reader.read()
                writer.close()
                return head

            given = base64.b64encode(f"flashc:{stage.platform.key}".encode()).decode()
            allowed = await connect(f"Proxy-Authorization: Basic {given}\r\n")
            assert allowed == b"you said hello\n"
            assert b" 407 " in await connect("")
            assert b" 407 " in await connect("Proxy-Authorization: Basic wrong\r\n")

    play(tmp_path, scene)


@pytest.mark.parametrize(
    "target", ["host:99999", "host:1e3", "host:", "host", ":", "host:" + "9" * 300]
)
def test_the_proxy_closes_connections_to_no_port(tmp_path: Path, target: str) -> None:
    async def scene(stage: Stage, _url: str) -> None:
        key = base64.b64encode(f"flashc:{stage.platform.key}".encode()).decode()
        head = f"CONNECT {target} HTTP/1.1\r\nProxy-Authorization: Basic {key}\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.platform.port)
        writer.write(head.encode())
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("first", "more"),
    [
        (b"GET /", b"x" * 8192),
        (b"GET / HTTP/1.1\r\nhost: localhost\r\nx-more: ", b"1" * 8192),
        (b"GET / HTTP/1.1\r\n", b"x-more: " + b"1" * 8192 + b"\r\n"),
        (
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n",
            b"x-more: " + b"1" * 8192 + b"\r\n",
        ),
    ],
    ids=["path", "header", "headers", "trailers"],
)
def test_headers_without_end_are_refused(first: bytes, more: bytes, tmp_path: Path) -> None:
    async def scene(stage: Stage, _url: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.platform.port)
        writer.write(first)
        with suppress(ConnectionError):
            async with asyncio.timeout(60):
                while not reader.at_eof():
                    writer.write(more)
                    await writer.drain()
                    await asyncio.sleep(0)
        writer.close()
        async with httpx.AsyncClient(trust_env=False) as client:  # other clients are served
            reply = await client.get(f"http://127.0.0.1:{stage.platform.port}/openapi.json")
            assert reply.status_code < 500

    play(tmp_path, scene)


@pytest.mark.parametrize("start", [b"CONN", b"CONNECT ", b"CONNECT localhost:1 HTTP/1.1\r\nhost:"])
def test_a_client_that_ends_its_side_within_the_head_is_disconnected(
    start: bytes, tmp_path: Path
) -> None:
    async def scene(stage: Stage, _url: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.platform.port)
        writer.write(start)
        writer.write_eof()
        async with asyncio.timeout(20):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()

    play(tmp_path, scene)
