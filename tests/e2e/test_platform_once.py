"""Every job has exactly one result, whatever is killed: workers of the real SDK, and the platform itself."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.engines import kill_if_running, processes_with
from tests.support.platform_calls import deploy
from tests.support.projects import ROOT

_JOBS = 5000 if os.environ.get("CI") else 1000
_APP = """
import asyncio
from flashc import Endpoint

@Endpoint(name="echo", workers=(4, 4), max_concurrency=25)
async def echo(number: int):
    await asyncio.sleep(0.2)
    return number
"""


class _Platform:
    """A `flashc platform` that is killed and started again with the same state and port."""

    def __init__(self, folder: Path, cache: Path) -> None:
        path = os.pathsep.join([str(ROOT), str(ROOT / "ir"), str(ROOT / "backends")])
        self.environ = {
            **os.environ,
            "PYTHONPATH": path,
            "FLASHC_STATE_DIR": str(folder / "state"),
            "FLASHC_CACHE_DIR": str(cache),
        }
        self.port = 0
        self.key = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "flashc", "platform", "--engine", "process"]
        self._process = subprocess.Popen(
            [*command, "--port", str(self.port)],
            env=self.environ,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("the platform runs at"):
                self.port = int(line.split(":")[2].split(";")[0])
            if line.startswith("its key:"):
                self.key = line.split()[-1]
                return
        raise AssertionError("the platform did not start")

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def workers(self) -> list[int]:
        """Return the processes that run jobs for this platform."""
        return processes_with(f"RUNPOD_WEBHOOK_GET_JOB=http://127.0.0.1:{self.port}/")


@pytest.fixture
def platform(tmp_path: Path, cache_folder: Path) -> Iterator[_Platform]:
    found = _Platform(tmp_path, cache_folder)
    found.start()
    yield found
    found.kill()


def test_every_job_has_one_result_although_workers_and_the_platform_are_killed(
    platform: _Platform, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "app.py").write_text(_APP)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    subprocess.run(
        [sys.executable, "-m", "flashc", "build", str(app), "--python-version", version],
        env=platform.environ,
        check=True,
        capture_output=True,
    )
    with httpx.Client(
        base_url=f"http://127.0.0.1:{platform.port}",
        headers={"authorization": f"Bearer {platform.key}"},
        trust_env=False,
    ) as client:
        endpoint = deploy(client, app / ".flash", workersMin=4, workersMax=4)["echo"]
    asyncio.run(_scene(platform, endpoint))


async def _scene(platform: _Platform, endpoint: str) -> None:
    base = f"http://127.0.0.1:{platform.port}/v2/{endpoint}"
    headers = {"authorization": f"Bearer {platform.key}"}
    jobs: dict[str, int] = {}
    async with httpx.AsyncClient(
        base_url=base, headers=headers, timeout=30, trust_env=False
    ) as client:
        killing = asyncio.ensure_future(_kill(platform, kills=3))
        pending = iter(range(_JOBS))
        await asyncio.gather(*(_submit(client, pending, jobs) for _ in range(8)))
        results = await asyncio.gather(*(_follow(client, jobs, part) for part in range(8)))
        await killing
        outputs = [output for part in results for output in part.items()]
        assert len(outputs) == len(jobs) >= _JOBS
        assert all(output == jobs[job] for job, output in outputs)
        health = (await client.get("/health")).json()["jobs"]
        assert health["inQueue"] == health["inProgress"] == health["failed"] == 0
        assert health["completed"] >= len(jobs)  # some acknowledgements were lost


async def _submit(client: httpx.AsyncClient, pending: Iterator[int], jobs: dict[str, int]) -> None:
    """Submit jobs; one whose acknowledgement is lost is submitted again, as another job."""
    for number in pending:
        while True:
            try:
                reply = await client.post("/run", json={"input": {"number": number}})
            except httpx.TransportError:
                await asyncio.sleep(0.2)
                continue
            jobs[reply.raise_for_status().json()["id"]] = number
            break
        await asyncio.sleep(0.01)


async def _follow(client: httpx.AsyncClient, jobs: dict[str, int], part: int) -> dict[str, int]:
    """Poll every eighth job until it is final; return the outputs."""
    found: dict[str, int] = {}
    end = time.monotonic() + 600
    for job in list(jobs)[part::8]:
        while job not in found:
            assert time.monotonic() < end
            try:
                view = (await client.get(f"/status/{job}")).json()
            except httpx.TransportError:
                await asyncio.sleep(0.2)
                continue
            if view["status"] == "COMPLETED":
                found[job] = view["output"]
            else:
                assert view["status"] in ("IN_QUEUE", "IN_PROGRESS"), json.dumps(view)
                await asyncio.sleep(0.1)
    return found


async def _kill(platform: _Platform, kills: int) -> None:
    """Kill workers at random, and the platform now and then."""
    dice = random.Random(3)
    for _ in range(kills):
        for _ in range(2):
            await asyncio.sleep(dice.uniform(1.0, 3.0))
            workers = platform.workers()
            if workers:
                kill_if_running(dice.choice(workers))
        await asyncio.to_thread(platform.kill)
        await asyncio.to_thread(platform.start)
