"""The worker SDKs of Runpod, 1.12 and its successor, serve the artifacts of flashc on the local platform."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flashc_backends.platform.engines import layers
from tests.support.interpreters import oldest_worker_python
from tests.support.projects import built, write
from tests.support.running_app import RunningApp, running_app

SDKS = ("1.12.0", "2.0.0rc2")
PYTHON = oldest_worker_python().minor
APP = """
import asyncio
from importlib.metadata import version
from flashc import Endpoint

@Endpoint(name="sdk")
async def sdk():
    return version("runpod")

@Endpoint(name="count")
async def count(to: int):
    for number in range(to):
        yield number

@Endpoint(name="wait")
async def wait(seconds: float):
    await asyncio.sleep(seconds)
    return "done"

@Endpoint(name="fail")
def fail():
    raise LookupError("no such thing")

@Endpoint(name="many", max_concurrency=4)
async def many(seconds: float):
    await asyncio.sleep(seconds)
    return "done"
"""


@pytest.fixture(scope="module", params=SDKS)
def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, cache_folder: Path
) -> Iterator[RunningApp]:
    """The app under an SDK, which is what the worker image contains."""
    folder = tmp_path_factory.mktemp("sdks")
    artifact = built(
        write(folder / "project", {"app.py": APP}), folder / "a.tar.gz", python_version=PYTHON
    )
    with pytest.MonkeyPatch.context() as patch:
        packages = (f"runpod=={request.param}", "fastapi", "uvicorn[standard]")
        patch.setattr(layers, "REQUIREMENTS", packages)
        with running_app(artifact, folder, cache_folder) as started:
            assert started.job("sdk", {})["output"] == request.param
            yield started


def _wait_for(app: RunningApp, resource: str, job: str, status: str) -> None:
    end = time.monotonic() + 60
    with app.client() as client:
        while client.get(f"{app.url(resource)}/status/{job}").json()["status"] != status:
            assert time.monotonic() < end
            time.sleep(0.1)


def _send(app: RunningApp, resource: str, given: Any) -> str:
    with app.client() as client:
        reply = client.post(f"{app.url(resource)}/run", json={"input": given})
        return str(reply.json()["id"])


def test_a_job_is_taken_and_its_result_sent(app: RunningApp) -> None:
    """A worker with one slot sends `job-take`."""
    assert app.job("wait", {"seconds": 0.0})["output"] == "done"


def test_an_exception_fails_the_job(app: RunningApp) -> None:
    """The worker says so by `job-done`."""
    answer = app.job("fail", {})
    assert answer["status"] == "FAILED"
    assert "no such thing" in answer["error"]


def test_a_generator_streams(app: RunningApp) -> None:
    """Each part is a `job-stream`."""
    job = _send(app, "count", {"to": 3})
    parts: list[int] = []
    end = time.monotonic() + 60
    with app.client() as client:
        while len(parts) < 3:
            assert time.monotonic() < end
            answer = client.get(f"{app.url('count')}/stream/{job}").json()
            parts += [part["output"] for part in answer["stream"]]
    assert parts == [0, 1, 2]


def test_a_cancelled_job_is_stopped(app: RunningApp) -> None:
    """By `job-stop`.

    A worker that has not begun with the job yet ignores that, lists the job in its next `ping`, and is told again.
    """
    job = _send(app, "wait", {"seconds": 600})
    _wait_for(app, "wait", job, "IN_PROGRESS")
    with app.client() as client:
        client.post(f"{app.url('wait')}/cancel/{job}")
    assert app.job("wait", {"seconds": 0.0})["status"] == "COMPLETED"


def test_a_worker_with_slots_runs_jobs_side_by_side(app: RunningApp) -> None:
    """It asks for several jobs at once, by `job-take-batch`."""
    app.job("many", {"seconds": 0.0})
    began = time.monotonic()
    for job in [_send(app, "many", {"seconds": 5.0}) for _ in range(4)]:
        _wait_for(app, "many", job, "COMPLETED")
    assert time.monotonic() - began < 15
