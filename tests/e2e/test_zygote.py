"""A worker that is forked from a warm process is like one that is started: same variables, same end, nothing left."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from flashc_backends.platform.engines.base import Exited, Line, WorkerKind, WorkerSpec
from flashc_backends.platform.engines.process import ENTRY
from flashc_backends.platform.engines.zygotes import may_fork
from tests.support.engines import Stage, processes_with, staged, until
from tests.support.interpreters import oldest_worker_python

ZYGOTE = str(ENTRY / "zygote.py")
SOURCE = """
import atexit, os, sys, threading
from fastapi import FastAPI
app = FastAPI()
atexit.register(lambda: print("the end"))
import runpod, cpuinfo
from runpod.serverless.utils import rp_debugger

@app.get("/seen")
async def seen():
    return {"environ": dict(os.environ), "argv": sys.argv, "folder": os.getcwd(), "path": sys.path,
            "ppid": os.getppid(), "sid": os.getsid(0) == os.getpid(), "threads": threading.active_count(),
            "fds": sorted(map(int, os.listdir("/proc/self/fd")))[:4],
            "key": runpod.endpoint_url_base, "processor": rp_debugger.PROCESSOR, "cpuinfo": cpuinfo.__file__}
"""


def play(cache: Path, folder: Path, scene: Callable[[Stage], Awaitable[None]]) -> None:
    async def run() -> None:
        async with staged("warm", cache, folder) as stage:
            await scene(stage)

    asyncio.run(run())
    assert not processes_with(ZYGOTE, str(folder))


async def warm(stage: Stage) -> int:
    """Start the process that forks workers; return its id.  `start` waits until it is ready."""
    await stage.engine.prepare([spec_of(stage)])

    async def find() -> int | None:
        return min(processes_with(ZYGOTE, str(stage.folder)), default=None)

    return await until(find, "the zygote")


def spec_of(stage: Stage) -> WorkerSpec:
    return WorkerSpec(
        worker="",
        endpoint="",
        label="",
        kind=WorkerKind.QUEUE,
        artifact=stage.folder,
        python=oldest_worker_python().minor,
        environ={},
    )


async def seen(stage: Stage, worker: str) -> dict[str, Any]:
    found: dict[str, Any] = (await stage.get("/seen", worker)).json()
    return found


def test_a_forked_worker_is_like_a_started_one(cache_folder: Path, tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        environ = {"RUNPOD_ENDPOINT_BASE_URL": "http://127.0.0.1:9/v2", "OWN": "1"}
        await stage.begin(SOURCE, worker="cold", environ={**environ, "PYTHONSAFEPATH": ""})
        await warm(stage)
        await stage.begin(SOURCE, worker="forked", environ=environ)
        cold, forked = await seen(stage, "cold"), await seen(stage, "forked")
        assert forked["key"] == cold["key"] == "http://127.0.0.1:9/v2"  # it was read in the import
        for key in ("argv", "ppid", "sid", "fds", "processor", "cpuinfo"):
            assert forked[key] == cold[key], key
        assert forked["path"][1:] == cold["path"][1:]
        own = {"HOME", "PORT", "PORT_HEALTH", "PYTHONSAFEPATH", "LC_CTYPE"}
        names = (cold["environ"].keys() | forked["environ"].keys()) - own
        assert {name: cold["environ"].get(name) for name in names} == {
            name: forked["environ"].get(name) for name in names
        }
        await stage.engine.stop("forked", 10)
        await stage.event(Exited, "forked")

    play(cache_folder, tmp_path, scene)


def test_what_is_registered_for_the_end_runs(cache_folder: Path, tmp_path: Path) -> None:
    source = "import atexit, sys\natexit.register(lambda: print('the end'))\nsys.exit('no model')\n"

    async def scene(stage: Stage) -> None:
        await warm(stage)
        await stage.begin(source, worker="w")
        assert (await stage.event(Exited, "w")).code == 1
        lines = [(e.stream, e.text) for e in stage.happened if isinstance(e, Line)]
        assert ("stderr", "no model") in lines
        assert ("stdout", "the end") in lines

    play(cache_folder, tmp_path, scene)


def test_a_traceback_begins_at_the_worker(cache_folder: Path, tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await warm(stage)
        await stage.begin("raise LookupError('no model')\n", worker="w")
        assert (await stage.event(Exited, "w")).code == 1
        lines = [event.text for event in stage.happened if isinstance(event, Line)]
        assert lines[-1] == "LookupError: no model"
        assert not [line for line in lines if "zygote.py" in line]

    play(cache_folder, tmp_path, scene)


@pytest.mark.parametrize("name", ["fastapi", "runpod.py"])
def test_a_package_of_the_artifact_that_is_imported_already_wins(
    name: str, cache_folder: Path, tmp_path: Path
) -> None:
    """Then the worker is started, not forked."""

    async def scene(stage: Stage) -> None:
        spec = spec_of(stage)
        preloaded = frozenset({"fastapi", "runpod"})
        assert may_fork(spec, preloaded)
        assert not may_fork(structs.replace(spec, environ={"PYTHONHASHSEED": "1"}), preloaded)
        stage.folder.joinpath(name).mkdir()
        assert not may_fork(spec, preloaded)

    play(cache_folder, tmp_path, scene)


def test_workers_start_although_the_warm_process_was_killed(
    cache_folder: Path, tmp_path: Path
) -> None:
    async def scene(stage: Stage) -> None:
        first = await warm(stage)
        await stage.begin(SOURCE, worker="w0")
        await stage.get("/ping", "w0")
        os.kill(first, signal.SIGSTOP)  # it does not answer the next request
        await stage.begin(SOURCE, worker="w1")
        await stage.begin(SOURCE, worker="w2")
        os.kill(first, signal.SIGKILL)
        for worker in ("w1", "w2"):
            assert (await seen(stage, worker))["argv"] == ["handler.py"]
        await stage.begin(SOURCE, worker="w3")
        assert (await seen(stage, "w3"))["argv"] == ["handler.py"]

    play(cache_folder, tmp_path, scene)
