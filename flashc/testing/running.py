"""Run the app under test on the local platform, with its workers as processes, in a thread of the test run."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Generator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import httpx
import msgspec
import uvloop

from flashc.api.result import render_diagnostics
from flashc_backends.platform import workers
from flashc_backends.platform.fault_file import WrongFaults, faults_of, unknown_endpoints
from flashc_backends.platform.faults import Fault, Faults
from flashc_backends.preview.preview import Happening, Preview, PreviewError, Settings
from flashc_backends.preview.registry import Record
from flashc_backends.runtime.platform import Location
from flashc_core.source import WholeFile

from .app import SECONDS, App
from .building import BuiltApp, NotBuilt

_T = TypeVar("_T")
_ROUNDS = 3  # of the platform's event loop, in which it reads what workers have printed


class WrongFault(ValueError):
    """The faults of a test can't be used."""


class _Stage(Preview):
    """A preview whose workers can be replaced, and whose faults can be set."""

    async def set_faults(self, faults: Faults) -> None:
        """Replace the faults, and count all events from 1 again."""
        assert self._platform is not None
        self._platform.core.faults.replace_faults(faults)

    async def replace_workers(self) -> None:
        """Cancel all jobs, end all workers, and wait until every endpoint has a new worker that is ready.

        Raises:
            WorkerFailed: a new worker ended before it was ready.
            TimeoutError: an endpoint has no ready worker in time.
        """
        platform = self._platform
        assert platform is not None
        core, since = platform.core, platform.journal.last
        for endpoint, dispatcher in core.dispatchers.items():
            for job in list(dispatcher.jobs):
                dispatcher.cancel(job, time.time())
            for worker in list(dispatcher.pool.workers):
                core.apply_to_workers(endpoint, workers.Killed(worker))
        await platform.wait_until_ready(SECONDS, since=since)

    async def read_output(self) -> None:
        """Let the platform read what the workers have printed until now."""
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)


class _Listener:
    """Keeps what workers print; `ready` is done when every endpoint answers."""

    def __init__(self) -> None:
        self.ready: Future[Record] = Future()
        self.lines: list[str] = []

    def show_phase(self, text: str) -> None:
        """Show nothing."""

    def show_note(self, text: str) -> None:
        """Show nothing."""

    def show_ready(self, record: Record) -> None:
        """Keep the addresses of the endpoints."""
        self.ready.set_result(record)

    def show_entry(self, happening: Happening) -> None:
        """Keep a line that a worker has printed, and why a worker ended."""
        what = happening.what
        if happening.kind == "line":
            self.lines.append(f"{happening.endpoint}: {what['text']}")
        elif happening.kind == "worker" and what["state"] == "crashed":
            self.lines.append(f"{happening.endpoint}: a worker has ended")


class RunningApp(App):
    """An app whose workers are processes of this machine, as `flashc preview --engine process` runs them."""

    def __init__(self, built: BuiltApp, stage: _Stage, listener: _Listener) -> None:
        super().__init__(built.program)
        self._stage, self._listener = stage, listener
        self._record = listener.ready.result()
        self._places = {each.endpoint: each for each in self._record.addresses}
        self._loop: asyncio.AbstractEventLoop | None = None

    def connect(self, loop: asyncio.AbstractEventLoop) -> None:
        """Set the event loop on which the platform runs."""
        self._loop = loop

    @property
    def url(self) -> str:
        """The URL of the local platform."""
        return self._record.url

    @property
    def key(self) -> str:
        """The API key of the local platform."""
        return self._record.key

    @property
    def printed(self) -> tuple[str, ...]:
        """The lines that the workers have printed since the start, each with the name of its endpoint."""
        if self._loop is not None and not self._loop.is_closed():
            self._do(self._stage.read_output())
        return tuple(self._listener.lines)

    def replace_workers(self) -> None:
        """Cancel all jobs, end all workers, and wait for new ones; state in the memory of workers is lost.

        Raises:
            WorkerFailed: a new worker ended before it was ready.
        """
        self._do(self._stage.replace_workers())

    def set_faults(self, faults: Sequence[Fault | Mapping[str, Any]], *, seed: int = 0) -> None:
        """Replace the faults that the platform makes happen, and count events from 1 again.

        A fault is an object of `flashc.testing.faults`, or a mapping with the keys of a faults file.

        Raises:
            WrongFault: a fault can't be used, or names an endpoint that the app does not have.
        """
        listed = [msgspec.to_builtins(fault) for fault in faults]
        try:
            found = faults_of({"seed": seed, "fault": listed})
        except WrongFaults as error:
            raise WrongFault(str(error)) from None
        problems = unknown_endpoints(found, self.endpoints, "")
        if problems:
            raise WrongFault("; ".join(f"{each.message}: {each.help}" for each in problems))
        self._do(self._stage.set_faults(found))

    def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine on the event loop of the platform, and return its result."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(2 * SECONDS)

    def _location(self, resource: str) -> Location:
        """Return where an endpoint is."""
        place = self._places[resource]
        headers = {"Authorization": f"Bearer {self.key}"}
        return Location(
            jobs=f"{self.url}/v2/{place.id}",
            web=f"{self.url}/lb/{place.id}",
            headers=headers,
            sentinel=False,
        )

    def _open(self) -> httpx.Client:
        """Return a new client."""
        return httpx.Client(timeout=SECONDS, trust_env=False)

    def _open_async(self) -> httpx.AsyncClient:
        """Return a new client for the running event loop."""
        return httpx.AsyncClient(timeout=SECONDS, trust_env=False)


@contextmanager
def running(built: BuiltApp) -> Generator[RunningApp, None, None]:
    """Run an app until the block ends, in whatever way it ends.

    Raises:
        NotBuilt: the app does not start.
    """
    listener = _Listener()
    stage = _Stage(
        plan=built.plan,
        manifest=built.manifest,
        artifact=built.artifact,
        project=built.workspace.root,
        cache=built.workspace.cache.folder,
        settings=Settings(engine="process", environ=dict(built.workspace.environment)),
        listener=listener,
    )
    platform = _PlatformThread(stage, listener)
    app: RunningApp | None = None
    try:
        platform.start()
        app = _wait(built, stage, listener)
        app.connect(platform.loop.result())
        yield app
    finally:
        if app is not None:
            app.close_client()
        platform.end()


def _wait(built: BuiltApp, stage: _Stage, listener: _Listener) -> RunningApp:
    """Wait until the app runs.

    Raises:
        NotBuilt: it does not start.
    """
    try:
        listener.ready.result()
    except PreviewError as error:
        sink = built.workspace.sink()
        sink.report(error.rule, WholeFile("."), str(error), notes=error.notes, help=error.help)
        raise NotBuilt(render_diagnostics(built.workspace, sink)) from None
    return RunningApp(built, stage, listener)


class _PlatformThread:
    """The thread in which the platform runs."""

    def __init__(self, stage: _Stage, listener: _Listener) -> None:
        self._stage, self._listener = stage, listener
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="flashc-platform", daemon=True)
        self.loop: Future[asyncio.AbstractEventLoop] = Future()

    def start(self) -> None:
        """Start the platform; the listener learns when it is ready."""
        self._thread.start()

    def _run(self) -> None:
        """Run the platform until `end` is called; a failure before it is ready goes to the listener."""
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                self.loop.set_result(runner.get_loop())
                runner.run(self._stage.run(self._stop))
        except BaseException as error:
            if self._listener.ready.done():
                raise
            self._listener.ready.set_exception(error)

    def end(self) -> None:
        """End the workers and the platform, and wait until they have ended."""
        if self._thread.ident is None:  # it was not started
            return
        with suppress(RuntimeError):  # the platform has ended
            self.loop.result().call_soon_threadsafe(self._stop.set)
        self._thread.join()
