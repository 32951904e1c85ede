"""From the built artifact alone, every endpoint of the examples answers on the local platform, under the real SDK."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.interpreters import oldest_worker_python
from tests.support.projects import EXAMPLES, built
from tests.support.running_app import running_app

NAMES = ("skeleton", "pipeline", "packages")
PYTHON = oldest_worker_python().minor


@pytest.fixture(scope="module", params=NAMES)
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An example's artifact."""
    folder = tmp_path_factory.mktemp(str(request.param))
    return built(EXAMPLES / str(request.param), folder / "a.tar.gz", python_version=PYTHON)


def calls_of(name: str) -> list[dict[str, Any]]:
    text = (EXAMPLES / name / "calls.json").read_text(encoding="utf-8")
    calls: list[dict[str, Any]] = json.loads(text)
    return calls


def name_of(example: Path) -> str:
    return next(name for name in NAMES if example.parent.name.startswith(name))


@pytest.mark.parametrize("how", ["sentinel", "state-manager"])
def test_every_endpoint_answers(
    example: Path, how: str, cache_folder: Path, tmp_path: Path
) -> None:
    """Without an environment id, calls between endpoints go to the sentinel at once."""
    env = {"FLASH_ENVIRONMENT_ID": ""} if how == "sentinel" else {}
    with running_app(example, tmp_path, cache_folder, env=env) as app:
        for call in calls_of(name_of(example)):
            assert app.answer(call) == call["answer"]


def test_the_answers_are_those_of_the_plain_functions(example: Path) -> None:
    """The expected answers were not made up: the plain program computes them in one process."""
    name = name_of(example)
    script = {"skeleton": _SKELETON, "pipeline": _PIPELINE, "packages": _PACKAGES}[name]
    run = subprocess.run(
        [sys.executable, "-c", _PLAIN + script],
        cwd=EXAMPLES / name,
        env={"PYTHONPATH": ":".join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(run.stdout) == [call["answer"] for call in calls_of(name)]


# The plain program awaits what the compiled one sends: a plain function's result is made awaitable.
_PLAIN = """
import asyncio, json, sys, types
import flashc.testing.plugin  # functions with a decorator stay as they are
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


def test_an_exception_keeps_its_type_and_message_across_endpoints(
    tmp_path: Path, cache_folder: Path
) -> None:
    artifact = built(EXAMPLES / "packages", tmp_path / "a.tar.gz", python_version=PYTHON)
    with running_app(artifact, tmp_path, cache_folder) as app:
        answer = app.job("packages-prices", {"items": {"coal": 1}})
        assert answer["status"] == "FAILED"
        record = json.loads(answer["error"])
        assert "KeyError" in record["error_type"]
        assert 'File "' in record["error_traceback"]
        assert "prices.py" in record["error_traceback"]
        answer = app.job("packages-prices", {"amount": 1})
        assert "lacks 'items'" in answer["error"]
        assert "unexpected 'amount'" in answer["error"]
