"""Run `flashc preview` and `flashc dev` on projects of tests, read what they print, and call the endpoints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO, Any

import httpx

from tests.support.engines import processes_with
from tests.support.interpreters import oldest_worker_python
from tests.support.projects import ROOT

SECONDS = 90.0
_PATH = os.pathsep.join(map(str, (ROOT, ROOT / "ir", ROOT / "backends")))


def command(*words: str) -> list[str]:
    """The words that run flashc."""
    return [sys.executable, "-m", "flashc", *words]


def environ(state: Path) -> dict[str, str]:
    """The variables of a flashc whose state is in a folder."""
    return {**os.environ, "PYTHONPATH": _PATH, "FLASHC_STATE_DIR": str(state)}


@dataclass
class Session:
    """A session in a process of its own, and what it has printed as JSON."""

    project: Path
    process: subprocess.Popen[str]
    stderr: IO[str]
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    reader: Thread | None = None

    def wait(self, event: str, after: int = 0, **what: Any) -> dict[str, Any]:
        """The first event with these members from the one with the number `after`; it may still have to happen."""
        deadline = time.monotonic() + SECONDS
        seen = after
        while time.monotonic() < deadline:
            has_ended = self.process.poll() is not None
            while seen < len(self.events):
                found = self.events[seen]
                seen += 1
                if found["event"] == event and what.items() <= found.items():
                    return found
            if has_ended:
                time.sleep(0.2)  # for the last lines
                if seen == len(self.events):
                    break
            time.sleep(0.01)
        raise AssertionError((event, what, self.events[-8:], self.errors()))

    def errors(self) -> str:
        """What is on standard error now."""
        self.stderr.seek(0)
        return self.stderr.read()

    @property
    def ready(self) -> dict[str, Any]:
        return self.wait("ready")

    def edit(self, path: str, before: str, after: str) -> int:
        """Replace a text in a file; return the number of the next event."""
        file = self.project / path
        text = file.read_text(encoding="utf-8")
        assert before in text
        number = len(self.events)
        file.write_text(text.replace(before, after), encoding="utf-8")
        return number

    def replaced(self, path: str, before: str, after: str, *endpoints: str) -> None:
        """Edit a file, and wait until the endpoints answer with the new code."""
        number = self.edit(path, before, after)
        for endpoint in endpoints:
            self.wait("release", number, endpoint=endpoint, state="rolled out")

    def client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.ready['key']}"}
        return httpx.Client(headers=headers, timeout=SECONDS)

    def url(self, endpoint: str) -> str:
        """The URL of an endpoint."""
        (found,) = (a["url"] for a in self.ready["addresses"] if a["endpoint"] == endpoint)
        return str(found)

    def get(self, path: str, endpoint: str = "web") -> Any:
        """The answer of a route."""
        with self.client() as client:
            answer = client.get(f"{self.url(endpoint)}{path}")
            assert answer.status_code == 200, (answer.status_code, answer.text, self.events[-8:])
            return answer.json()

    def job(self, endpoint: str, **given: Any) -> Any:
        """The output of a job."""
        with self.client() as client:
            answer = client.post(f"{self.url(endpoint)}/runsync", json={"input": given})
            assert answer.json().get("status") == "COMPLETED", (answer.text, self.events[-8:])
            return answer.json()["output"]

    def answer(self, call: dict[str, Any]) -> Any:
        """The answer to a call of an example's `calls.json`."""
        if "job" in call:
            return self.job(call["job"], **call["input"])
        with self.client() as client:
            url = self.url(call["route"]) + call["path"]
            return client.request(call["method"], url, json=call.get("body")).json()

    def read(self) -> None:
        """Read what it prints in a thread, until it ends."""
        stdout = self.process.stdout
        assert stdout is not None

        def run() -> None:
            for line in stdout:
                self.events.append(json.loads(line))

        self.reader = Thread(target=run, daemon=True)
        self.reader.start()

    def read_until(self, event: str) -> dict[str, Any]:
        """Read only as far as an event, and return it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if self.events[-1]["event"] == event:
                break
        return self.events[-1]

    def end(self) -> int:
        """Interrupt it if it still runs; return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(SECONDS)


@contextmanager
def _session(words: list[str], project: Path, state: Path, **variables: str) -> Iterator[Session]:
    """A session, which is interrupted at the end if it still runs."""
    words = [*words, "--format", "json", "--python-version", oldest_worker_python().minor]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as stderr,
        subprocess.Popen(
            command(*words),
            env={**environ(state), **variables},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        session = Session(project, process, stderr)
        try:
            yield session
        finally:
            session.end()
            if session.reader is not None:
                session.reader.join()


@contextmanager
def preview(
    project: Path, engine: str, state: Path, *options: str, docker_host: str = ""
) -> Iterator[Session]:
    """A preview."""
    words = ["preview", str(project), "--engine", engine, "--no-pull", *options]
    variables = {"DOCKER_HOST": docker_host} if docker_host else {}
    with _session(words, project, state, **variables) as session:
        session.read()
        yield session


@contextmanager
def dev_session(
    project: Path, state: Path, *options: str, is_read: bool = True
) -> Iterator[Session]:
    """A development session, of which nothing is left at the end."""
    with _session(["dev", str(project), *options], project, state) as session:
        if is_read:
            session.read()
        yield session
    deadline = time.monotonic() + 20
    while processes_with(str(state)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert processes_with(str(state)) == []
