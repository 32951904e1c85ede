"""The unmodified tools and SDKs of Runpod use the local platform: `flash`, `rp` and the `runpod` client."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.environments import make_environment
from tests.support.platform_calls import deploy
from tests.support.projects import ROOT

_SECONDS = 400
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
shown["run_sync"] = wait.run_sync({"seconds": 0.0}, timeout=300)
job = wait.run({"seconds": 0.1})
shown["output"] = job.output(timeout=300)
shown["status"] = job.status()
job = count.run({"to": 3})
shown["stream"] = list(job.stream())
job = wait.run({"seconds": 60.0})
while job.status() != "IN_PROGRESS":
    time.sleep(0.1)
job.cancel()
shown["cancelled"] = job.status()
shown["health"] = sorted(wait.health())
print(json.dumps(shown))
"""


class Machine:
    """A platform that runs, and programs that use it."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.app = folder / "app"
        self.app.mkdir()
        path = os.pathsep.join([str(ROOT), str(ROOT / "ir"), str(ROOT / "backends")])
        self.environ = {
            **os.environ,
            "HOME": str(folder),
            "PYTHONPATH": path,
            "FLASHC_STATE_DIR": str(folder / "state"),
            "FLASHC_CACHE_DIR": str(cache),
            "RUNPOD_FLASH_SILENCE_DEPRECATION": "1",
            "CI": "1",
        }

    def flashc(self, *words: str) -> list[str]:
        """Return the command line of a command of flashc."""
        return [sys.executable, "-m", "flashc", *words]

    def run(self, *words: str, status: int = 0) -> str:
        """Run a command against the platform; return what it printed."""
        # PYTHONPATH would put flashc's modules before those of the program
        command = self.flashc("run", "--", "env", "-u", "PYTHONPATH", *words)
        done = subprocess.run(
            command,
            cwd=self.app,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
        )
        assert done.returncode == status, done.stdout
        return done.stdout

    def client(self) -> httpx.Client:
        """Return a client with the base and the key of the printed variables."""
        text = subprocess.run(
            self.flashc("platform", "env"), env=self.environ, capture_output=True, text=True
        ).stdout
        lines = [line.removeprefix("export ").split("=", 1) for line in text.splitlines()]
        found = {name: value.strip("'") for name, value in lines}
        headers = {"authorization": f"Bearer {found['RUNPOD_API_KEY']}"}
        base = found["RUNPOD_API_BASE_URL"]
        return httpx.Client(base_url=base, headers=headers, timeout=60, trust_env=False)

    def endpoints(self) -> dict[str, str]:
        """Return the ids of all endpoints by name."""
        with self.client() as client:
            found = client.get("/v2/serverless").json()["endpoints"]
        return {endpoint["name"]: endpoint["id"] for endpoint in found}

    def runsync(self, endpoint: str, given: Any) -> Any:
        """Send a job and return its output."""
        with self.client() as client:
            reply = client.post(f"/v2/{endpoint}/runsync", json={"input": given})
            return reply.json()["output"]


def _python(program: Path) -> str:
    """Return the interpreter of a program's environment."""
    return str(program.with_name("python"))


@contextmanager
def _platform(machine: Machine) -> Generator[None]:
    process = subprocess.Popen(
        machine.flashc("platform", "--engine", "process"),
        env=machine.environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        while "its key" not in process.stdout.readline():
            assert process.poll() is None
        yield
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        process.stdout.close()


@pytest.fixture
def machine(tmp_path: Path, cache_folder: Path) -> Iterator[Machine]:
    found = Machine(tmp_path, cache_folder)
    with _platform(found):
        yield found


@pytest.fixture(scope="session")
def successor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `rp` of the successor of the incumbent."""
    folder = tmp_path_factory.mktemp("successor") / "environment"
    return make_environment(folder, "runpod==2.0.0rc2", "pip").with_name("rp")


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

    assert "deleted adder" in machine.run(flash, "undeploy", "adder", "--force")
    machine.run(flash, "undeploy", "--all", "--force")
    assert machine.endpoints() == {}
    machine.run(flash, "app", "delete", "app")
    machine.run(flash, "app", "create", "other")
    assert "other" in machine.run(flash, "app", "list")


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
    (machine.app / "main.py").write_text(_RP_APP)
    assert "shop/default is live" in machine.run(str(successor), "flash", "deploy")
    ids = machine.endpoints()
    assert list(ids) == ["adder"]
    machine.run(str(successor), "flash", "deploy")
    assert machine.endpoints() == ids
    machine.run(str(successor), "flash", "undeploy", "--app", "shop", "--yes")
    assert machine.endpoints() == {}


def test_the_client_of_the_sdk_runs_polls_streams_and_cancels(
    machine: Machine, incumbent: Path, tmp_path: Path
) -> None:
    (machine.app / "app.py").write_text(_STREAMING_APP)
    ids = _deployed(machine)
    script = tmp_path / "client.py"
    script.write_text(_CLIENT)
    shown = machine.run(_python(incumbent), str(script), ids["count"], ids["wait"])
    assert json.loads(shown.splitlines()[-1]) == {
        "run_sync": "done",
        "output": "done",
        "status": "COMPLETED",
        "stream": [0, 1, 2],
        "cancelled": "CANCELLED",
        "health": ["jobs", "workers"],
    }


def _deployed(machine: Machine) -> dict[str, str]:
    """Build the app with flashc and deploy it by the API; return the ids of its endpoints."""
    subprocess.run(
        [*machine.flashc("build", str(machine.app)), "--python-version", "3.11"],
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
