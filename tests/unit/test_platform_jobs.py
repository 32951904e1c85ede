"""The job API and the worker API over HTTP."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import httpx
import pytest

from flashc_backends.platform.engines.base import WorkerSpec
from tests.support.platform_stage import CoroutineEngine, Stage, Wire, echo, play, staged


async def nothing(_wire: Wire) -> None:
    """Never become ready."""
    await asyncio.sleep(3600)


def test_runsync_answers_with_the_result(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        reply = await stage.post("runsync", {"input": {"a": [1, "ü"]}})
        answer = reply.json()
        assert reply.status_code == 200
        assert answer["id"].startswith("sync-")
        assert answer["output"] == {"a": [1, "ü"]}
        assert answer["status"] == "COMPLETED"
        assert isinstance(answer["delayTime"], int)
        assert isinstance(answer["executionTime"], int)
        assert answer["workerId"]

    play(tmp_path, scene)


def test_run_answers_at_once_and_status_has_the_result(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        reply = (await stage.post("run", {"input": 5})).json()
        assert reply["status"] == "IN_QUEUE"
        assert (await stage.final(reply["id"]))["output"] == 5

    play(tmp_path, scene)


def test_runsync_answers_with_the_state_when_its_time_is_over(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        answer = (await stage.post("runsync?wait=1000", {"input": 1})).json()
        assert answer == {"id": answer["id"], "status": "IN_QUEUE"}

    play(tmp_path, scene, nothing)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "can't be read"),
        (b"[]", "can't be read"),
        (b"{}", "no `input`"),
        (b'{"input": 1, "policy": {"ttl": 5}}', "policy.ttl"),
        (b'{"input": 1, "policy": {"executionTimeout": 1}}', "policy.executionTimeout"),
        (b'{"input": 1, "webhook": "file:///etc/passwd"}', "webhook"),
        (b"\xff", "can't be read"),
        (b'{"input": ' + b"[" * 5000 + b"]" * 5000 + b"}", "nested too deeply"),
    ],
)
def test_a_wrong_request_is_refused_with_the_reason(tmp_path: Path, body: bytes, text: str) -> None:
    async def scene(stage: Stage) -> None:
        reply = await stage.client.post(f"/v2/{stage.ids['queue']}/run", content=body)
        assert reply.status_code == 400
        assert text in reply.json()["error"]

    play(tmp_path, scene)


def test_payloads_above_the_limits_are_refused(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        text = "x" * (10 * 1024**2)
        assert (await stage.post("run", {"input": text})).status_code == 413
        answer = (await stage.post("runsync", {"input": text})).json()
        assert answer["output"] == text
        assert (await stage.post("runsync", {"input": text + text})).status_code == 413

    play(tmp_path, scene)


def test_large_bodies_are_files(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.post("runsync", {"input": "x" * 300_000})
        assert len(list((tmp_path / "state" / "bodies").iterdir())) == 1

    play(tmp_path, scene)


def test_errors_of_workers_are_strings_of_failed_jobs(tmp_path: Path) -> None:
    async def fail(wire: Wire) -> None:
        while True:
            job = await wire.take()
            if job is not None:
                await wire.done(job["id"], job["input"])

    async def scene(stage: Stage) -> None:
        answer = (await stage.post("runsync", {"input": {"error": "wrong", "output": 1}})).json()
        assert (answer["status"], answer["error"], answer["output"]) == ("FAILED", "wrong", 1)
        answer = (await stage.post("runsync", {"input": {"error": {"a": 1}}})).json()
        assert answer["error"] == '{"a": 1}'
        answer = (await stage.post("runsync", {"input": {}})).json()
        assert answer["status"] == "COMPLETED"

    play(tmp_path, scene, fail)


def test_parts_of_a_stream_are_returned_once(tmp_path: Path) -> None:
    async def stream(wire: Wire) -> None:
        while True:
            job = await wire.take()
            if job is not None:
                for number in range(3):
                    await wire.part(job["id"], number)
                await wire.done(job["id"], {"output": []}, stream=True)

    async def scene(stage: Stage) -> None:
        job = await stage.run(None)
        await stage.final(job)
        answer = (await stage.get(f"stream/{job}")).json()
        assert answer["stream"] == [{"output": 0}, {"output": 1}, {"output": 2}]
        assert (await stage.get(f"stream/{job}")).json() == {"status": "COMPLETED", "stream": []}

    play(tmp_path, scene, stream)


def test_a_partial_output_is_seen_before_the_result(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def progress(wire: Wire) -> None:
        job = await wire.take()
        assert job is not None
        await wire.done(job["id"], {"status": "IN_PROGRESS", "output": "half"})
        await go_on.wait()
        await wire.done(job["id"], {"output": "all"})

    async def scene(stage: Stage) -> None:
        job = await stage.run(None)
        async with asyncio.timeout(10):
            while (await stage.get(f"status/{job}")).json().get("output") != "half":
                await asyncio.sleep(0.02)
        go_on.set()
        assert (await stage.final(job))["output"] == "all"

    play(tmp_path, scene, progress)


def test_a_cancelled_job_is_stopped_and_its_late_result_ignored(tmp_path: Path) -> None:
    stopped: list[str] = []

    async def stubborn(wire: Wire) -> None:
        job = await wire.take()
        assert job is not None
        stopped.extend(await wire.stops())
        assert await wire.done(job["id"], {"output": "late"}) == 200

    async def scene(stage: Stage) -> None:
        job = await stage.run(None)
        async with asyncio.timeout(10):
            while (await stage.get(f"status/{job}")).json()["status"] != "IN_PROGRESS":
                await asyncio.sleep(0.02)
        assert (await stage.post(f"cancel/{job}")).json()["status"] == "CANCELLED"
        async with asyncio.timeout(10):
            while not stopped:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        view = (await stage.get(f"status/{job}")).json()
        assert view["status"] == "CANCELLED"
        assert "output" not in view
        assert stopped == [job]

    play(tmp_path, scene, stubborn)


def test_jobs_of_a_dead_worker_run_on_the_next(tmp_path: Path) -> None:
    deaths: list[str] = []

    async def die_once(wire: Wire) -> None:
        job = await wire.take()
        if job is not None and not deaths:
            deaths.append(job["id"])
            return
        if job is not None:
            await wire.done(job["id"], {"output": "second"})
        await echo(wire)

    async def scene(stage: Stage) -> None:
        answer = (await stage.post("runsync", {"input": 1})).json()
        assert answer["output"] == "second"
        assert deaths == [answer["id"]]

    play(tmp_path, scene, die_once)


def test_a_failed_job_can_be_retried_and_others_not(tmp_path: Path) -> None:
    outcomes = [{"error": "first"}, {"output": "second"}]

    async def worker(wire: Wire) -> None:
        while True:
            job = await wire.take()
            if job is not None:
                await wire.done(job["id"], outcomes.pop(0))

    async def scene(stage: Stage) -> None:
        job = await stage.run(None)
        assert (await stage.final(job))["status"] == "FAILED"
        assert (await stage.post(f"retry/{job}")).json() == {"id": job, "status": "IN_QUEUE"}
        assert (await stage.final(job))["output"] == "second"
        assert (await stage.post(f"retry/{job}")).status_code == 400
        assert (await stage.get("health")).json()["jobs"]["retried"] == 1

    play(tmp_path, scene, worker)


def test_the_queue_can_be_purged(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        jobs = [await stage.run(number) for number in range(5)]
        assert (await stage.get("health")).json()["jobs"]["inQueue"] == 5
        assert (await stage.post("purge-queue")).json() == {"removed": 5, "status": "completed"}
        assert {(await stage.final(job))["status"] for job in jobs} == {"CANCELLED"}

    play(tmp_path, scene, nothing)


def test_a_batch_has_as_many_jobs_as_are_asked_for(tmp_path: Path) -> None:
    sizes: list[int] = []

    async def batches(wire: Wire) -> None:
        await asyncio.sleep(0.5)
        while True:
            jobs = await wire.take_batch(3)
            sizes.append(len(jobs))
            for job in jobs:
                await wire.done(job["id"], {"output": job["input"]})

    async def scene(stage: Stage) -> None:
        jobs = [await stage.run(number) for number in range(5)]
        assert [(await stage.final(job))["output"] for job in jobs] == [0, 1, 2, 3, 4]
        assert sizes[:2] == [3, 2]

    play(tmp_path, scene, batches)


def test_a_job_that_two_pings_do_not_list_runs_again(tmp_path: Path) -> None:
    taken: list[str] = []

    async def forgetful(wire: Wire) -> None:
        while True:
            for job in await wire.take_batch(1):
                taken.append(job["id"])
                if len(taken) == 1:
                    await wire.ping()
                    await wire.ping()
                else:
                    await wire.done(job["id"], {"output": "again"})

    async def scene(stage: Stage) -> None:
        answer = (await stage.post("runsync", {"input": 1})).json()
        assert answer["output"] == "again"
        assert taken == [answer["id"]] * 2

    play(tmp_path, scene, forgetful)


def test_the_time_to_live_ends_a_job(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = await stage.run(1, policy={"ttl": 10_000})
        dispatcher = stage.platform.core.dispatchers[stage.ids["queue"]]
        dispatcher.tick(dispatcher.jobs[job].created + 11)
        stage.platform.core.flush(dispatcher)
        async with asyncio.timeout(5):
            while (await stage.get(f"status/{job}")).status_code != 404:
                await asyncio.sleep(0.02)

    play(tmp_path, scene, nothing)


def test_a_worker_that_asks_for_it_is_replaced(tmp_path: Path) -> None:
    seen: set[str] = set()

    async def once(wire: Wire) -> None:
        while True:
            job = await wire.take()
            if job is not None:
                seen.add(wire.spec.worker)
                await wire.done(job["id"], {"output": 1, "stopPod": True})

    async def scene(stage: Stage) -> None:
        for _ in range(2):
            await stage.post("runsync", {"input": 1})
        assert len(seen) == 2

    play(tmp_path, scene, once)


def test_webhooks_get_the_result_again_until_they_answer_200(tmp_path: Path) -> None:
    bodies: list[bytes] = []

    async def hook(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        bodies.append(await reader.readexactly(length))
        status = b"500 no" if len(bodies) == 1 else b"200 OK"
        writer.write(b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
        writer.close()

    async def scene(stage: Stage) -> None:
        server = await asyncio.start_server(hook, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            job = await stage.run(7, webhook=f"http://127.0.0.1:{port}/")
            async with asyncio.timeout(20):
                while len(bodies) < 2:
                    await asyncio.sleep(0.05)
        view = httpx.Response(200, content=bodies[1]).json()
        assert (view["id"], view["output"], view["status"]) == (job, 7, "COMPLETED")

    play(tmp_path, scene)


def test_health_counts_workers_and_jobs(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.post("runsync", {"input": 1})
        health = (await stage.get("health")).json()
        assert health["jobs"] == {
            "completed": 1,
            "failed": 0,
            "inProgress": 0,
            "inQueue": 0,
            "retried": 0,
        }
        assert health["workers"]["ready"] == health["workers"]["idle"] == 1
        assert (await stage.get("requests")).json()["requests"][0]["status"] == "COMPLETED"
        assert len((await stage.get("metrics")).json()["readyWorkers"]) == 1

    play(tmp_path, scene)


def test_the_sentinel_finds_the_endpoint_by_its_names(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        names = {
            "x-flash-app": "app",
            "x-flash-environment": "production",
            "x-flash-endpoint": "queue",
        }
        reply = await stage.client.post("/v2/flash/runsync", json={"input": 3}, headers=names)
        assert reply.json()["output"] == 3
        job = reply.json()["id"]
        seen = await stage.client.get(f"/v2/flash/status/{job}", headers=names)
        assert seen.json()["status"] == "COMPLETED"
        names["x-flash-endpoint"] = "other"
        reply = await stage.client.post("/v2/flash/runsync", json={"input": 3}, headers=names)
        assert reply.status_code == 404

    play(tmp_path, scene)


class _FullEngine(CoroutineEngine):
    """An engine that can't start its first worker, because too many files are open."""

    has_failed = False

    async def start(self, spec: WorkerSpec) -> None:
        if not self.has_failed:
            self.has_failed = True
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        await super().start(spec)


def test_a_worker_that_the_machine_could_not_start_is_started_again(tmp_path: Path) -> None:
    async def scene() -> None:
        async with staged(tmp_path, _FullEngine(echo), "queue") as stage:
            assert (await stage.post("runsync", {"input": 1})).json()["output"] == 1
            events = [entry.what for entry in stage.platform.journal.after(0)]
            (crashed,) = [what for what in events if what.get("state") == "crashed"]
            assert crashed["lines"] == ["[Errno 24] Too many open files"]

    asyncio.run(scene())
