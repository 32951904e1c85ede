"""Run `flashc dev` on a project of a test, edit it, and call its endpoints."""

from __future__ import annotations

import json
import os
import signal
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

from tests.support.engines import processes_with
from tests.support.interpreters import oldest_worker_python
from tests.support.projects import ROOT

SECONDS = 60.0
_PATH = os.pathsep.join(map(str, (ROOT, ROOT / "ir", ROOT / "backends")))


@dataclass
class Session:
    """A session in a process of its own, and what it has printed."""

    project: Path
    process: subprocess.Popen[str]
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def wait(self, event: str, after: int = 0, **what: Any) -> dict[str, Any]:
        """The first event with these members from the one with the number `after`; it may still have to happen."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            for found in self.events[after:]:
                if found["event"] == event and what.items() <= found.items():
                    return found
            assert self.process.poll() is None, self.events[-5:]
            time.sleep(0.01)
        raise AssertionError((event, what, self.events[-8:]))

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

    @property
    def ready(self) -> dict[str, Any]:
        return self.wait("ready")

    def client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.ready['key']}"}
        return httpx.Client(headers=headers, timeout=SECONDS)

    def url(self, endpoint: str) -> str:
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


@contextmanager
def dev_session(project: Path, state: Path, *options: str) -> Iterator[Session]:
    """A session, which is interrupted at the end if it still runs; nothing of it is left then."""
    words = [sys.executable, "-m", "flashc", "dev", str(project), "--format", "json", *options]
    words += ["--python-version", oldest_worker_python().minor]
    with subprocess.Popen(
        words,
        env={**os.environ, "PYTHONPATH": _PATH, "FLASHC_STATE_DIR": str(state)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        session = Session(project, process)

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                session.events.append(json.loads(line))

        reader = Thread(target=read, daemon=True)
        reader.start()
        try:
            yield session
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(SECONDS)
            reader.join()
    deadline = time.monotonic() + 20
    while processes_with(str(state)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert processes_with(str(state)) == []
