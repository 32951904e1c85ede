"""Carry out with an engine what is due for workers, and tell the core what happens to them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from . import workers
from .artifacts import ArtifactError
from .core import Core
from .dispatcher import Dispatcher
from .engines.base import Engine, EngineError, Exited, Line, Started, WorkerKind, WorkerSpec
from .releases import Release
from .upstream import Upstream, UpstreamError

_PROBE_PAUSE = 0.05
_PROBE_TIMEOUT = 5.0
_LINES = 20  # of a worker that are shown when it ends

MakeSpec = Callable[[Release, str], Awaitable[WorkerSpec]]
"""Returns how to start a worker of a release."""


class Fleet:
    """The workers of all endpoints, in one engine."""

    def __init__(self, core: Core, engine: Engine, upstream: Upstream, make_spec: MakeSpec) -> None:
        self._core = core
        self._engine = engine
        self._upstream = upstream
        self._make_spec = make_spec
        self._releases: dict[str, Release] = {}
        self._endpoints: dict[str, str] = {}  # worker -> endpoint
        self._kinds: dict[str, WorkerKind] = {}
        self._lines: dict[str, deque[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._preparing = asyncio.Lock()
        self.addresses: dict[str, tuple[str, int]] = {}
        self.labels: dict[str, str] = {}
        core.act = self._act

    def add_release(self, release: Release) -> None:
        """Make a release known; the core starts workers of it by its id."""
        self._releases[release.id] = release

    def task(self, work: Awaitable[None]) -> None:
        """Do something in the background, until the fleet ends."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self) -> None:
        """Listen to the engine, until it is closed."""
        async for event in self._engine.events():
            match event:
                case Started(worker=worker, address=address):
                    self._started(worker, address)
                case Line(worker=worker):
                    self._line(event)
                case Exited(worker=worker):
                    self._exited(event)

    async def close(self) -> None:
        """Stop what runs in the background, and the engine with its workers."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._engine.close()

    # What is due ---------------------------------------------------------------------------------

    def _act(self, dispatcher: Dispatcher, effect: workers.Effect) -> None:
        endpoint = dispatcher.endpoint
        match effect:
            case workers.Start(worker, release):
                self._note(endpoint, worker, "starting", release=release)
                self.task(self._start(endpoint, worker, release))
            case workers.Drain(worker):
                self._note(endpoint, worker, "draining")
            case workers.Stop(worker, grace):
                self._note(endpoint, worker, "stopping")
                self.task(self._stop(endpoint, worker, grace))
            case workers.RolledOut(release) | workers.RolledBack(release):
                kind = "rolled out" if isinstance(effect, workers.RolledOut) else "rolled back"
                self._core.journal.note("release", endpoint=endpoint, release=release, state=kind)
            case workers.Crashed(worker, pause):
                lines = list(self._lines.get(worker, ()))
                self._note(endpoint, worker, "crashed", pause=pause, lines=lines)

    async def _start(self, endpoint: str, worker: str, release_id: str) -> None:
        self._endpoints[worker] = endpoint
        self._lines[worker] = deque(maxlen=_LINES)
        release = self._releases[release_id]
        self._kinds[worker] = release.kind
        self.labels[worker] = release.label
        try:
            spec = await self._make_spec(release, worker)
            async with self._preparing:  # workers that start together need the same packages
                await self._engine.prepare([spec])
            if worker not in self._core.dispatchers[endpoint].pool.workers:
                return
            await self._engine.start(spec)
        except (EngineError, ArtifactError) as error:
            self._lines[worker].append(str(error))
            self._ended(worker, str(error))
        except Exception as error:  # a bug of flashc: nobody may wait for this worker
            self._ended(worker, f"flashc could not start it: {type(error).__name__}: {error}")
            raise

    async def _stop(self, endpoint: str, worker: str, grace: float) -> None:
        """Stop a worker.  Its open polls are answered while it ends: a poll that stays open delays its end."""
        stopping = asyncio.ensure_future(self._engine.stop(worker, grace))
        await asyncio.sleep(0)
        self._core.answer_polls(endpoint, worker)
        with suppress(EngineError):
            await stopping
        if worker not in self._endpoints:  # it never started
            self._core.worker_ended(endpoint, worker, "it was stopped before it started")

    # What happens --------------------------------------------------------------------------------

    def _started(self, worker: str, address: tuple[str, int] | None) -> None:
        endpoint = self._endpoints[worker]
        self._note(endpoint, worker, "initializing")
        self._core.workers_event(endpoint, workers.Began(worker))
        if address is not None and self._kinds[worker] is WorkerKind.LOAD_BALANCED:
            self.addresses[worker] = address
            self.task(self._probe(endpoint, worker, address))

    async def _probe(self, endpoint: str, worker: str, address: tuple[str, int]) -> None:
        """Ask a load-balanced worker until it is healthy; 204 means that it still initializes."""
        while worker in self._endpoints:
            status = 0
            with suppress(UpstreamError, TimeoutError):
                async with asyncio.timeout(_PROBE_TIMEOUT):
                    status = await self._upstream.status(address, b"/ping")
            if status == 200:
                self._core.worker_ready(endpoint, worker)
                return
            await asyncio.sleep(_PROBE_PAUSE)

    def _line(self, event: Line) -> None:
        if event.worker in self._lines:
            self._lines[event.worker].append(event.text)
        self._core.journal.note(
            "line",
            endpoint=self._endpoints.get(event.worker),
            worker=event.worker,
            stream=event.stream,
            text=event.text,
        )

    def _exited(self, event: Exited) -> None:
        reason = "it used more memory than its limit" if event.oom else f"exit code {event.code}"
        last = list(self._lines.get(event.worker, ()))[-3:]
        self._ended(event.worker, "; ".join([reason, *last]))

    def _ended(self, worker: str, reason: str) -> None:
        endpoint = self._endpoints.pop(worker, None)
        if endpoint is None:
            return
        address = self.addresses.pop(worker, None)
        if address is not None:
            self._upstream.forget(address)
        self.labels.pop(worker, None)
        self._note(endpoint, worker, "ended", reason=reason)
        self._core.worker_ended(endpoint, worker, reason)
        self._lines.pop(worker, None)
        self._kinds.pop(worker, None)

    def _note(self, endpoint: str, worker: str, state: str, **more: object) -> None:
        self._core.journal.note("worker", endpoint=endpoint, worker=worker, state=state, **more)
