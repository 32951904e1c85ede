"""The unmodified tools and SDKs of Runpod use the local platform: `flash`, `rp` and the `runpod` client."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.client_machine import SECONDS, Machine, platform
from tests.support.platform_calls import deploy

_FLASH_APP = """
from runpod_flash import Endpoint

@Endpoint(name="adder", cpu="cpu3c-1-2", workers=(0, 1))
async def add(a: int, b: int):
    return {"sum": a + b}

api = Endpoint(name="api", cpu="cpu3c-1-2", workers=(1, 1))

@api.post("/double")
async def double(x: int):
    return {"x": 2 * x}
"""
_RP_APP = """
from runpod import App

app = App("shop")

@app.queue(name="adder", cpu="cpu3c-1-2")
def add(a: int, b: int):
    return {"sum": a + b}
"""
_STREAMING_APP = """
import asyncio
from flashc import Endpoint

@Endpoint(name="count", workers=(1, 1))
async def count(to: int):
    for number in range(to):
        yield number

@Endpoint(name="wait", workers=(1, 1))
async def wait(seconds: float):
    await asyncio.sleep(seconds)
    return "done"
"""
_CLIENT = """
import json, os, sys, time
import runpod

runpod.api_key = os.environ["RUNPOD_API_KEY"]
count, wait = (runpod.Endpoint(name) for name in sys.argv[1:3])
shown = {}
shown["run_sync"] = wait.run_sync({"seconds": 0.0}, timeout=60)
job = wait.run({"seconds": 0.1})
shown["output"] = job.output(timeout=60)
shown["status"] = job.status()
job = count.run({"to": 3})
shown["stream"] = list(job.stream())
running = wait.run({"seconds": 60.0})
while running.status() != "IN_PROGRESS":
    time.sleep(0.1)
waiting = wait.run({"seconds": 60.0})
shown["purged"] = wait.purge_queue()["removed"]
shown["waiting"] = waiting.status()
running.cancel()
shown["cancelled"] = running.status()
shown["health"] = sorted(wait.health())
print(json.dumps(shown))
"""
_ASYNC_CLIENT = """
import asyncio, json, os, sys
import aiohttp, runpod
from runpod import AsyncioEndpoint

runpod.api_key = os.environ["RUNPOD_API_KEY"]

async def main():
    shown = {}
    async with aiohttp.ClientSession() as session:
        count, wait = (AsyncioEndpoint(name, session) for name in sys.argv[1:3])
        job = await wait.run({"seconds": 0.1})
        shown["output"] = await job.output(timeout=60)
        shown["status"] = await job.status()
        job = await count.run({"to": 3})
        shown["stream"] = [part async for part in job.stream()]
        running = await wait.run({"seconds": 60.0})
        while await running.status() != "IN_PROGRESS":
            await asyncio.sleep(0.1)
        waiting = await wait.run({"seconds": 60.0})
        shown["purged"] = (await wait.purge_queue())["removed"]
        shown["waiting"] = await waiting.status()
        await running.cancel()
        shown["cancelled"] = await running.status()
        shown["health"] = sorted(await wait.health())
    print(json.dumps(shown))

asyncio.run(main())
"""


def _python(program: Path) -> str:
    """Return the interpreter of a program's environment."""
    return str(program.with_name("python"))


@pytest.fixture
def machine(tmp_path: Path, cache_folder: Path) -> Iterator[Machine]:
    found = Machine(tmp_path, cache_folder)
    with platform(found):
        yield found


def test_flash_builds_deploys_redeploys_and_undeploys(machine: Machine, incumbent: Path) -> None:
    flash = str(incumbent)
    source = machine.app / "worker.py"
    source.write_text(_FLASH_APP)
    chosen = ("--python-version", f"{sys.version_info[0]}.{sys.version_info[1]}")
    assert "built app" in machine.run(flash, "build", *chosen)
    shown = machine.run(flash, "deploy", "--env", "prod", *chosen)
    assert "deployed to prod" in shown
    ids = machine.endpoints()
    assert f"/v2/{ids['adder']}/runsync" in shown
    assert f"https://{ids['api']}.localhost" in shown
    assert machine.runsync(ids["adder"], {"a": 2, "b": 3}) == {"sum": 5}
    with machine.client() as client:
        reply = client.post(f"/lb/{ids['api']}/double", json={"x": 4})
        assert reply.json() == {"x": 8}
    assert "1 env" in machine.run(flash, "app", "list")
    assert "prod" in machine.run(flash, "app", "get", "app")
    assert "prod" in machine.run(flash, "env", "list")
    assert ids["adder"] in machine.run(flash, "env", "get", "prod")

    source.write_text(_FLASH_APP.replace("a + b", "a + b + 100"))
    machine.run(flash, "deploy", "--env", "prod", *chosen)
    assert machine.endpoints() == ids
    end = time.monotonic() + 30
    while machine.runsync(ids["adder"], {"a": 2, "b": 3}) != {"sum": 105}:
        assert time.monotonic() < end

    machine.run(flash, "deploy", "--env", "second", *chosen)
    assert machine.endpoints() == ids
    assert ids["adder"] in machine.run(flash, "env", "get", "second")
    machine.run(flash, "env", "create", "third")
    assert "third" in machine.run(flash, "env", "list")
    machine.run_on_terminal(flash, "env", "delete", "third", prompt="are you sure?")
    assert "third" not in machine.run(flash, "env", "list")

    assert ids["api"] in machine.run(flash, "undeploy", "list")
    assert "deleted adder" in machine.run(flash, "undeploy", "adder", "--force")
    machine.run(flash, "undeploy", "--all", "--force")
    assert machine.endpoints() == {}
    machine.run(flash, "app", "delete", "app")
    machine.run(flash, "app", "create", "other")
    assert "other" in machine.run(flash, "app", "list")


def test_flash_logs_in_when_the_page_is_opened_with_the_key(
    machine: Machine, incumbent: Path
) -> None:
    with ThreadPoolExecutor() as pool:
        shown = pool.submit(machine.run, str(incumbent), "login", "--no-open", "--timeout", "60")
        log, pattern = machine.folder / "output", re.compile(r"/console/flash/login\?request=\S+")
        end = time.monotonic() + SECONDS
        while (found := pattern.search(log.read_text() if log.exists() else "")) is None:
            assert time.monotonic() < end
            time.sleep(0.1)
        with machine.client() as client:
            assert client.get(found[0]).json() == {"status": "APPROVED"}
            key = client.headers["authorization"].removeprefix("Bearer ")
        assert "timed out" not in shown.result()
    assert key in (machine.folder / ".runpod" / "config.toml").read_text()


def test_load_balancers_answer_over_https_at_the_urls_that_flash_prints(
    machine: Machine, incumbent: Path
) -> None:
    """Httpx of another environment, which knows the platform only from the variables."""
    (machine.app / "worker.py").write_text(_FLASH_APP)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    machine.run(str(incumbent), "deploy", "--env", "prod", "--python-version", version)
    port = machine.client().base_url.port
    url = f"https://{machine.endpoints()['api']}.localhost:{port}/double"
    code = (
        "import httpx, os, sys; h = {'Authorization': 'Bearer ' + os.environ['RUNPOD_API_KEY']};"
        "print(httpx.post(sys.argv[1], json={'x': 21}, headers=h, timeout=60).text)"
    )
    assert json.loads(machine.run(_python(incumbent), "-c", code, url)) == {"x": 42}


def test_the_successors_tool_deploys_and_undeploys(machine: Machine, successor: Path) -> None:
    rp = str(successor)
    (machine.app / "main.py").write_text(_RP_APP)
    assert "shop/default is live" in machine.run(rp, "flash", "deploy")
    ids = machine.endpoints()
    assert list(ids) == ["adder"]
    machine.run(rp, "flash", "deploy")
    assert machine.endpoints() == ids
    assert "shop" in machine.run(rp, "flash", "app", "list")
    assert "default" in machine.run(rp, "flash", "app", "get", "shop")
    assert "default" in machine.run(rp, "flash", "env", "list", "--app", "shop")
    assert ids["adder"] in machine.run(rp, "flash", "env", "get", "default", "--app", "shop")
    machine.run(rp, "flash", "env", "add", "other", "--app", "shop")
    machine.run(rp, "flash", "env", "delete", "other", "--app", "shop", "--yes")
    machine.run(rp, "flash", "undeploy", "--app", "shop", "--yes")
    assert machine.endpoints() == {}
    machine.run(rp, "flash", "app", "delete", "shop", "--yes")
    assert "shop" not in machine.run(rp, "flash", "app", "list")


def test_the_successors_tool_keeps_secrets(machine: Machine, successor: Path) -> None:
    rp = str(successor)
    machine.run(rp, "secret", "add", "TOKEN", "--value", "x")
    assert "TOKEN" in machine.run(rp, "secret", "list")
    machine.run(rp, "secret", "delete", "TOKEN", "--yes")
    assert "TOKEN" not in machine.run(rp, "secret", "list")


def test_what_the_platform_does_not_keep_fails_in_the_successors_tool(
    machine: Machine, successor: Path
) -> None:
    rp = str(successor)
    given = ("--username", "u", "--password", "p")
    assert "can only list" in machine.run(rp, "registry", "add", "mine", *given, status=1)
    assert "no registry" in machine.run(rp, "registry", "list")
    assert "no registry" in machine.run(rp, "registry", "delete", "mine", "--yes", status=1)


@pytest.mark.parametrize("program", [_CLIENT, _ASYNC_CLIENT], ids=["client", "async client"])
def test_the_client_of_the_sdk_runs_polls_streams_and_cancels(
    machine: Machine, incumbent: Path, tmp_path: Path, program: str
) -> None:
    ids = _deployed(machine)
    script = tmp_path / "client.py"
    script.write_text(program)
    shown = machine.run(_python(incumbent), str(script), ids["count"], ids["wait"])
    found = json.loads(shown.splitlines()[-1])
    assert found.pop("run_sync", found["output"]) == found["output"]
    assert found.pop("output") == "done"
    assert found == {
        "status": "COMPLETED",
        "stream": [0, 1, 2],
        "purged": 1,
        "waiting": "CANCELLED",
        "cancelled": "CANCELLED",
        "health": ["jobs", "workers"],
    }


def _deployed(machine: Machine) -> dict[str, str]:
    """Build the app with flashc and deploy it by the API; return the ids of its endpoints."""
    (machine.app / "app.py").write_text(_STREAMING_APP)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    subprocess.run(
        [*machine.flashc("build", str(machine.app)), "--python-version", version],
        env=machine.environ,
        check=True,
        capture_output=True,
    )
    with machine.client() as client:
        return deploy(client, machine.app / ".flash")


def test_a_second_platform_with_the_same_state_is_refused(machine: Machine) -> None:
    done = subprocess.run(
        machine.flashc("platform"), env=machine.environ, capture_output=True, text=True
    )
    assert done.returncode == 3
    assert "FC522" in done.stderr


def test_without_a_platform_its_variables_are_refused(tmp_path: Path, cache_folder: Path) -> None:
    machine = Machine(tmp_path, cache_folder)
    for words in (("platform", "env"), ("run", "--", "true")):
        done = subprocess.run(
            machine.flashc(*words), env=machine.environ, capture_output=True, text=True
        )
        assert done.returncode == 3
        assert "FC521" in done.stderr


def test_a_state_that_cannot_be_used_is_reported(tmp_path: Path, cache_folder: Path) -> None:
    machine = Machine(tmp_path, cache_folder)
    folder = tmp_path / "state" / "platform"
    folder.mkdir(parents=True)
    (folder / "platform.sqlite").write_bytes(b"not a database" * 100)
    done = subprocess.run(
        machine.flashc("platform"), env=machine.environ, capture_output=True, text=True
    )
    assert done.returncode == 3
    assert "FC520" in done.stderr
    assert "Traceback" not in done.stderr
