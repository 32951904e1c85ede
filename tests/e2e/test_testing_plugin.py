"""The pytest plugin runs an app on the local platform for the tests of its author, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from flashc_backends.platform.engines.owners import is_alive
from flashc_backends.preview.registry import read_entries
from tests.support.projects import write
from tests.support.pytest_runs import (
    command,
    configuration,
    copied_example,
    environment,
    run_pytest,
)
from tests.support.shop import MORE, Shop
from tests.support.shop import WORKER as SHOP_WORKER

WORKER = (
    "from flashc import Endpoint\n"
    "@Endpoint(name='echo', cpu='cpu3c-1-2')\n"
    "def echo(text: str) -> str:\n"
    "    print(f'the worker got {text}')\n"
    "    return text\n"
)
ODD = """
import time
from flashc import Endpoint
ODD = {
    "nothing": None, "empty": {}, "false": False, "text": "", "error": {"error": "told"},
    "both": {"error": "told", "x": 1}, "no error": {"error": None, "x": 1},
    "refresh": {"refresh_worker": False, "x": 1}, "deep": [{"error": "kept"}], "number": 1.5,
}
@Endpoint(name="odd", cpu="cpu3c-1-2")
def odd(what: str):
    if what == "raises":
        raise LookupError("not here")
    if what == "set":
        return {1, 2}
    return ODD[what]
@Endpoint(name="parts", cpu="cpu3c-1-2")
def parts(what: str):
    yield 1
    if what == "raises":
        raise LookupError("not here")
    yield ODD[what]
"""
SAME = """
import pytest
from worker import ODD
def outcome(function):
    try:
        return function()
    except Exception as error:
        return type(error).__name__, str(error)
@pytest.mark.parametrize("what", [*ODD, "raises", "set", "unknown"])
def test_both_ways_give_the_same_result(flash_app, flash_local, what):
    for app in (flash_app, flash_local):
        app.one = outcome(lambda: app.call("odd", what=what))
        app.some = outcome(lambda: list(app.stream("parts", what=what)))
    assert flash_local.one == flash_app.one
    assert flash_local.some == flash_app.some
"""


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each test has a folder of its own for what runs."""
    monkeypatch.setenv("FLASHC_STATE_DIR", str(tmp_path_factory.mktemp("state")))


def test_the_tests_of_the_example_pass(tmp_path: Path) -> None:
    done = run_pytest(copied_example(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "18 passed" in done.stdout
    assert list(read_entries()) == []


def test_a_failed_test_shows_what_workers_printed_during_it(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": configuration("echoes"),
        "worker.py": WORKER,
        "tests/test_echo.py": (
            "import pytest\n"
            "from flashc.testing import faults\n"
            "def test_passes(flash_app):\n"
            "    assert flash_app.call('echo', 'before') == 'before'\n"
            "def test_fails(flash_app):\n"
            "    assert flash_app.call('echo', text='during') == 'other'\n"
            "@pytest.mark.flash_faults(faults.Death(endpoint='ecko'))\n"
            "def test_with_a_wrong_fault(flash_app):\n"
            "    raise AssertionError('this is never run')\n"
        ),
    }
    done = run_pytest(write(tmp_path, files))
    assert "1 failed, 1 passed, 1 error" in done.stdout, done.stdout + done.stderr
    shown = done.stdout.partition("Captured output of workers")[2]
    assert "echo: the worker got during" in shown
    assert "before" not in shown
    assert "there is no endpoint `ecko`: did you mean `echo`?" in done.stdout
    assert "never run" not in done.stdout.replace("raise AssertionError('this is never run')", "")
    assert list(read_entries()) == []


def test_the_process_of_the_test_answers_as_the_worker_sdk_does(tmp_path: Path) -> None:
    files = {"pyproject.toml": configuration("odd"), "worker.py": ODD, "tests/test_same.py": SAME}
    done = run_pytest(write(tmp_path, files))
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_interrupted_run_ends_its_workers(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": configuration("waiting"),
        "worker.py": WORKER,
        "tests/test_wait.py": (
            "import time\n"
            "def test_waits(flash_app):\n"
            "    print(flash_app.call('echo', text='ready'), flush=True)\n"
            "    time.sleep(600)\n"
        ),
    }
    with subprocess.Popen(
        command("-s"),
        cwd=write(tmp_path, files),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        begun: list[str] = []
        for line in process.stdout:
            begun.append(line)
            if "ready" in line:
                break
        (entry,) = read_entries()
        assert is_alive(entry.record.owner), begun
        os.kill(process.pid, signal.SIGINT)
        printed = process.stdout.read()
        process.wait()
    assert "KeyboardInterrupt" in printed
    assert process.returncode == 2
    assert list(read_entries()) == []


DEPLOYED = """
import datetime
import pytest

def test_jobs(flash_local):
    assert flash_local.call("model.add", a=1, b=2) == 3
    assert list(flash_local.stream("numbers", to=3)) == [0, 1, 2]
    assert flash_local.call("boxes", box={"width": 1, "made": "2024-01-02"}) == {"width": 2, "made": "2024-01-02"}
    with pytest.raises(Exception, match="no tea") as failed:
        flash_local.call("order", what="tea")
    assert failed.value.remote_type.endswith("OutOfStock")

def test_routes(flash_local):
    item = flash_local.request("api", "GET", "/items/7", params={"colour": "blue"})
    assert item.json() == {"number": 7, "colour": "blue"}
    assert flash_local.request("api", "GET", "/items/x").status_code == 422
    added = flash_local.request("api", "POST", "/items", json={"name": "tea", "tags": ["a"]})
    assert added.json() == {"name": "tea", "tags": ["a"]}
"""
# What the code of the project does: the opposite of what is deployed.
OTHERWISE = (
    ("return a + b", "return a - b"),
    ("yield from range(to)", "yield to"),
    ("box.width + by", "box.width - by"),
    ('OutOfStock(f"no {what}")', 'OutOfStock("other")'),
    ('"number": number', '"number": -number'),
    ('"tags": tags', '"tags": []'),
)


def test_answers_are_recorded_from_what_an_environment_serves(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = MORE
    for old, new in OTHERWISE:
        assert old in more
        more = more.replace(old, new)
    replayed = 'flash_replay = ["model", "numbers", "boxes", "order", "api"]\n'
    files = {
        "pyproject.toml": configuration("shop") + replayed,
        "worker.py": SHOP_WORKER,
        "more.py": more,
        "test_it.py": DEPLOYED,
    }
    project = write(tmp_path / "shop", files)
    file = project / "flash-recordings.json"
    for name, value in shop.variables.items():
        monkeypatch.setenv(name, value)
    done = run_pytest(project, "--flash-record=nowhere")
    assert "2 failed" in done.stdout, done.stdout + done.stderr
    assert not file.exists()
    done = run_pytest(project, "--flash-record=production")
    assert done.returncode == 0, done.stdout + done.stderr
    assert shop.variables["RUNPOD_API_KEY"] not in file.read_text()
    monkeypatch.setenv("RUNPOD_API_KEY", "another-key-of-this-machine")
    refused = run_pytest(project, "--flash-record=production")
    assert "2 failed" in refused.stdout, refused.stdout + refused.stderr
    for name in shop.variables:
        monkeypatch.delenv(name)
    done = run_pytest(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FC660" not in done.stdout
