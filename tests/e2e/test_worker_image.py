"""Under the worker image's own way to start handlers: concurrency, streams, and results that are never lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flashc_core.archives import unpack
from tests.support.environments import make_environment
from tests.support.interpreters import oldest_worker_python
from tests.support.projects import built, write
from tests.support.worker_image import ImageWorker, image_worker

APP = """
import asyncio
import dataclasses
import datetime
import threading
import time
from collections.abc import AsyncIterator
from runpod_flash import Endpoint

class Room:
    # Jobs wait here for each other, so that a slow start of one of them does not matter.
    running, have_met, lock = 0, False, threading.Lock()

def enter(together):
    with Room.lock:
        Room.running += 1
        Room.have_met = Room.have_met or Room.running >= together
    return time.monotonic()

def leave(begun):
    with Room.lock:
        Room.running -= 1
        Room.have_met = Room.have_met and Room.running > 0
    return [begun, time.monotonic()]

def is_waiting(begun):
    return not Room.have_met and time.monotonic() < begun + 30

async def rest(together):
    begun = enter(together)
    while is_waiting(begun):
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    return leave(begun)

def block(together):
    begun = enter(together)
    while is_waiting(begun):
        time.sleep(0.01)
    time.sleep(0.3)
    return leave(begun)

@Endpoint(name="tokens", cpu="cpu3c-1-2")
async def tokens(n: int) -> AsyncIterator[datetime.date]:
    for i in range(n):
        yield datetime.date(2024, 1, 1 + i)
    if n == 3:
        raise ValueError("three is too many")

@Endpoint(name="waits", cpu="cpu3c-1-2", max_concurrency=4)
async def waits(together: int):
    return await rest(together)

@Endpoint(name="blocks", cpu="cpu3c-1-2", max_concurrency=12)
def blocks(together: int):
    return block(together)

@Endpoint(name="yields", cpu="cpu3c-1-2", max_concurrency=3)
def yields(together: int):
    yield block(together)

@Endpoint(name="model", cpu="cpu3c-1-2", max_concurrency=4)
class Model:
    def plain(self, together: int): return block(together)
    async def later(self, together: int): return await rest(together)
    def many(self, together: int):
        yield block(together)
    async def many_later(self, together: int):
        yield await rest(together)

@dataclasses.dataclass
class Report:
    at: datetime.datetime
    loss: float = 0.0

@Endpoint(name="report", cpu="cpu3c-1-2")
def report(loss: str, typed: bool = True) -> Report:
    when = datetime.datetime(2024, 1, 1)
    return Report(when, float(loss)) if typed else {"at": {when}}
"""


@pytest.fixture(scope="module", params=["runpod==1.12.0", "runpod==2.0.0rc2"])
def python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with a version of the platform's SDK."""
    folder = tmp_path_factory.mktemp("sdk")
    return make_environment(folder / "env", request.param, python=oldest_worker_python().path)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    artifact = built(
        write(folder / "project", {"worker.py": APP}),
        folder / "a.tar.gz",
        python_version=oldest_worker_python().minor,
    )
    unpack(artifact, folder / "app")
    return folder / "app"


def at_once(results: list[Any]) -> int:
    """How many of the jobs ran at the same moment; a result is when it began and ended."""
    spans: list[list[float]] = [
        r["output"][0] if isinstance(r["output"][0], list) else r["output"] for r in results
    ]
    return max(sum(a <= begun < b for a, b in spans) for begun, _ in spans)


def all_at_once(worker: ImageWorker, *inputs: dict[str, Any]) -> int:
    worker.run({**inputs[0], "together": 1})  # the SDK changes the number when it is idle
    return at_once(worker.run(*inputs))


@pytest.mark.parametrize(("resource", "limit"), [("waits", 4), ("blocks", 12), ("yields", 3)])
def test_as_many_jobs_run_at_once_as_the_endpoint_says(
    python: Path, app: Path, resource: str, limit: int
) -> None:
    with image_worker(python, app, resource) as worker:
        assert all_at_once(worker, *[{"together": limit}] * limit) == limit


def test_so_do_methods_of_every_kind(python: Path, app: Path) -> None:
    with image_worker(python, app, "model") as worker:
        for method in ("plain", "later", "many", "many_later"):
            given = {"method": method, "together": 4}
            assert all_at_once(worker, *[given] * 4) == 4, method


def test_a_variable_of_the_platform_sets_another_number(python: Path, app: Path) -> None:
    with image_worker(python, app, "waits", RUNPOD_MAX_CONCURRENCY="2") as worker:
        assert all_at_once(worker, *[{"together": 2}] * 4) == 2


def test_a_generator_streams_and_its_result_is_all_items(python: Path, app: Path) -> None:
    with image_worker(python, app, "tokens") as worker:
        (result,) = worker.run({"n": 2})
        assert worker.chunks() == ["2024-01-01", "2024-01-02"]
        assert result == {"output": ["2024-01-01", "2024-01-02"]}
        (result,) = worker.run({"n": 3})
        error = json.loads(result["error"])
        assert error["error_type"] == "<class 'ValueError'>"
        assert error["error_message"] == "three is too many"
        (result,) = worker.run({"n": "many"})
        assert "argument 'n' of tokens() is 'many', not int" in result["error"]


def test_every_job_ends_with_a_result_or_the_reason_why_there_is_none(
    python: Path, app: Path
) -> None:
    with image_worker(python, app, "report") as worker:
        good, nan, odd = worker.run({"loss": "0.5"}, {"loss": "nan"}, {"loss": "0", "typed": False})
        assert good == {"output": {"at": "2024-01-01T00:00:00", "loss": 0.5}}
        assert "the result of report().loss is nan, which JSON can't carry" in nan["error"]
        assert "the result of report()['at'] is a builtins.set" in odd["error"]
