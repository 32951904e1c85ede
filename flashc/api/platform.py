"""Run the local platform alone, for the tools and SDKs of Runpod, and find a platform that runs."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from flashc_backends.platform import clients
from flashc_backends.platform.clients import Running
from flashc_backends.platform.engines.choice import EngineName, start_on_engine
from flashc_backends.platform.faults import Faults
from flashc_backends.platform.state import state_folder
from flashc_core import rules
from flashc_core.cache import open_store
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile

from .result import Result

if TYPE_CHECKING:
    from flashc_backends.platform.engines.base import Engine


class PlatformSettings(Struct, frozen=True, kw_only=True):
    """The choices of the user for a platform.

    `state` is the folder of apps, endpoints and jobs; None is the default folder.  With `port` 0, the platform takes a
    free port.  With `durable`, not even a power failure loses a job.  The APIs in `retired` answer with status 410, as
    announced for the cloud.  `faults` are failures that the user asks for, for tests.  `otlp` is the URL of a collector of
    traces.
    """

    engine: EngineName = "auto"
    state: Path | None = None
    port: int = 0
    durable: bool = False
    retired: frozenset[str] = frozenset()
    faults: Faults = Faults()
    otlp: str | None = None


class PlatformResult(Result, frozen=True, kw_only=True):
    """The result of a platform that has ended; if it was stopped by a signal, there are no diagnostics."""


def find_platform(state: Path | None = None) -> Running | None:
    """Find the running platform that uses a state folder; return None if there is none."""
    return clients.find_running(_state_of(state))


def run_platform(
    settings: PlatformSettings, *, ready: Callable[[Running], None], report: Callable[[str], None]
) -> PlatformResult:
    """Run the platform until this process gets SIGINT, SIGTERM or SIGHUP.

    Args:
        settings: the choices of the user.
        ready: a function that is called when clients can reach the platform.
        report: a function that is called with a short text about what the platform does.
    """
    import uvloop

    from flashc_backends.platform.engines.base import EngineError
    from flashc_backends.platform.http.port import PortTaken
    from flashc_backends.platform.otlp import ExportError
    from flashc_backends.platform.store import StoreError

    sink = Sink()
    folder = _state_of(settings.state)
    where = WholeFile(str(folder))
    try:
        with (
            clients.lock_folder(folder),
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            runner.run(_run(settings, folder, ready, report))
    except clients.AlreadyRuns:
        sink.report(
            rules.PLATFORM_RUNS,
            where,
            "another platform already uses this state folder",
            help=(
                "run `flashc platform env` to see its address",
                "use `--state FOLDER` to use another folder",
            ),
        )
    except EngineError as error:
        sink.report(error.rule, where, str(error), notes=error.notes, help=error.help)
    except ExportError as error:
        sink.report(error.rule, where, str(error), help=error.help)
    except PortTaken as error:
        sink.report(
            rules.PORT_TAKEN,
            where,
            str(error.strerror),
            help=("choose another one with `--port`, or omit `--port` to get a free port",),
        )
    except (StoreError, OSError) as error:
        sink.report(
            rules.STATE_FAILED,
            where,
            f"the state can't be used: {error}",
            help=("free space or correct the permissions, or use `--state FOLDER`",),
        )
    return PlatformResult(diagnostics=tuple(sink))


def _state_of(state: Path | None) -> Path:
    """Return the state folder: the given one, else the user's."""
    return state.absolute() if state is not None else state_folder() / "platform"


async def _run(
    settings: PlatformSettings,
    folder: Path,
    ready: Callable[[Running], None],
    report: Callable[[str], None],
) -> None:
    """Run the platform until a signal arrives; `ready` gets how to reach it."""
    from flashc_backends.platform.assembly import LocalPlatform

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)

    async def start(engine: Engine) -> LocalPlatform:
        """Start the platform on an engine."""
        return await LocalPlatform.start(
            engine,
            folder=folder,
            port=settings.port,
            durable=settings.durable,
            retired=settings.retired,
            faults=settings.faults,
            otlp=settings.otlp,
        )

    platform = await start_on_engine(
        settings.engine,
        start,
        docker=partial(_make_docker_engine, report),
        processes=partial(_make_process_engine, folder, report),
        note=report,
    )
    try:
        running = Running(
            port=platform.port,
            key=platform.key,
            bundle=str(platform.authority.bundle_path),
            engine=platform.engine.name if platform.engine is not None else "",
            page=platform.page_link(),
        )
        clients.announce(folder, running)
        ready(running)
        await stop.wait()
    finally:
        await platform.close()


def _make_docker_engine(report: Callable[[str], None]) -> Engine:
    """Make the engine for containers."""
    from flashc_backends.platform.engines.docker_engine import DockerEngine

    return DockerEngine(cache=open_store().folder, report=report)


def _make_process_engine(folder: Path, report: Callable[[str], None]) -> Engine:
    """Make the engine for processes."""
    from flashc_backends.platform.engines.process import ProcessEngine

    workers = folder / "workers"
    workers.mkdir(exist_ok=True)
    return ProcessEngine(
        cache=open_store().folder,
        folder=workers,
        volumes=state_folder() / "volumes",
        report=report,
    )
