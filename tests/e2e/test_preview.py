"""`flashc preview` runs an app on each engine, answers as the plain functions do, and leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from flashc_backends.platform.engines.bubblewrap import bubblewrap
from tests.support.engines import left_in_docker, processes_with
from tests.support.interpreters import oldest_worker_python
from tests.support.projects import EXAMPLES, ROOT, write
from tests.support.shown_curl import answer as answer_of

SECONDS = 90.0
ENGINES = ("process", "docker")
PATH = os.pathsep.join(map(str, (ROOT, ROOT / "ir", ROOT / "backends")))
SLOW = """
import time
from runpod_flash import Endpoint

@Endpoint(name="slow", cpu="cpu3c-1-2")
def slow(seconds: float) -> str:
    print("begun", flush=True)
    time.sleep(seconds)
    return "done"

@Endpoint(name="fatal", cpu="cpu3c-1-2")
def fatal() -> str:
    import os
    os._exit(5)
"""


@dataclass
class Running:
    """A preview in a process of its own, and what it has printed."""

    process: subprocess.Popen[str]
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def wait(self, event: str, **what: Any) -> dict[str, Any]:
        """The first event with these members, which may still have to happen."""
        deadline = time.monotonic() + SECONDS
        seen = 0
        while time.monotonic() < deadline:
            while seen < len(self.events):
                found = self.events[seen]
                seen += 1
                if found["event"] == event and what.items() <= found.items():
                    return found
            if self.process.poll() is not None:
                time.sleep(0.2)  # for the last lines
                if seen == len(self.events):
                    break
            time.sleep(0.02)
        raise AssertionError((event, what, self.events[-5:], self.errors()))

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read() if self.process.poll() is not None else ""

    @property
    def ready(self) -> dict[str, Any]:
        return self.wait("ready")

    def client(self) -> httpx.Client:
        key = self.ready["key"]
        return httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=60)

    def url(self, endpoint: str) -> str:
        """The URL of an endpoint."""
        (found,) = (a["url"] for a in self.ready["addresses"] if a["endpoint"] == endpoint)
        return str(found)

    def answer(self, call: dict[str, Any]) -> Any:
        """The answer to a call of an example's `calls.json`."""
        with self.client() as client:
            if "job" in call:
                reply = client.post(
                    f"{self.url(call['job'])}/runsync", json={"input": call["input"]}
                )
                return reply.json().get("output", reply.json())
            url = self.url(call["route"]) + call["path"]
            return client.request(call["method"], url, json=call.get("body")).json()


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "flashc", *words]


def environ(state: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": PATH, "FLASHC_STATE_DIR": str(state)}


@contextmanager
def preview(
    project: Path, engine: str, state: Path, *options: str, docker_host: str = ""
) -> Iterator[Running]:
    """A preview, which is interrupted at the end if it still runs."""
    words = ["preview", str(project), "--engine", engine, "--no-pull", "--format", "json"]
    words += ["--python-version", oldest_worker_python().minor, *options]
    with subprocess.Popen(
        command(*words),
        env={**environ(state), **({"DOCKER_HOST": docker_host} if docker_host else {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        running = Running(process)

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                running.events.append(json.loads(line))

        reader = Thread(target=read, daemon=True)
        reader.start()
        try:
            yield running
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(SECONDS)
            reader.join()


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
        expected = "docker" if engine == "docker" else ("process", "bubblewrap")[bool(bubblewrap())]
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
        kill(engine, worker)
        running.wait("worker", worker=worker, state="ended")
        done = running.wait("job", id=job, status="COMPLETED")
        assert done["worker"] != worker
        assert client.get(f"{url}/status/{job}").json()["output"] == "done"
    nothing_is_left(engine, tmp_path)


def kill(engine: str, worker: str) -> None:
    if engine == "docker":
        name = subprocess.run(
            ["docker", "ps", "-q", "--filter", f"label=dev.flashc.worker={worker}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        subprocess.run(["docker", "kill", name], check=True, capture_output=True)
    else:
        for number in processes_with(f"RUNPOD_POD_ID={worker}"):
            os.kill(number, signal.SIGKILL)


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
    project = write(tmp_path / "app", {"work.py": SLOW})
    first, *rest = words
    version = oldest_worker_python().minor
    options = ["--engine", "process", "--python-version", version, "--detach"]
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
