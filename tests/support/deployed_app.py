"""An app that tests deploy, what they ask the platform about it, and constant load on it."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.client_machine import Machine

# A job takes some time, so that one is under way at any time of a load, without work for the processors.
QUEUE = """
import asyncio

from flashc import Endpoint

@Endpoint(name="adder", cpu="cpu3c-1-2", workers=(1, 2), env={{"MODE": "{mode}"}})
async def add(a: int, b: int):
    await asyncio.sleep(0.05)
    return {{"sum": a + b, "release": {release}}}
"""
BALANCED = """
from flashc import Endpoint

api = Endpoint(name="api", cpu="cpu3c-1-2", workers=({least}, 2))

@api.post("/double")
async def double(x: int):
    from queue_worker import add
    return {{"x": (await add(x, x))["sum"], "release": {release}}}
"""
SLEEPING = """
from flashc import Endpoint

@Endpoint(name="later", cpu="cpu3c-1-2", workers=(0, 1))
async def later():
    return 1
"""
STREAMING = """
from flashc import Endpoint

@Endpoint(name="numbers", cpu="cpu3c-1-2", workers=(1, 1))
async def numbers(first: int):
    yield first
    yield first + 1
"""
SMOKE = """
[tool.flashc.smoke.adder]
input = { a = 1, b = 2 }
output = { sum = 3, release = 1 }

[[tool.flashc.smoke.api]]
path = "/double"
body = { x = 2 }
output = { x = 4, release = 1 }

[[tool.flashc.smoke.api]]
path = "/double"
body = { x = "two" }
status = 422
"""
# Nothing in this source tells that the import fails on a worker.
CRASHING = '\nimport socket\nsocket.gethostbyname("no.such.name.invalid")\n'


def write(app: Path, *, release: int = 1, mode: str = "fast", least: int = 1) -> None:
    """Write the app: a queue endpoint, and a load-balanced one that calls it; for the Python of this machine."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    (app / "pyproject.toml").write_text(f'[tool.flashc]\npython-version = "{python}"\n')
    (app / "queue_worker.py").write_text(QUEUE.format(release=release, mode=mode))
    (app / "web_worker.py").write_text(BALANCED.format(release=release, least=least))


def plan_of(machine: Machine, *words: str) -> dict[str, str]:
    """Return what a plan does with each endpoint."""
    document = json.loads(machine.ours("plan", "--format", "json", *words))
    return {step["name"]: step["action"] for step in document["steps"]}


def deployed(machine: Machine, *words: str) -> dict[str, str]:
    """Deploy, and return the ids of the endpoints by name."""
    shown = json.loads(machine.ours("deploy", "--format", "json", *words))
    return {found["name"]: found["id"] for found in shown["deployed"]["endpoints"]}


def workers(machine: Machine, endpoint: str) -> set[str]:
    """Return the ids of the workers of an endpoint that serve."""
    with machine.client() as client:
        found = client.get(f"/v2/serverless/{endpoint}/workers").json()["workers"]
    return {worker["id"] for worker in found if worker["status"] in ("RUNNING", "IDLE")}


class Load:
    """Sends requests to an app all the time: `answers` are pairs of a time and a release, `failures` texts."""

    def __init__(self, machine: Machine, ids: dict[str, str], names: tuple[str, ...]) -> None:
        self.answers: dict[str, list[tuple[float, int]]] = {name: [] for name in names}
        self.failures: list[str] = []
        self._machine = machine
        self._stop = threading.Event()
        self._calls = {
            "adder": (f"/v2/{ids['adder']}/runsync", {"input": {"a": 1, "b": 2}}),
            "api": (f"/lb/{ids['api']}/double", {"x": 2}),
        }

    def run(self, name: str) -> None:
        """Send requests to one endpoint until the load ends."""
        path, body = self._calls[name]
        with self._machine.client() as client:
            while not self._stop.is_set():
                began = time.monotonic()
                try:
                    reply = client.post(path, json=body)
                    found: Any = reply.json()
                    output = found.get("output") if name == "adder" else found
                    self.answers[name].append((began, output["release"]))
                except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
                    self.failures.append(f"{name}: {error!r}")

    def stop(self) -> None:
        """End the load."""
        self._stop.set()

    def last_of(self, name: str, release: int) -> float:
        """Return when the last request began that an endpoint answered with a release."""
        return max((at for at, found in self.answers[name] if found == release), default=0.0)


@contextmanager
def load(
    machine: Machine, ids: dict[str, str], names: tuple[str, ...] = ("adder", "api")
) -> Generator[Load]:
    """Send requests to endpoints while the block runs."""
    running = Load(machine, ids, names)
    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(running.run, name) for name in running.answers]
        try:
            time.sleep(0.5)
            yield running
        finally:
            running.stop()
    for each in done:
        each.result()
