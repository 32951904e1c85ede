"""Start and stop workers on an engine as the core asks, check their health, and report their events to the core."""

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
from .faults import ColdStart, NoStock, OldRelease, Point, first
from .releases import Release
from .upstream import Upstream, UpstreamError
from .worker_steps import STOP_GRACE

_PROBE_PAUSE = 0.05
PROBE_TIMEOUT = 5.0
HEALTH_PAUSE = 10.0  # between the health checks of a ready worker
_MISSED_CHECKS = 3  # in a row; then a worker is replaced
_STOPPED_EARLY = "it was stopped before it started"
_LINES = 20  # the last lines of a worker that are shown when it ends

MakeSpec = Callable[[Release, str], Awaitable[WorkerSpec]]
"""A function that returns the description of a worker to start, from its release and its id."""


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
        self._newest: dict[str, list[Release]] = {}  # endpoint -> its last two releases
        core.act = self._act
        core.faults.kill = self._kill

    def add_release(self, release: Release) -> None:
        """Register a release, so that the core can start its workers by the id of the release."""
        self._releases[release.id] = release

    def run_in_background(self, work: Awaitable[None]) -> None:
        """Run an awaitable in the background; it is cancelled when the fleet closes."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self) -> None:
        """Process the events of the engine until the engine is closed."""
        async for event in self._engine.events():
            match event:
                case Started(worker=worker, address=address):
                    self._note_start(worker, address)
                case Line(worker=worker):
                    self._keep_line(event)
                case Exited(worker=worker):
                    self._note_exit(event)

    async def close(self) -> None:
        """Cancel the tasks in the background, and close the engine, which ends its workers."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._engine.close()

    # What is due ---------------------------------------------------------------------------------

    def _act(self, dispatcher: Dispatcher, effect: workers.Effect) -> None:
        """Do what the core decided about a worker or a release: start, stop, or note it in the journal."""
        endpoint = dispatcher.endpoint
        match effect:
            case workers.Start(worker, release):
                self._note_state(endpoint, worker, "starting", release=release)
                self.run_in_background(self._start(endpoint, worker, self._releases[release]))
            case workers.Drain(worker):
                self._note_state(endpoint, worker, "draining")
            case workers.Stop(worker, grace):
                self._note_state(endpoint, worker, "stopping")
                self.run_in_background(self._stop(endpoint, worker, grace))
            case workers.RolledOut(release) | workers.RolledBack(release):
                kind = "rolled out" if isinstance(effect, workers.RolledOut) else "rolled back"
                self._core.journal.note("release", endpoint=endpoint, release=release, state=kind)
                self._forget_releases(endpoint)
            case workers.Crashed(worker, pause):
                lines = list(self._lines.get(worker, ()))
                self._note_state(endpoint, worker, "crashed", pause=pause, lines=lines)

    def _forget_releases(self, endpoint: str) -> None:
        """Remove an endpoint's releases that no worker will start from any more."""
        dispatcher = self._core.dispatchers.get(endpoint)
        used: set[str | None] = set()
        if dispatcher is not None and not dispatcher.pool.closed:
            used = {dispatcher.pool.serving, dispatcher.pool.candidate}
        for release in list(self._releases.values()):
            if release.endpoint == endpoint and release.id not in used:
                del self._releases[release.id]

    async def _start(self, endpoint: str, worker: str, release: Release) -> None:
        """Prepare and start a worker; if that fails, report to the core that the worker ended."""
        self._endpoints[worker] = endpoint
        self._lines[worker] = deque(maxlen=_LINES)
        release = self._release_for(endpoint, worker, release)
        self._kinds[worker] = release.kind
        self.labels[worker] = release.label
        try:
            spec = await self._make_spec(release, worker)
            async with self._preparing:  # workers that start together need the same packages
                await self._engine.prepare([spec])
            if self._is_wanted(endpoint, worker):  # a wait can be ended only after it began
                await self._delay_start(endpoint, worker, release.kind)
            if not self._is_wanted(endpoint, worker):
                self._note_end(worker, _STOPPED_EARLY)
                return
            await self._engine.start(spec)
            # If the worker was stopped before this line, the engine did not know it and did nothing.
            if not self._is_wanted(endpoint, worker):
                await self._engine.stop(worker, STOP_GRACE)
        except (EngineError, ArtifactError, OSError) as error:  # OSError: too many open files
            self._lines[worker].append(str(error))
            self._note_end(worker, str(error))
        except Exception as error:  # a bug of flashc: the core must not wait for this worker
            self._note_end(worker, f"flashc could not start it: {type(error).__name__}: {error}")
            raise

    def _release_for(self, endpoint: str, worker: str, release: Release) -> Release:
        """Return the release that a worker runs; the fault `old-release` replaces it by the release before it."""
        others = [known for known in self._newest.get(endpoint, ()) if known.id != release.id]
        self._newest[endpoint] = [*others[-1:], release]
        if not others:
            return release
        found = self._core.faults.faults_at(Point.UPDATE, endpoint, worker=worker)
        return release if first(found, OldRelease) is None else others[-1]

    async def _delay_start(self, endpoint: str, worker: str, kind: WorkerKind) -> None:
        """Apply the injected faults at a worker's start: wait as `no-stock` and `cold-start` say, count it for `idle-worker`."""
        faults = self._core.faults
        if kind is WorkerKind.QUEUE:
            faults.note_worker(endpoint, worker)
        found = faults.faults_at(Point.START, endpoint, worker=worker)
        pause = faults.stock_seconds(endpoint, first(found, NoStock))
        if pause:
            faults.throttled.add(worker)
            self._note_state(endpoint, worker, "throttled", pause=pause)
            await faults.pause(worker, pause)
            faults.throttled.discard(worker)
        cold = first(found, ColdStart)
        if cold is not None:
            await faults.pause(worker, cold.seconds)

    async def _kill(self, worker: str) -> None:
        """Kill a worker's process; the engine then reports the end of the worker as usual."""
        if worker in self._endpoints:
            with suppress(EngineError):
                await self._engine.stop(worker, 0.0)

    def _is_wanted(self, endpoint: str, worker: str) -> bool:
        """Return whether a worker is still to run: the core has not stopped it in the meantime."""
        dispatcher = self._core.dispatchers.get(endpoint)
        known = dispatcher.pool.workers.get(worker) if dispatcher is not None else None
        return known is not None and known.serves

    async def _stop(self, endpoint: str, worker: str, grace: float) -> None:
        """Stop a worker, and end its open polls while it stops, because an open poll would delay its end."""
        self._core.faults.end_pause(worker)
        stopping = asyncio.ensure_future(self._engine.stop(worker, grace))
        await asyncio.sleep(0)
        self._core.answer_polls(endpoint, worker)
        with suppress(EngineError):
            await stopping
        if worker not in self._endpoints:  # it never started
            self._core.note_worker_end(endpoint, worker, _STOPPED_EARLY)

    # What happens --------------------------------------------------------------------------------

    def _note_start(self, worker: str, address: tuple[str, int] | None) -> None:
        """Note that a worker's program runs; begin to send health checks if it serves requests."""
        endpoint = self._endpoints[worker]
        self._note_state(endpoint, worker, "initializing")
        self._core.apply_to_workers(endpoint, workers.ProcessStarted(worker))
        if address is not None and self._kinds[worker] is WorkerKind.LOAD_BALANCED:
            self.addresses[worker] = address
            self.run_in_background(self._probe(endpoint, worker, address))

    async def _probe(self, endpoint: str, worker: str, address: tuple[str, int]) -> None:
        """Send health checks to a load-balanced worker: until it is ready, then from time to time.

        A worker answers with 200 when it is ready, and with 204 while it initializes.  If a ready worker misses several
        checks, another worker takes its place.  The old worker ends only when its requests have ended, because code
        that computes for a long time prevents the answer to a check too.
        """
        while worker in self._endpoints:
            if await self._check_health(address):
                self._core.note_ready_for_requests(endpoint, worker)
                break
            await asyncio.sleep(_PROBE_PAUSE)
        missed = 0
        while missed < _MISSED_CHECKS:
            await asyncio.sleep(HEALTH_PAUSE)
            if worker not in self._endpoints:
                return
            missed = 0 if await self._check_health(address) else missed + 1
        if worker in self._endpoints:
            self._note_state(endpoint, worker, "unhealthy", reason="it does not answer /ping")
            self._core.apply_to_workers(endpoint, workers.Recycled(worker))

    async def _check_health(self, address: tuple[str, int]) -> bool:
        """Send a health check to a worker; return whether it answers that it is ready."""
        with suppress(UpstreamError, TimeoutError):
            async with asyncio.timeout(PROBE_TIMEOUT):
                return await self._upstream.probe(address, b"/ping") == 200
        return False

    def _keep_line(self, event: Line) -> None:
        """Keep a line that a worker printed, and add it to the journal."""
        if event.worker in self._lines:
            self._lines[event.worker].append(event.text)
        self._core.journal.note(
            "line",
            endpoint=self._endpoints.get(event.worker),
            worker=event.worker,
            stream=event.stream,
            text=event.text,
        )

    def _note_exit(self, event: Exited) -> None:
        """Handle the engine's event that a worker is gone: report the end to the core, with the exit code and the last lines."""
        reason = "it used more memory than its limit" if event.oom else f"exit code {event.code}"
        last = list(self._lines.get(event.worker, ()))[-3:]
        self._note_end(event.worker, "; ".join([reason, *last]))

    def _note_end(self, worker: str, reason: str) -> None:
        """Forget a worker that has ended, and report its end to the core."""
        endpoint = self._endpoints.pop(worker, None)
        if endpoint is None:
            return
        address = self.addresses.pop(worker, None)
        if address is not None:
            self._upstream.forget(address)
        self.labels.pop(worker, None)
        self._core.faults.forget(worker)
        self._note_state(endpoint, worker, "ended", reason=reason)
        self._core.note_worker_end(endpoint, worker, reason)
        self._forget_releases(endpoint)
        self._lines.pop(worker, None)
        self._kinds.pop(worker, None)

    def _note_state(self, endpoint: str, worker: str, state: str, **more: object) -> None:
        """Add the new state of a worker to the journal."""
        self._core.journal.note("worker", endpoint=endpoint, worker=worker, state=state, **more)
