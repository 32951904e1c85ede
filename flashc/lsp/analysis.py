"""Compile a project with the unsaved files of an editor."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from flashc.api.program import inspect_program
from flashc.project.options import PYPROJECT
from flashc.project.workspace import Workspace, open_workspace
from flashc_core.cache import open_store
from flashc_core.diagnostics import Diagnostic
from flashc_core.source import Lines
from flashc_ir.program import Program

# A folder with one of these files is a project.
_MARKS = (PYPROJECT, "requirements.txt", ".flashignore", ".flash")


class Analysis(Struct, frozen=True, eq=False, kw_only=True):
    """One state of a project.  Parts of `program` may be missing because of errors."""

    workspace: Workspace
    program: Program | None
    diagnostics: tuple[Diagnostic, ...]

    def lines(self, path: str) -> Lines:
        """Return the lines of a file; no lines if it can't be read."""
        return self.workspace.project.lines(path) or Lines("")


def analyse(root: Path, unsaved: Mapping[str, bytes], previous: Analysis | None = None) -> Analysis:
    """Compile the project at `root`; `unsaved` are the editor's files by relative path.

    Modules that have not changed since `previous` are not parsed again.  The cache is read but not
    written, because most states of a file during typing are never needed again.  The option `trace`
    of the project has no effect: opening a file must not run the project's code.
    """
    workspace = open_workspace(
        root,
        {"trace": False},
        cache=replace(open_store(), is_read_only=True),
        unsaved=unsaved,
        previous=None if previous is None else previous.workspace,
    )
    result = inspect_program(workspace)
    return Analysis(workspace=workspace, program=result.program, diagnostics=result.diagnostics)


def project_of(file: Path, workspace: Path | None) -> Path:
    """Return the root of the project that a file belongs to.

    The root is the nearest folder above the file that contains one of `_MARKS`, up to the
    workspace.  If there is none, it is the workspace, or the file's own folder if the file is
    outside of the workspace.
    """
    for folder in file.parents:
        if any((folder / mark).exists() for mark in _MARKS):
            return folder
        if folder == workspace:
            return folder
    return file.parent


def relative(file: Path, root: Path) -> str | None:
    """Return a file's path relative to the project at `root`, None if it is outside."""
    try:
        return Path(os.path.realpath(file)).relative_to(os.path.realpath(root)).as_posix()
    except ValueError:
        return None
