"""Engines to run workers with in tests: events are kept, and what workers leave can be counted."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import docker
import httpx

from flashc_backends.platform.engines.base import (
    Engine,
    Event,
    Exited,
    Line,
    Started,
    WorkerKind,
    WorkerSpec,
)
from flashc_backends.platform.engines.docker_engine import DockerEngine
from flashc_backends.platform.engines.owners import LABEL, OWNER, is_alive, this_process
from flashc_backends.platform.engines.process import ProcessEngine
from tests.support.interpreters import oldest_worker_python

E = TypeVar("E", Started, Line, Exited)
SECONDS = 30.0


def engine_of(name: str, cache: Path, folder: Path) -> Engine:
    """A new engine by name; call it in a running loop."""

    def report(_text: str) -> None:
        """Show nothing."""

    if name == "docker":
        return DockerEngine(cache=cache, report=report, pull=False)
    return ProcessEngine(
        cache=cache,
        folder=folder,
        volumes=folder / "volumes",
        report=report,
        sandbox=name == "bubblewrap",
        warm=name == "warm",
    )


@dataclass
class Stage:
    """An open engine and what has happened so far."""

    engine: Engine
    folder: Path
    happened: list[Event] = field(default_factory=list[Event])

    async def begin(
        self,
        source: str,
        *,
        worker: str = "w1",
        kind: WorkerKind = WorkerKind.LOAD_BALANCED,
        environ: Mapping[str, str] | None = None,
        memory_mb: int | None = None,
        volume: str | None = None,
    ) -> WorkerSpec:
        """Start a worker whose handler is `source`."""
        artifact = self.folder / f"artifact-{worker}"
        artifact.mkdir()
        artifact.joinpath("handler_it.py").write_text(source, encoding="utf-8")
        spec = WorkerSpec(
            worker=worker,
            endpoint="endpoint-1",
            label="it",
            kind=kind,
            artifact=artifact,
            python=oldest_worker_python().minor,
            environ={"FLASH_RESOURCE_NAME": "it", "STAGE": str(self.folder), **(environ or {})},
            memory_mb=memory_mb,
            volume=volume,
        )
        await self.engine.start(spec)
        return spec

    async def event(self, kind: type[E], worker: str = "w1") -> E:
        """The first event of a kind, which may still have to happen."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            for event in self.happened:
                if isinstance(event, kind) and event.worker == worker:
                    return event
            await asyncio.sleep(0.01)
        raise AssertionError(f"no {kind.__name__} of {worker} in {self.happened}")

    async def printed(self, text: str, worker: str = "w1") -> Line:
        """The line with this text, which may still have to be printed."""

        async def find() -> Line | None:
            for event in self.happened:
                if isinstance(event, Line) and (event.worker, event.text) == (worker, text):
                    return event
            return None

        return await until(find, text)

    async def get(self, path: str, worker: str = "w1") -> httpx.Response:
        """The answer of a load balancer, once it listens."""
        address = (await self.event(Started, worker)).address
        assert address is not None

        async def ask() -> httpx.Response | None:
            try:
                return await client.get(f"http://{address[0]}:{address[1]}{path}")
            except httpx.ConnectError:
                return None

        async with httpx.AsyncClient() as client:
            return await until(ask, path)


T = TypeVar("T")


async def until(find: Callable[[], Awaitable[T | None]], what: str) -> T:
    """What `find` returns when it is no longer None."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = await find()
        if found is not None:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"{what}: not in {SECONDS} s")


@asynccontextmanager
async def staged(name: str, cache: Path, folder: Path) -> AsyncIterator[Stage]:
    """An open engine, which is closed at the end; every started worker has then exited once."""
    engine = engine_of(name, cache, folder)
    stage = Stage(engine, folder)

    async def listen() -> None:
        async for event in engine.events():
            stage.happened.append(event)

    listener = asyncio.create_task(listen())
    try:
        await engine.open()
        yield stage
    finally:
        await engine.close()
        await listener
    ended = [event.worker for event in stage.happened if isinstance(event, Exited)]
    started = {event.worker for event in stage.happened if isinstance(event, Started)}
    assert len(ended) == len(set(ended))
    assert started <= set(ended)


def processes_with(*texts: str) -> list[int]:
    """The running processes whose command line and variables together contain every one of `texts`.

    Tests run in several processes at a time; a test that counts processes has to name something of its own.
    """
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                shown = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                state = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0]
            except OSError:
                continue
            if all(text.encode() in shown for text in texts) and state != b"Z":
                found.append(int(entry.name))
    return found


def kill_if_running(process: int) -> None:
    """Kill a process that may have ended since it was found."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def left_in_docker(address: str) -> list[str]:
    """The names of containers and networks that previews have left; those of other running processes are not left."""
    client = docker.DockerClient(base_url=address)
    filters: dict[str, str | list[str] | bool] = {"label": LABEL}
    containers = client.containers.list(all=True, filters=filters, ignore_removed=True)
    networks = client.networks.list(filters={"label": LABEL})
    client.close()
    others = {item.attrs["Labels"][LABEL] for item in networks if is_another(item.attrs["Labels"])}
    labels = {item.id: item.labels for item in containers}
    labels |= {item.id: item.attrs["Labels"] for item in networks}
    return [
        str(item.attrs["Name"])
        for item in (*containers, *networks)
        if labels[item.id][LABEL] not in others
    ]


def is_another(labels: Mapping[str, str]) -> bool:
    """Whether another process has made a network with these labels and still runs."""
    owner = labels.get(OWNER, "")
    return owner != this_process() and is_alive(owner)
