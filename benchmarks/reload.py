"""Measure how long it takes from saving a file to the first answer of the new code."""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import projects

_PAUSE = 0.005  # seconds between two requests
_PATIENCE = 120.0
_REST = 1.5  # seconds until what was replaced has ended


def measure_dev(flashc: Path, folder: Path, runs: int, environ: dict[str, str]) -> dict[str, float]:
    """Return the median time from saving to the new answer, in seconds, under `flashc dev`.

    The keys of the result are "load balancer" and "queue".
    """
    project = projects.write_reloaded(folder)
    command = [str(flashc), "dev", str(project), "--format", "json"]
    with _run_server(command, environ) as process:
        ready = _wait_for_event(process, "ready")
        urls = {address["kind"]: address["url"] for address in ready["addresses"]}
        headers = {"Authorization": f"Bearer {ready['key']}", "Content-Type": "application/json"}

        def web() -> object:
            """Return the version that the load balancer answers with."""
            return ask(f"{urls['load-balanced']}/version", headers)["version"]

        def queue() -> object:
            """Return the version that a job of the queue returns."""
            body = json.dumps({"input": {"number": 1}}).encode()
            return ask(f"{urls['queue']}/runsync", headers, body)["output"]["version"]

        return {
            "load balancer": _measure_saves(project / "web.py", web, runs),
            "queue": _measure_saves(project / "work.py", queue, runs),
        }


def measure_uvicorn(uvicorn: Path, folder: Path, runs: int) -> float:
    """Return the median time from saving to the new answer, in seconds, under `uvicorn --reload`.

    The project is the smallest FastAPI app.
    """
    project = projects.write_plain_app(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(uvicorn), "main:app", "--reload", "--port", str(port), "--log-level", "error"]
    with _run_server(command, dict(os.environ), project):

        def version() -> object:
            """Return the version that the app answers with."""
            return ask(f"http://127.0.0.1:{port}/version", {})["version"]

        return _measure_saves(project / "main.py", version, runs)


@contextmanager
def _run_server(
    command: list[str], environ: dict[str, str], folder: Path | None = None
) -> Generator[subprocess.Popen[bytes]]:
    """Run a command while the `with` block runs; then interrupt it."""
    process = subprocess.Popen(command, env=environ, cwd=folder, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(_PATIENCE)


def _wait_for_event(process: subprocess.Popen[bytes], kind: str) -> dict[str, Any]:
    """Read what `flashc dev` prints up to the first event of a kind, and return the event; discard what follows."""
    assert process.stdout is not None
    for line in process.stdout:
        event: dict[str, Any] = json.loads(line)
        if event["event"] == kind:
            # A full pipe would stop the process.
            Thread(target=process.stdout.read, daemon=True).start()
            return event
    raise RuntimeError(f"no event {kind}")


def ask(url: str, headers: dict[str, str], body: bytes | None = None) -> Any:
    """Send a request and return the parsed answer."""
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def _measure_saves(file: Path, ask: Callable[[], object], runs: int) -> float:
    """Save new versions of a file; return the median time until `ask` returns the new version."""
    wait(ask, 0)
    times: list[float] = []
    for version in range(1, runs + 1):
        text = file.read_text("utf-8").replace(
            f"VERSION = {version - 1}\n", f"VERSION = {version}\n"
        )
        time.sleep(_REST)
        began = time.perf_counter()
        file.write_text(text, "utf-8")
        wait(ask, version)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def wait(ask: Callable[[], object], wanted: object) -> None:
    """Wait until `ask` returns what is wanted; a server that is not there yet is asked again."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            if ask() == wanted:
                return
        except (OSError, KeyError, urllib.error.URLError):  # a server that is being replaced
            pass
        time.sleep(_PAUSE)
    raise RuntimeError(f"{wanted} was not the answer in time")
