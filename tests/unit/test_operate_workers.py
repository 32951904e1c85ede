"""`flashc status` and `flashc logs` show what the workers of an environment do and print."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.operated import Operated, operate
from tests.support.platform_stage import Wire
from tests.support.projects import ROOT


async def _fails(wire: Wire) -> None:
    """Return the input of every job; a job with the input 0 fails."""
    while True:
        job = await wire.take()
        if job is not None:
            body = {"error": "zero"} if job["input"] == 0 else {"output": job["input"]}
            await wire.done(job["id"], body)


def _print(on: Operated, worker: str, text: str) -> None:
    on.stage.platform.journal.note("line", worker=worker, endpoint="", stream="stdout", text=text)


@asynccontextmanager
async def _running(on: Operated, *words: str) -> AsyncGenerator[asyncio.StreamReader]:
    """Run a command until the block ends, which sends it SIGINT; yield what it prints."""
    paths = os.pathsep.join(str(ROOT / part) for part in (".", "ir", "backends"))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "flashc", *words, "--project", str(on.operator.project)),
        env={**os.environ, **on.operator.variables, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        yield process.stdout
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            status, said = await process.wait(), await process.stderr.read()
        assert (status, said) == (0, b"")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _line(stream: asyncio.StreamReader) -> str:
    async with asyncio.timeout(30):
        return (await stream.readline()).decode()


def test_the_status_counts_workers_jobs_and_errors(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        for given in (1, 2, 3, 0):
            await on.stage.post("runsync", {"input": given})
        shown = await on.json("status")
        (endpoint,) = shown["endpoints"]
        assert (shown["app"], shown["environment"]) == ("app", "production")
        assert shown["build"].startswith("build")
        assert endpoint["workers"] == {"idle": 1}
        rollout = endpoint["rollout"]
        assert (rollout["in_progress"], rollout["on_latest"], rollout["total"]) == (False, 1, 1)
        assert endpoint["jobs"] == {
            "queued": 0,
            "running": 0,
            "completed": 3,
            "failed": 1,
            "retried": 0,
        }
        assert endpoint["error_rate"] == 0.25
        text = await on.good("status", "--env", "production")
        assert "1 idle" in text
        assert "1 of 1 workers" in text
        assert "0 queued, 0 running, 3 completed, 1 failed  25.0%" in text

    operate(tmp_path, scene, behaviour=_fails)


def test_the_status_of_an_environment_without_endpoints_and_of_none(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        await on.good("env", "create", "empty", "--app", "other")
        assert "no endpoints" in await on.good("status", "--app", "other")
        await on.bad("status", "--env", "nope", code="FC607")
        await on.bad("status", "--app", "nope", code="FC615")
        await on.good("app", "create", "bare")
        shown = await on.bad("status", "--app", "bare", code="FC607")
        assert "the app `bare` has no environments" in shown

    operate(tmp_path, scene)


def test_a_load_balanced_endpoint_has_no_jobs(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        (endpoint,) = (await on.json("status"))["endpoints"]
        assert (endpoint["type"], endpoint["jobs"], endpoint["error_rate"]) == ("LB", None, None)

    operate(tmp_path, scene, "web")


@pytest.mark.parametrize("shown", ["text", "json"])
def test_a_watch_prints_each_change_until_it_is_interrupted(tmp_path: Path, shown: str) -> None:
    async def scene(on: Operated) -> None:
        await on.stage.post("runsync", {"input": 1})
        async with _running(on, "status", "--watch", "--format", shown) as stream:
            seen = await _until(stream, "1 completed" if shown == "text" else '"completed":1')
            await on.stage.post("runsync", {"input": 1})
            seen = await _until(stream, "2 completed" if shown == "text" else '"completed":2')
            if shown == "json":
                assert json.loads(seen)["endpoints"][0]["jobs"]["completed"] == 2

    operate(tmp_path, scene)


async def _until(stream: asyncio.StreamReader, text: str) -> str:
    while text not in (line := await _line(stream)):
        assert line
    return line


def test_the_lines_of_all_workers_are_printed_by_their_time_with_where_they_are_from(
    tmp_path: Path,
) -> None:
    async def scene(on: Operated) -> None:
        await on.stage.post("runsync", {"input": 1})
        while len(on.stage.engine.running) < 2:
            await asyncio.sleep(0.02)
        names = {spec.worker: spec.environ["RUNPOD_ENDPOINT_ID"] for spec in on.stage.engine.specs}
        first, second = sorted(names, key=lambda worker: names[worker] != on.stage.ids["queue"])
        for worker, text in ((first, "one"), (second, "two"), (first, "three")):
            _print(on, worker, text)
            await asyncio.sleep(0.01)
        lines = [line.split(maxsplit=3) for line in (await on.good("logs")).splitlines()]
        assert [line[1:] for line in lines] == [
            ["queue", first, "one"],
            ["second", second, "two"],
            ["queue", first, "three"],
        ]
        assert [line[0] for line in lines] == sorted(line[0] for line in lines)
        assert "three" not in await on.good("logs", "second")
        for name in ("queue", on.stage.ids["queue"]):
            shown = (await on.good("logs", name, "--format", "json")).splitlines()
            assert [json.loads(line)["text"] for line in shown] == ["one", "three"]
        none = await on.flashc("logs", "--since", "2099-01-01")
        assert (none.code, none.stdout, "no lines" in none.stderr) == (0, "", True)
        assert "one" in await on.good("logs", "--since", "2h")
        at = lines[1][0]
        assert [
            line.split()[3] for line in (await on.good("logs", "--since", at)).splitlines()
        ] == [
            "two",
            "three",
        ]

    operate(tmp_path, scene, "queue", "second")


def test_logs_of_no_endpoint_and_of_a_time_that_is_none(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        assert "has no endpoint `nope`" in await on.bad("logs", "nope", code="FC615")
        await on.bad("logs", "nope", "--follow", code="FC615")
        for time in ("yesterday", "5", "5 m", "-5m", "999999999d", ""):
            done = await on.flashc("logs", "--since", time)
            assert (done.code, done.stdout) == (2, ""), time
            assert "90s, 10m, 2h, 1d" in done.stderr

    operate(tmp_path, scene)


def test_following_prints_new_lines_and_those_of_new_workers_until_it_is_interrupted(
    tmp_path: Path,
) -> None:
    async def scene(on: Operated) -> None:
        await on.stage.post("runsync", {"input": 1})
        (old,) = on.stage.engine.running
        _print(on, old, "before")
        async with _running(on, "logs", "--follow") as stream:
            assert (await _line(stream)).endswith(f"queue {old}  before\n")
            _print(on, old, "after")
            assert (await _line(stream)).endswith(f"queue {old}  after\n")
            await on.stage.engine.stop(old, 0.0)
            while not (others := set(on.stage.engine.running) - {old}):
                await asyncio.sleep(0.02)
            (new,) = others
            _print(on, new, "of the next")
            assert f"queue {new}  of the next" in await _until(stream, "of the next")

    operate(tmp_path, scene)


def test_the_lines_of_a_worker_end_with_it(tmp_path: Path) -> None:
    async def scene(on: Operated) -> None:
        await on.stage.post("runsync", {"input": 1})
        (worker,) = on.stage.engine.running
        _print(on, worker, "last words")
        url = f"/v2/serverless/{on.stage.ids['queue']}/workers/{worker}/logs"
        seen: list[str] = []
        async with asyncio.timeout(20), on.stage.client.stream("GET", url) as reply:
            async for line in reply.aiter_lines():
                seen.append(line)
                if "last words" in line:
                    await on.stage.engine.stop(worker, 0.0)
        assert any("last words" in line for line in seen)

    operate(tmp_path, scene)
