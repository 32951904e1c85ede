"""Run the preview of a built app until it is stopped, and remove what killed previews have left."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Iterator

import uvloop

from flashc.project.workspace import Workspace
from flashc_backends.manifest.documents import read_document
from flashc_backends.manifest.manifest_model import Manifest
from flashc_backends.preview.preview import Listener, Preview, PreviewError, Settings
from flashc_backends.preview.registry import read_entries
from flashc_core.cache import open_store
from flashc_core.source import WholeFile

from .preview_plan import PlanResult
from .result import Result


class PreviewResult(Result, frozen=True, kw_only=True):
    """The result of a preview that has ended; if it was stopped by a signal, there are no diagnostics."""


def run_preview(
    workspace: Workspace, planned: PlanResult, settings: Settings, listener: Listener
) -> PreviewResult:
    """Run a preview until this process gets SIGINT, SIGTERM or SIGHUP; then end its workers and remove its files.

    Args:
        workspace: the project.
        planned: the result of `build_preview`, without errors.
        settings: the choices of the user.
        listener: shows what happens.
    """
    assert planned.plan is not None
    assert planned.artifact is not None
    assert planned.manifest is not None
    preview = Preview(
        plan=planned.plan,
        manifest=read_document(planned.manifest.read_bytes(), Manifest),
        artifact=planned.artifact,
        project=workspace.root,
        cache=workspace.cache.folder,
        settings=settings,
        listener=listener,
    )
    sink = workspace.sink()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run_until_signal(preview))
    except PreviewError as error:
        sink.report(error.rule, WholeFile("."), str(error), notes=error.notes, help=error.help)
    return PreviewResult(diagnostics=tuple(sink))


async def _run_until_signal(preview: Preview) -> None:
    """Run a preview until this process gets SIGINT, SIGTERM or SIGHUP."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    await preview.run(stop)


def clean_previews(everything: bool) -> Iterator[str]:
    """Remove what killed previews have left, and yield a line for each removal.

    With `everything`, also remove the packages and images that flashc made for workers; the next preview makes them
    again.
    """
    for entry in read_entries():
        if not entry.record.is_running:
            entry.remove()
            yield f"{entry.record.id}: its folder is removed"
    workers = open_store().folder / "workers"
    if everything and workers.is_dir():
        shutil.rmtree(workers, ignore_errors=True)
        yield f"the packages of workers in {workers} are removed"
    from flashc_backends.platform.engines.cleaning import clean_docker  # few need it

    yield from clean_docker(images=everything)
