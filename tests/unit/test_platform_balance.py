"""The load balancer: routing, streams, affinity, broken workers; and TLS and CONNECT on the same port."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from flashc_backends.platform.faults import Death, Faults, Network, Unauthorized
from tests.support.platform_stage import CoroutineEngine, Stage, Wire, staged

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


hangs: list[bool] = []  # not empty: the worker does not answer `/ping`
left: list[str] = []  # the requests whose end the worker noticed before it had answered


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer as a worker's own code does; the path says how."""

    async def start(status: int = 200, *headers: tuple[bytes, bytes]) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def part(body: bytes, more: bool = False) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": more})

    match scope["path"]:
        case "/ping":
            while hangs:
                await asyncio.sleep(0.02)
            await start(200)
            await part(b"")
        case "/stream":
            await start(200, (b"content-type", b"text/event-stream"))
            for number in range(3):
                await part(b"data: %d\n\n" % number, more=True)
                await asyncio.sleep(0.05)
            await part(b"")
        case "/endless":
            await start()
            leaving = asyncio.ensure_future(receive())
            while not leaving.done() or leaving.result()["type"] != "http.disconnect":
                if leaving.done():
                    leaving = asyncio.ensure_future(receive())
                await part(b"x", more=True)
                await asyncio.sleep(0.01)
        case "/large":
            await start()
            for _ in range(64):
                await part(b"x" * 65536, more=True)
            await part(b"")
        case "/break":
            await start(200, (b"content-length", b"100"))
            await part(b"half", more=True)
            raise ConnectionAbortedError
        case "/error":
            await start(500, (b"content-length", b"2"))
            await part(b"no")
            await asyncio.sleep(0.3)  # such as for a long traceback
            raise RuntimeError  # after which uvicorn closes the connection
        case "/slow":
            await asyncio.sleep(1.0)
            await start()
            await part(b"slow")
        case "/silent":
            while (await receive())["type"] != "http.disconnect":
                pass
            left.append(scope["path"])
        case "/nothing":
            await start(204)
            await part(b"")
        case path:
            size = 0
            more = True
            while more:
                message = await receive()
                size += len(message.get("body", b""))
                more = message.get("more_body", False)
            shown = {name.decode(): value.decode() for name, value in scope["headers"]}
            query = scope["query_string"].decode()
            await start(200, (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"))
            await part(repr([scope["method"], path, query, size, sorted(shown)]).encode())


@asynccontextmanager
async def balanced(folder: Path, **fields: Any) -> AsyncGenerator[tuple[Stage, CoroutineEngine]]:
    """Run a platform whose load-balanced workers all are the server of this module."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))

        async def stay(_wire: Wire) -> None:
            await asyncio.sleep(3600)

        engine = CoroutineEngine(stay, address=("127.0.0.1", listener.getsockname()[1]))
        try:
            async with staged(folder, engine, "web", **fields) as stage:
                yield stage, engine
        finally:
            server.should_exit = True
            await serving


def play(folder: Path, scene: Callable[[Stage, str], Awaitable[None]], **fields: Any) -> None:
    """Run a scene with the URL of a load balancer."""

    async def run() -> None:
        async with balanced(folder, **fields) as (stage, _):
            await scene(stage, f"{stage.platform.base}/lb/{stage.ids['web']}")

    asyncio.run(run())


def test_a_request_reaches_the_worker_as_it_was_sent(tmp_path: Path) -> None:
    async def scene(stage: Stage, url: str) -> None:
        reply = await stage.client.put(
            f"{url}/a%20b/c?x=1&y=%2F", content=b"12345", headers={"x-own": "1", "te": "trailers"}
        )
        method, path, query, size, headers = eval(reply.text)
        assert (method, path, query, size) == ("PUT", "/a b/c", "x=1&y=%2F", 5)
        assert "x-own" in headers
        assert "authorization" not in headers
        assert "te" not in headers
        assert reply.headers["x-runpod-worker-id"]
        assert reply.headers.get_list("set-cookie") == ["a=1", "b=2"]

    play(tmp_path, scene)


def test_a_load_balancer_is_found_by_its_host_name_and_by_the_sentinels_headers(
    tmp_path: Path,
) -> None:
    async def scene(stage: Stage, _url: str) -> None:
        port = stage.platform.port
        host = f"{stage.ids['web']}.localhost:{port}"
        reply = await stage.client.get("/hello", headers={"host": host})
        assert "/hello" in reply.text
        names = {
            "host": f"flash.localhost:{port}",
            "x-flash-app": "app",
            "x-flash-environment": "production",
            "x-flash-endpoint": "web",
        }
        assert "/hello" in (await stage.client.get("/hello", headers=names)).text
        names["x-flash-endpoint"] = "none"
        assert (await stage.client.get("/hello", headers=names)).status_code == 404

    play(tmp_path, scene)


def test_streams_pass_as_they_come_in_both_directions(tmp_path: Path) -> None:
    async def upload() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 1000

    async def scene(stage: Stage, url: str) -> None:
        loop = asyncio.get_running_loop()
        times: list[float] = []
        async with stage.client.stream("GET", f"{url}/stream") as reply:
            async for line in reply.aiter_lines():
                if line:
                    times.append(loop.time())
        assert len(times) == 3
        assert times[-1] - times[0] > 0.05
        reply = await stage.client.post(f"{url}/in", content=upload())
        assert eval(reply.text)[3] == 5000
        assert len((await stage.client.get(f"{url}/large")).content) == 64 * 65536

    play(tmp_path, scene)


def test_a_stream_ends_when_its_client_goes_away(tmp_path: Path) -> None:
    async def scene(stage: Stage, url: str) -> None:
        async with stage.client.stream("GET", f"{url}/endless") as reply:
            async for _ in reply.aiter_bytes():
                break
        dispatcher = stage.platform.core.dispatchers[stage.ids["web"]]
        async with asyncio.timeout(5):
            while any(worker.held for worker in dispatcher.pool.workers.values()):
                await asyncio.sleep(0.02)

    play(tmp_path, scene)


def test_answers_without_a_body_end(tmp_path: Path) -> None:
    async def scene(stage: Stage, url: str) -> None:
        assert (await stage.client.get(f"{url}/nothing")).status_code == 204
        assert (await stage.client.head(f"{url}/large")).status_code == 200
        assert "GET" in (await stage.client.get(f"{url}/after")).text

    play(tmp_path, scene)


def test_a_worker_that_breaks_off_breaks_the_answer_off(tmp_path: Path) -> None:
    async def scene(stage: Stage, url: str) -> None:
        with pytest.raises(httpx.RemoteProtocolError):
            await stage.client.get(f"{url}/break")
        assert "GET" in (await stage.client.get(f"{url}/after")).text

    play(tmp_path, scene)


def test_an_error_of_a_worker_does_not_break_the_next_request(tmp_path: Path) -> None:
    async def scene(stage: Stage, url: str) -> None:
        for _ in range(2):
            assert (await stage.client.post(f"{url}/error")).status_code == 500
            assert (await stage.client.post(f"{url}/slow")).text == "slow"

    play(tmp_path, scene)


def test_requests_wait_for_the_first_worker(tmp_path: Path) -> None:
    async def scene(stage: Stage, url: str) -> None:
        dispatcher = stage.platform.core.dispatchers[stage.ids["web"]]
        assert not list(dispatcher.pool.ready())
        assert "GET" in (await stage.client.get(f"{url}/first")).text

    play(tmp_path, scene, workersMin=0)


def test_requests_go_to_the_least_busy_worker_or_the_one_that_they_name(tmp_path: Path) -> None:
    async def scene(stage: Stage, url: str) -> None:
        dispatcher = stage.platform.core.dispatchers[stage.ids["web"]]
        async with asyncio.timeout(10):
            while len(list(dispatcher.pool.ready())) < 2:
                await asyncio.sleep(0.02)
        replies = await asyncio.gather(*(stage.client.get(f"{url}/slow") for _ in range(4)))
        seen = [reply.headers["x-runpod-worker-id"] for reply in replies]
        first, second = sorted(set(seen))
        assert seen.count(first) == seen.count(second) == 2
        for wish in (first, second, f"strict {second}", f"strict-resume {first}"):
            reply = await stage.client.get(f"{url}/x", headers={"x-runpod-worker-id": wish})
            assert reply.headers["x-runpod-worker-id"] == wish.split()[-1]
        reply = await stage.client.get(f"{url}/x", headers={"x-runpod-worker-id": "gone"})
        assert reply.status_code == 200
        reply = await stage.client.get(f"{url}/x", headers={"x-runpod-worker-id": "strict gone"})
        assert reply.status_code == 503

    play(tmp_path, scene, workersMin=2, workersMax=2)


def test_busy_load_balancers_get_more_workers(tmp_path: Path) -> None:
    async def scene(stage: Stage, url: str) -> None:
        dispatcher = stage.platform.core.dispatchers[stage.ids["web"]]
        await asyncio.gather(*(stage.client.get(f"{url}/slow") for _ in range(12)))
        assert len(list(dispatcher.pool.ready())) == 3

    play(tmp_path, scene, workersMin=0, workersMax=5)


def test_requests_are_noted_in_the_journal(tmp_path: Path) -> None:
    async def scene(stage: Stage, url: str) -> None:
        await stage.client.get(f"{url}/x?y=1")
        noted = [entry.what for entry in stage.platform.journal.after(0) if entry.kind == "request"]
        assert (noted[0]["method"], noted[0]["path"], noted[0]["status"]) == ("GET", "/x?y=1", 200)

    play(tmp_path, scene)


def statuses(stage: Stage) -> list[int]:
    """Return the statuses of the requests in the journal."""
    entries = stage.platform.journal.after(0)
    return [entry.what["status"] for entry in entries if entry.kind == "request"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_client_that_leaves_before_the_answer_stops_its_request(
    tmp_path: Path, method: str
) -> None:
    async def scene(stage: Stage, url: str) -> None:
        left.clear()
        await stage.client.get(f"{url}/x")
        with pytest.raises(httpx.ReadTimeout):
            content = b"x" if method == "POST" else None
            await stage.client.request(method, f"{url}/silent", content=content, timeout=0.3)
        async with asyncio.timeout(5):
            while not left or len(statuses(stage)) < 2:
                await asyncio.sleep(0.02)
        assert statuses(stage) == [200, 499]
        dispatcher = stage.platform.core.dispatchers[stage.ids["web"]]
        assert not any(worker.held for worker in dispatcher.pool.workers.values())

    play(tmp_path, scene)


def test_a_client_that_leaves_while_it_sends_its_body_is_noted_as_such(tmp_path: Path) -> None:
    async def scene(stage: Stage, url: str) -> None:
        await stage.client.get(f"{url}/x")
        _, writer = await asyncio.open_connection("127.0.0.1", stage.platform.port)
        path = f"/lb/{stage.ids['web']}/in"
        writer.write(
            f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n"
            f"authorization: Bearer {stage.platform.key}\r\n\r\nabc".encode()
        )
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()
        async with asyncio.timeout(5):
            while len(statuses(stage)) < 2:
                await asyncio.sleep(0.02)
        assert statuses(stage) == [200, 499]

    play(tmp_path, scene)


def test_bodies_obey_the_limit_whether_or_not_their_length_is_said(tmp_path: Path) -> None:
    async def upload(size: int) -> AsyncIterator[bytes]:
        for _ in range(size):
            yield bytes(1024**2)

    async def scene(stage: Stage, url: str) -> None:
        reply = await stage.client.post(f"{url}/in", content=upload(30))
        assert eval(reply.text)[3] == 30 * 1024**2
        assert (await stage.client.post(f"{url}/in", content=upload(31))).status_code == 413
        reply = await stage.client.post(f"{url}/in", content=bytes(30 * 1024**2 + 1))
        assert reply.status_code == 413
        assert statuses(stage) == [200, 413, 413]
        assert "GET" in (await stage.client.get(f"{url}/after")).text

    play(tmp_path, scene)


def test_a_worker_that_hangs_is_replaced_when_its_requests_have_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flashc_backends.platform.fleet.HEALTH_PAUSE", 0.05)
    monkeypatch.setattr("flashc_backends.platform.fleet.PROBE_TIMEOUT", 0.2)

    async def scene(stage: Stage, url: str) -> None:
        first = (await stage.client.get(f"{url}/x")).headers["x-runpod-worker-id"]
        await asyncio.sleep(0.5)
        assert (await stage.client.get(f"{url}/x")).headers["x-runpod-worker-id"] == first
        hangs.append(True)
        pool = stage.platform.core.dispatchers[stage.ids["web"]]
        slow = asyncio.ensure_future(stage.client.get(f"{url}/slow"))
        try:
            async with asyncio.timeout(10):
                while first in pool.pool.workers:
                    await asyncio.sleep(0.02)
        finally:
            hangs.clear()
        assert (await slow).text == "slow"
        assert (await stage.client.get(f"{url}/x")).headers["x-runpod-worker-id"] != first
        states = [
            entry.what["state"]
            for entry in stage.platform.journal.after(0)
            if entry.kind == "worker" and entry.what["worker"] == first
        ]
        assert states[-4:] == ["unhealthy", "draining", "stopping", "ended"]

    play(tmp_path, scene)


# TLS and CONNECT ---------------------------------------------------------------------------------


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
        forged = authority._for_name("example.com")
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


def test_faults_of_requests_to_a_load_balancer(tmp_path: Path) -> None:
    faults = Faults(
        fault=(
            Unauthorized(at=(1,)),
            Network(at=(1,), latency=0.3),
            Network(at=(2,), cut="request"),
            Network(at=(3,), cut="answer"),
            Death(at=(4,)),
        )
    )

    async def scene(stage: Stage, url: str) -> None:
        caller = {"x-flash-caller": "gateway"}
        assert (await stage.client.get(f"{url}/a")).status_code == 401
        began = time.monotonic()
        assert (await stage.client.get(f"{url}/a", headers=caller)).status_code == 200
        assert time.monotonic() - began >= 0.3
        for _ in range(2):
            with pytest.raises(httpx.TransportError):
                await stage.client.get(f"{url}/a", headers=caller)
        first = await stage.client.get(f"{url}/a")
        assert first.status_code == 200
        last = await stage.client.get(f"{url}/a")  # its worker dies
        assert last.headers["x-runpod-worker-id"] == first.headers["x-runpod-worker-id"]
        await asyncio.sleep(0.1)
        again = await stage.client.get(f"{url}/a")
        assert again.headers["x-runpod-worker-id"] != first.headers["x-runpod-worker-id"]
        requests = [e.what for e in stage.platform.journal.after(0) if e.kind == "request"]
        assert len(requests) == 5  # neither the refused one nor the one that was cut before it

    play(tmp_path, scene, faults=faults)
