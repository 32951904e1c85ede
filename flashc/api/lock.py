"""Resolve the package requirements of a project and write `flash.lock`."""

from __future__ import annotations

from flashc.compile import compile_project
from flashc.frontend.dialect import Dialect
from flashc.project.workspace import Workspace
from flashc_backends.base import Progress
from flashc_backends.dependencies.lock import Lock, render
from flashc_backends.dependencies.requirements import collect_request
from flashc_backends.dependencies.resolution import resolve
from flashc_backends.dependencies.tools import DependencyError
from flashc_backends.dependencies.unnamed import with_names
from flashc_backends.write import CannotWrite, report_write_failures
from flashc_core.files import LOCK_FILE, write_file

from .backend_context import backend_context
from .result import Result


class LockResult(Result, frozen=True, kw_only=True):
    """The packages that a project's requirements resolve to.

    Attributes:
        lock: the lock that was written, None if there are errors.
    """

    lock: Lock | None


def lock_project(
    workspace: Workspace,
    *,
    upgrade: bool = False,
    dialects: tuple[Dialect, ...] | None = None,
    progress: Progress | None = None,
) -> LockResult:
    """Compile an opened project, resolve its requirements, and write its `flash.lock`.

    If the package index can't be reached or the file can't be written, a diagnostic says so, and
    `flash.lock` does not change.

    Args:
        workspace: the project.
        upgrade: take the newest versions instead of those of the old lock.
        dialects: the SDKs that the program may be written for; Flash if None.
        progress: gets reports of what is done; see `flashc_backends.base.Progress`.
    """
    sink = workspace.sink()
    program = compile_project(workspace, sink, dialects=dialects).program
    lock: Lock | None = None
    if program is not None:
        environment = workspace.environment.recording()
        context = backend_context(workspace, sink, environment, progress).dependencies
        try:
            program = with_names(program, context)
            request = collect_request(program, context)
            lock = resolve(program, request, context, upgrade=upgrade)
            with report_write_failures(workspace.root / LOCK_FILE, sink):
                write_file(workspace.root / LOCK_FILE, render(lock).encode())
        except (DependencyError, CannotWrite):
            lock = None  # the failure is already reported
    return LockResult(diagnostics=tuple(sink), lock=lock)
