"""From the built artifact alone, every endpoint of the examples answers under the real worker SDK.

The workers' environment holds runpod, fastapi and uvicorn; the platform between them is a small server
that speaks the sentinel and the state manager's two queries.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flashc_backends.platform.local import running
from flashc_backends.platform.service import Crossing, Platform
from flashc_backends.write import unpack
from tests.support.projects import EXAMPLES, built

NAMES = ("skeleton", "pipeline", "packages")
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(scope="module", params=NAMES)
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An example's unpacked artifact."""
    folder = tmp_path_factory.mktemp(str(request.param))
    artifact = built(EXAMPLES / str(request.param), folder / "a.tar.gz", python_version=PYTHON)
    unpack(artifact, folder / "app")
    return folder / "app"


def calls_of(app: Path) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = json.loads((app / "calls.json").read_text())
    return calls


@pytest.mark.parametrize("use_state_manager", [False, True], ids=["sentinel", "state-manager"])
def test_every_endpoint_answers(example: Path, use_state_manager: bool, worker_python: str) -> None:
    platform = Platform(app_dir=example, use_state_manager=use_state_manager)
    with running(platform, worker_python):
        for call in calls_of(example):
            assert platform.answer(call) == call["answer"]
    assert bool(platform.state_queries) == (
        use_state_manager and any(crossing.caller for crossing in platform.crossings)
    )


def test_the_answers_are_those_of_the_plain_functions(example: Path) -> None:
    """The expected answers were not made up: the plain program computes them in one process."""
    name = next(name for name in NAMES if example.parent.name.startswith(name))
    script = {"skeleton": _SKELETON, "pipeline": _PIPELINE, "packages": _PACKAGES}[name]
    folder = EXAMPLES / name
    run = subprocess.run(
        [sys.executable, "-c", _PLAIN + script],
        cwd=folder,
        env={"PYTHONPATH": ":".join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(run.stdout) == [call["answer"] for call in calls_of(folder)]


# The plain program awaits what the compiled one sends: a plain function's result is made awaitable.
_PLAIN = """
import asyncio, json, sys, types
sys.modules["runpod_flash"] = __import__("flashc")
class Awaitable:
    def __init__(self, value): self.value = value
    def __await__(self):
        return self.value
        yield
    def __bool__(self): return bool(self.value)
def awaitable(function): return lambda *args, **kwargs: Awaitable(function(*args, **kwargs))
"""
_SKELETON = """
from lb_worker import *; from gpu_worker import describe; from cpu_worker import count_words
run = asyncio.run
print(json.dumps([run(health()), run(echo("hi", 2)), square(12), run(describe("a red fox")),
                  count_words(["one two", "three"], 4)]))
"""
_PIPELINE = """
import splitter, scorers, lb_worker
plain = splitter.split_sentences
splitter.split_sentences = awaitable(plain)
scorers.Labeller.names = awaitable(scorers.Labeller.names)
run = asyncio.run
print(json.dumps([run(lb_worker.analyse("This is good. Rain again. A great, fine day!")),
                  run(lb_worker.labels()), plain("One. Two!"),
                  run(scorers.Labeller().label([3, 30]))]))
"""
_PACKAGES = """
sys.modules["slugify"] = types.SimpleNamespace(slugify=lambda text: text.lower().replace(" ", "-"))
import shop
plain, shop.available = shop.available, awaitable(shop.available)
run = asyncio.run
print(json.dumps([run(shop.order({"tea": 2, "red-apple": 5})), run(shop.order({"tea": 4})),
                  plain("Red Apple", 9)]))
"""


def test_a_cold_start_is_waited_for(tmp_path: Path, worker_python: str) -> None:
    """IN_QUEUE is not a result: the caller polls until the job is done."""
    app = tmp_path / "app"
    unpack(built(EXAMPLES / "pipeline", tmp_path / "a.tar.gz", python_version=PYTHON), app)
    platform = Platform(app_dir=app)
    with running(platform, worker_python):
        platform.slow = True
        call = calls_of(app)[0]
        assert platform.answer(call) == call["answer"]
        callees = [c for c in platform.crossings if c.caller == "pipeline-api"]
        assert Crossing("pipeline-api", "pipeline-splitter", "") in callees


def test_an_exception_keeps_its_type_and_message_across_endpoints(
    tmp_path: Path, worker_python: str
) -> None:
    app = tmp_path / "app"
    unpack(built(EXAMPLES / "packages", tmp_path / "a.tar.gz", python_version=PYTHON), app)
    with running(Platform(app_dir=app), worker_python) as platform:
        answer = platform.job("packages-prices", {"items": {"coal": 1}})
        assert answer["status"] == "FAILED"
        record = json.loads(answer["error"])
        assert "KeyError" in record["error_type"]
        assert 'File "' in record["error_traceback"]
        assert "prices.py" in record["error_traceback"]
        answer = platform.job("packages-prices", {"amount": 1})
        assert "lacks 'items'" in answer["error"]
        assert "unexpected 'amount'" in answer["error"]
