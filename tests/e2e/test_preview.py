"""`flashc preview` runs an app on each engine, answers as the plain functions do, and leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from flashc_backends.platform.engines.bubblewrap import find_bubblewrap
from tests.support.engines import kill_if_running, left_in_docker, processes_with
from tests.support.interpreters import oldest_worker_python
from tests.support.projects import EXAMPLES, write
from tests.support.sessions import SECONDS, command, environ, preview
from tests.support.shown_curl import answer as answer_of

ENGINES = ("process", "docker")
SLOW = """
import os
import time
from runpod_flash import Endpoint

@Endpoint(name="slow", cpu="cpu3c-1-2")
def slow(seconds: float) -> str:
    print(f"process {os.getpid()}", flush=True)
    print("begun", flush=True)
    time.sleep(seconds)
    return "done"

@Endpoint(name="fatal", cpu="cpu3c-1-2")
def fatal() -> str:
    os._exit(5)
"""


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The name of an engine for `--engine`."""
    if request.param == "docker":
        request.getfixturevalue("docker_host")
    return str(request.param)


def nothing_is_left(engine: str, state: Path) -> None:
    """Wait until no process, container, network and folder of previews is left."""

    def left() -> list[str]:
        found = [str(number) for number in processes_with(str(state))]
        if engine == "docker":
            found += left_in_docker(os.environ["DOCKER_HOST"])
        return found

    deadline = time.monotonic() + 20
    while left() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left() == []


@pytest.mark.parametrize("name", ["skeleton", "pipeline"])
def test_the_answers_are_those_of_the_plain_functions(
    engine: str, name: str, tmp_path: Path
) -> None:
    """`tests/e2e/test_examples_run.py` compares the expected answers with the plain program."""
    calls = json.loads((EXAMPLES / name / "calls.json").read_text(encoding="utf-8"))
    with preview(EXAMPLES / name, engine, tmp_path) as running:
        expected = (
            "docker" if engine == "docker" else ("process", "bubblewrap")[bool(find_bubblewrap())]
        )
        assert running.ready["engine"] == expected
        for call in calls:
            assert running.answer(call) == call["answer"]
        for address in running.ready["addresses"]:
            answer = json.loads(answer_of(address["curl"]))
            assert "detail" not in answer
            if address["kind"] == "queue":
                assert answer["status"] == "COMPLETED"
        balanced = [a for a in running.ready["addresses"] if a["kind"] == "load-balanced"]
        running.wait("request", endpoint=balanced[0]["endpoint"], status=200)
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(SECONDS) == 0
    nothing_is_left(engine, tmp_path)
    assert list((tmp_path / "previews").iterdir()) == []


def test_a_worker_that_is_killed_in_mid_job_loses_no_job(engine: str, tmp_path: Path) -> None:
    project = write(tmp_path / "app", {"work.py": SLOW})
    with preview(project, engine, tmp_path) as running, running.client() as client:
        url = running.url("slow")
        job = client.post(f"{url}/run", json={"input": {"seconds": 1.0}}).json()["id"]
        running.wait("line", endpoint="slow", text="begun")
        worker = running.wait("job", id=job, status="IN_PROGRESS")["worker"]
        (shown,) = [
            event["text"].removeprefix("process ")
            for event in running.events
            if event["event"] == "line" and event["text"].startswith("process ")
        ]
        kill(engine, worker, int(shown))
        running.wait("worker", worker=worker, state="ended")
        done = running.wait("job", id=job, status="COMPLETED")
        assert done["worker"] != worker
        assert client.get(f"{url}/status/{job}").json()["output"] == "done"
    nothing_is_left(engine, tmp_path)


def kill(engine: str, worker: str, process: int) -> None:
    """Kill a worker, whose own name for its process is `process`."""
    if engine == "docker":
        name = subprocess.run(
            ["docker", "ps", "-q", "--filter", f"label=dev.flashc.worker={worker}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        subprocess.run(["docker", "kill", name], check=True, capture_output=True)
    else:
        # A sandbox has other numbers; a forked worker does not show its variables.
        for number in processes_with(f"RUNPOD_POD_ID={worker}") or [process]:
            kill_if_running(number)


def test_a_worker_that_crashes_is_started_again_with_a_pause(engine: str, tmp_path: Path) -> None:
    project = write(tmp_path / "app", {"work.py": SLOW})
    with preview(project, engine, tmp_path) as running, running.client() as client:
        answer = client.post(f"{running.url('fatal')}/runsync", json={"input": {"__empty": True}})
        assert answer.json()["status"] == "FAILED"
        assert "5" in answer.json()["error"]
        assert running.wait("worker", endpoint="fatal", state="crashed")["pause"] > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_when_flashc_is_killed(
    engine: str, tmp_path: Path, number: signal.Signals
) -> None:
    project = write(tmp_path / "app", {"work.py": SLOW})
    with preview(project, engine, tmp_path) as running:
        assert running.ready["state"] == "ready"
        running.process.send_signal(number)
        assert running.process.wait(SECONDS) == (0 if number == signal.SIGTERM else -number)
    nothing_is_left(engine, tmp_path)
    cleaned = subprocess.run(
        command("preview", "clean"), env=environ(tmp_path), capture_output=True, text=True
    )
    assert cleaned.returncode == 0
    assert list((tmp_path / "previews").iterdir()) == []


def test_a_program_that_no_worker_can_import_is_a_finding(engine: str, tmp_path: Path) -> None:
    source = SLOW.replace("import time\n", "import time\nopen('/no/model/here')\n", 1)
    project = write(tmp_path / "app", {"work.py": source})
    with preview(project, engine, tmp_path) as running:
        assert running.process.wait(SECONDS) == 1
        shown = running.errors()
    assert "FC508" in shown
    assert "No such file or directory: '/no/model/here'" in shown
    nothing_is_left(engine, tmp_path)


def test_a_port_that_is_taken_is_a_finding(tmp_path: Path) -> None:
    project = write(tmp_path / "app", {"work.py": SLOW})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with preview(project, "process", tmp_path, "--port", port) as running:
            assert running.process.wait(SECONDS) == 3
            assert "FC507" in running.errors()
    nothing_is_left("process", tmp_path)


def test_an_app_without_code_is_a_finding(tmp_path: Path) -> None:
    source = "from runpod_flash import Endpoint\nllm = Endpoint(name='llm', image='org/llm:1')\n"
    project = write(tmp_path / "app", {"work.py": source})
    with preview(project, "process", tmp_path) as running:
        assert running.process.wait(SECONDS) == 1
        assert "FC509" in running.errors()


def flashc(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words), env=environ(state), capture_output=True, text=True, timeout=SECONDS
    )


@pytest.mark.parametrize(
    "words",
    [["preview"], ["deploy", "--preview"], ["emit", "--target", "preview"]],
    ids=["preview", "deploy", "emit"],
)
def test_a_detached_preview_is_listed_read_and_stopped(words: list[str], tmp_path: Path) -> None:
    configuration = '[tool.flashc]\napp = "another-name"\n'
    project = write(tmp_path / "app", {"work.py": SLOW, "pyproject.toml": configuration})
    first, *rest = words
    version = oldest_worker_python().minor
    options = ["--engine", "process", "--python-version", version, "--detach", "--app", "chosen"]
    try:
        listed_read_and_stopped(flashc(tmp_path, first, str(project), *rest, *options), tmp_path)
    finally:
        flashc(tmp_path, "preview", "stop", "--all")
    nothing_is_left("process", tmp_path)


def listed_read_and_stopped(started: subprocess.CompletedProcess[str], tmp_path: Path) -> None:
    assert started.returncode == 0, started.stderr
    assert "queue-based endpoints:" in started.stdout
    curl = next(
        line for line in started.stdout.splitlines() if "curl" in line and "seconds" in line
    )
    assert "differs from the cloud" in started.stdout
    listed = flashc(tmp_path, "preview", "list", "--format", "json")
    (record,) = map(json.loads, listed.stdout.splitlines())
    assert record["running"]
    assert record["id"] in flashc(tmp_path, "preview", "list").stdout
    address = next(each for each in record["addresses"] if each["endpoint"] == "slow")
    assert address["curl"] == curl.strip()
    assert json.loads(answer_of(address["curl"]))["output"] == "done"
    call = [
        "call",
        "slow",
        "--local",
        "--data",
        '{"seconds": 0.1}',
        "--project",
        str(tmp_path / "app"),
    ]
    assert flashc(tmp_path, *call).stdout == '"done"\n'
    assert f"; `flashc preview stop {record['id']}` stops it\n" in started.stdout
    logs = flashc(tmp_path, "preview", "logs")
    assert "[slow] begun" in logs.stdout
    assert "COMPLETED" in logs.stdout
    assert "DEBUG" not in logs.stdout
    assert flashc(tmp_path, "preview", "stop", "no-such").returncode == 2
    assert flashc(tmp_path, "preview", "stop").stdout == f"{record['id']} stopped\n"
    assert flashc(tmp_path, "preview", "list").stdout == ""


def test_a_detached_preview_that_can_not_start_says_why(tmp_path: Path) -> None:
    source = SLOW.replace("import time\n", "import time\nopen('/no/model/here')\n", 1)
    project = write(tmp_path / "app", {"work.py": source})
    version = oldest_worker_python().minor
    options = ["--engine", "process", "--python-version", version, "--detach"]
    started = flashc(tmp_path, "preview", str(project), *options)
    assert started.returncode == 1
    assert "FC508" in started.stderr
    nothing_is_left("process", tmp_path)
    assert list((tmp_path / "previews").iterdir()) == []


def test_without_a_daemon_workers_are_processes_and_the_screen_says_so(tmp_path: Path) -> None:
    project = write(tmp_path / "app", {"work.py": SLOW})
    with preview(project, "auto", tmp_path, docker_host=f"unix://{tmp_path}/none") as running:
        assert running.ready["engine"] in ("process", "bubblewrap")
        assert running.ready["differences"]
        assert "processes" in running.wait("note")["text"]
