"""Run a project while the user edits it: compile it after each change, and replace the workers that the change concerns."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import uvloop
from msgspec import structs
from watchfiles import Change, DefaultFilter, awatch

from flashc.compile import compile_project
from flashc.project.workspace import Workspace
from flashc_backends.artifact.parts import collect_parts
from flashc_backends.base import Progress
from flashc_backends.manifest.documents import read_document
from flashc_backends.manifest.manifest_model import Manifest
from flashc_backends.preview.contents import contents_of
from flashc_backends.preview.development import Development, DevelopmentListener, ProjectVersion
from flashc_backends.preview.plan import PREVIEW, PreviewPlan
from flashc_backends.preview.preview import PreviewError, Settings, disk_error, new_id
from flashc_backends.preview.registry import make_folder
from flashc_backends.preview.trees import Trees
from flashc_core import rules
from flashc_core.diagnostics import Diagnostic, Severity
from flashc_core.source import WholeFile

from .backend_context import backend_context
from .preview import PreviewResult

_STEP, _DEBOUNCE, _TICK = 10, 50, 200  # milliseconds
_GENERATED = (".flash", ".runpod")


class Listener(DevelopmentListener, Protocol):
    """Shows what a development session does, and what the compiler finds."""

    def show_findings(self, workspace: Workspace, diagnostics: Sequence[Diagnostic]) -> None:
        """Show the findings of a compilation; `diagnostics` is empty if there are none."""
        ...


class _Builder:
    """Compiles the project again and again; `workspace` is the newest state of the project."""

    def __init__(self, workspace: Workspace, folder: Path, listener: Listener) -> None:
        self.workspace = workspace
        self._trees = Trees(folder / "trees")
        self._folder = folder
        self._listener = listener
        self.found: tuple[Diagnostic, ...] = ()
        self._is_shown = False

    def build(
        self, progress: Progress | None = None, *, only_news: bool = False
    ) -> ProjectVersion | None:
        """Compile the project, show the findings, and write its unpacked artifact; return what a development session runs.

        The result is None if the project has errors or no endpoint to run.  With `only_news`, the listener is not
        called if the findings are equal to those of the last compilation.

        Raises:
            OSError: the files of the version can't be written.
        """
        sink = self.workspace.sink()
        version: ProjectVersion | None = None
        compiled = compile_project(self.workspace, sink)
        if compiled.program is not None:
            context = backend_context(
                self.workspace, sink, self.workspace.environment.recording(), progress
            )
            with tempfile.TemporaryDirectory(prefix="build-", dir=self._folder) as scratch:
                parts = collect_parts(compiled.program, context, Path(scratch), forecast=True)
                plan = PREVIEW.emit(compiled.program, context) if parts is not None else None
                if parts is not None and isinstance(plan, PreviewPlan):
                    if not plan.endpoints:
                        sink.report(
                            rules.NOTHING_TO_RUN,
                            WholeFile("."),
                            f"`{plan.app}` has no endpoint that this machine can run",
                            help=("declare a function, a class or routes as an endpoint",),
                        )
                    else:
                        version = ProjectVersion(
                            plan=plan,
                            manifest=read_document(parts.manifest.read(), Manifest),
                            tree=self._trees.write(parts),
                            held=contents_of(compiled.program, parts),
                        )
        found = tuple(sink)
        if not only_news or found != self.found or not self._is_shown:
            self._listener.show_findings(self.workspace, found)
        self.found, self._is_shown = found, True
        return version

    def rebuild(self, *, only_news: bool = False) -> ProjectVersion | None:
        """Read the project from disk again, and call `build`.

        Raises:
            OSError: the files of the version can't be written.
        """
        self.workspace = self.workspace.reopen()
        return self.build(only_news=only_news)


def run_dev(
    workspace: Workspace,
    settings: Settings,
    listener: Listener,
    *,
    progress: Progress | None = None,
) -> PreviewResult:
    """Run a project until this process gets SIGINT, SIGTERM or SIGHUP; then end its workers and remove its files.

    The findings of the compiler go to the listener; the result has the findings that prevent the start.
    """
    settings = structs.replace(settings, id=settings.id or new_id(workspace.root.name))
    assert settings.id is not None
    sink = workspace.sink()
    folder: Path | None = None
    try:
        folder = make_folder(settings.id)
        builder = _Builder(workspace, folder, listener)
        first = builder.build(progress)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(builder, first, settings, listener))
    except (PreviewError, OSError) as error:
        found = error if isinstance(error, PreviewError) else disk_error(error)
        sink.report(found.rule, WholeFile("."), str(found), notes=found.notes, help=found.help)
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
    return PreviewResult(diagnostics=tuple(sink))


async def _run(
    builder: _Builder, first: ProjectVersion | None, settings: Settings, listener: Listener
) -> None:
    """Run the development session until a signal ends it; without `first`, wait for a version that can run."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if first is None:
        first = await _wait_for_version(builder, stop, listener)
        if first is None:
            return
    settings = structs.replace(settings, environ=dict(builder.workspace.environment))
    development = Development(
        version=first,
        project=builder.workspace.root,
        cache=builder.workspace.cache.folder,
        settings=settings,
        listener=listener,
    )
    reloading = asyncio.create_task(_reload(development, builder, stop))
    # If the task fails, the session ends; otherwise it would go on and ignore all edits.
    reloading.add_done_callback(lambda _task: stop.set())
    try:
        await development.run(stop)
    finally:
        reloading.cancel()
        with suppress(asyncio.CancelledError):
            await reloading


async def _wait_for_version(
    builder: _Builder, stop: asyncio.Event, listener: Listener
) -> ProjectVersion | None:
    """Wait until the project can run, and return it as a version; return None if `stop` is set before that."""
    is_first = True  # the first turn finds the files that were saved before the watcher ran
    async for _ in _save_times(builder.workspace.root, stop, at_once=True):
        version = await asyncio.to_thread(builder.rebuild, only_news=is_first)
        if version is not None:
            return version
        listener.show_note("nothing runs until you correct the errors")
        is_first = False
    return None


async def _reload(development: Development, builder: _Builder, stop: asyncio.Event) -> None:
    """Compile the project after each change, and give the session the new version or the reason why there is none."""
    is_first = True  # the first turn finds the files that were saved before the watcher ran
    async for saved in _save_times(builder.workspace.root, stop, at_once=True):
        try:
            version = await asyncio.to_thread(builder.rebuild, only_news=is_first)
        except OSError as error:
            development.keep_old(f"the new code can't be written: {error}")
            continue
        if version is None:
            development.keep_old(_first_error(builder))
        else:
            environ = dict(builder.workspace.environment)
            await development.reload(version, environ, saved, only_news=is_first)
        is_first = False


async def _save_times(
    root: Path, stop: asyncio.Event, *, at_once: bool = False
) -> AsyncIterator[float]:
    """After each change below `root`, yield the time at which the newest changed file was saved.

    The time is in seconds since the epoch.

    With `at_once`, the first value comes as soon as the watcher runs, so that no change before that is lost.
    """
    ignored = (*DefaultFilter.ignore_dirs, *_GENERATED)
    async for changes in awatch(
        root,
        watch_filter=DefaultFilter(ignore_dirs=ignored),
        step=_STEP,
        debounce=_DEBOUNCE,
        rust_timeout=_TICK,
        stop_event=stop,
        yield_on_timeout=at_once,
    ):
        if changes or at_once:
            at_once = False
            yield await asyncio.to_thread(_newest_save, changes)


def _first_error(builder: _Builder) -> str:
    """Return the first error of the last compilation, in one line."""
    for found in builder.found:
        if found.severity is Severity.ERROR:
            return f"{found.path}:{found.line}: {found.message}"
    return "the project has errors"


def _newest_save(changes: Iterable[tuple[Change, str]]) -> float:
    """Return the time at which the newest of some changed files was saved; the present time if none exists any more."""
    found: list[float] = []
    for _, path in changes:
        try:
            found.append(Path(path).stat().st_mtime)
        except OSError:
            continue
    return min(max(found, default=time.time()), time.time())
