"""Run programs in worlds: one process, and for each world the modules of its own.

A world gives a program what a worker gives it: a `sys.modules` of its own for the modules of one folder.  The
compiled program runs in one world per endpoint, the plain program in a single one.  Only the wire between
worlds is simulated, and it carries JSON like the real one.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import traceback
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

_current: list[World] = []


class World:
    """Hold the modules of one folder, as one worker sees them."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.modules: dict[str, ModuleType] = {}
        self._outside: set[str] = set()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Make this world's modules importable in place of the outer world's."""
        outer = _current[-1] if _current else None
        if outer is not None:
            outer.leave()
        self.enter()
        _current.append(self)
        try:
            yield
        finally:
            _current.pop()
            self.leave()
            if outer is not None:
                outer.enter()

    def enter(self) -> None:
        sys.path.insert(0, self.folder)
        self._outside = set(sys.modules)
        sys.modules.update(self.modules)
        if not self.modules:
            importlib.invalidate_caches()

    def leave(self) -> None:
        sys.path.remove(self.folder)
        for name in sys.modules.keys() - self._outside:
            if name in self.modules or self._owns(sys.modules[name]):
                self.modules[name] = sys.modules.pop(name)

    def _owns(self, module: ModuleType) -> bool:
        paths = [
            getattr(module, "__file__", None) or "",
            *map(str, getattr(module, "__path__", [])),
        ]
        return any(path.startswith(self.folder) for path in paths)


class Worker:
    """Run the handler of one endpoint of a compiled program."""

    def __init__(self, folder: Path, resource: str, platform: Workers) -> None:
        self.resource = resource
        self.world = World(folder)
        with self.world.entered():
            sending: Any = importlib.import_module("_flashc.sending")
            sending.send = lambda job: platform.send(resource, job)
            sending.send_async = platform.sender(resource)
            sending.stream = lambda job: iter(platform.send(resource, job))
            sending.stream_async = platform.streamer(resource)
            self.errors = importlib.import_module("_flashc.failures")
            self.handler = importlib.import_module(f"handler_{resource}").handler

    async def run(self, payload: Any) -> Any:
        with self.world.entered():
            result = self.handler({"id": "job", "input": payload})
            return await result if hasattr(result, "__await__") else result


class Workers:
    """Connect all endpoints of a compiled program; `crossings` are the calls as (caller, callee)."""

    def __init__(self, folder: Path, resources: list[str]) -> None:
        self.crossings: list[tuple[str, str]] = []
        self.workers = {name: Worker(folder, name, self) for name in resources}

    def sender(self, caller: str) -> Any:
        async def send_async(job: Any) -> Any:
            return await self.cross(caller, job)

        return send_async

    def streamer(self, caller: str) -> Any:
        async def stream_async(job: Any) -> AsyncIterator[Any]:
            for item in await self.cross(caller, job):
                yield item

        return stream_async

    def send(self, caller: str, job: Any) -> Any:
        """Send a blocking call; nothing in these programs really waits, so one step finishes it."""
        return finished(self.cross(caller, job))

    async def cross(self, caller: str, job: Any) -> Any:
        self.crossings.append((caller, job.resource))
        try:
            return json_copy(completed(self.workers[job.resource].run(json_copy(job.payload))))
        except Exception as error:
            record = {
                "error_type": str(type(error)),
                "error_message": str(error),
                "error_traceback": traceback.format_exc(),
            }
            errors = self.workers[caller].errors
            raise errors.remote_failure(
                job.resource, job.function, json.dumps(record), "FAILED"
            ) from None


def json_copy(value: Any) -> Any:
    """Return a value as it arrives after it was sent as JSON."""
    return json.loads(json.dumps(value))


def completed(coroutine: Any) -> Any:
    """Return the result of a coroutine, which runs to its end before anything else continues.

    One world is entered at a time, so two workers must not take turns; an event loop of its own, in a
    thread that is waited for, keeps siblings of an `asyncio.gather` from running in between.
    """
    with ThreadPoolExecutor(1) as pool:  # ended at once: other tests fork only without threads
        return pool.submit(asyncio.run, coroutine).result()


def finished(coroutine: Any) -> Any:
    """Return the result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("the coroutine waits")


def outcome(coroutine: Any) -> tuple[str, Any]:
    """Return ("value", result) or (type of the exception, its message)."""
    try:
        return "value", json_copy(asyncio.run(coroutine))
    except Exception as error:
        name = getattr(error, "remote_type", "") or type(error).__qualname__
        return name.rpartition(".")[2], str(error)
