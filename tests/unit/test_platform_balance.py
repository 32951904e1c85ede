"""The load balancer: routing, streams, affinity, broken workers, and faults of requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from flashc_backends.platform.faults import Death, Faults, Network, Unauthorized
from tests.support.balanced_stage import hangs, left, play
from tests.support.platform_stage import Stage


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
