"""Start a new project."""

from __future__ import annotations

from pathlib import Path

from flashc.project.starter_files import starter_files
from flashc_backends.write import CannotWrite, report_write_failures
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.files import write_file
from flashc_core.source import WholeFile

from .result import Result


class InitResult(Result, frozen=True, kw_only=True):
    """A new project: its folder, and the paths of its files in it; () if none was written."""

    folder: Path
    files: tuple[str, ...] = ()


def start_project(folder: Path, *, force: bool = False) -> InitResult:
    """Write the files of a new project.

    Args:
        folder: the project's folder, which is made if necessary.
        force: replace files that exist; without it, nothing is written if one exists.
    """
    root, sink = folder.absolute(), Sink()
    files = starter_files(root.name)
    exist = [path for path in files if (root / path).exists() or (root / path).is_symlink()]
    if exist and not force:
        sink.report(
            rules.WOULD_OVERWRITE,
            WholeFile("."),
            "the folder has files of these names already; nothing is written",
            notes=tuple(exist),
            help=("name another folder, or replace the files with `--force`",),
        )
        return InitResult(diagnostics=tuple(sink), folder=root)
    written: list[str] = []
    try:
        for path, text in files.items():
            with report_write_failures(root / path, sink):
                write_file(root / path, text.encode())
            written.append(path)
    except CannotWrite:
        pass  # the failure is already reported
    return InitResult(diagnostics=tuple(sink), folder=root, files=tuple(written))
