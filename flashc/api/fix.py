"""Apply the automatic fixes of a project's findings to its files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from flashc.frontend.dialect import Dialect
from flashc.project.project import Project
from flashc.project.workspace import Workspace
from flashc.report import fixes
from flashc_core.diagnostics import Diagnostic

from .check import check_project


class FixResult(Struct, frozen=True):
    """The files that fixes change.

    Attributes:
        changes: the bytes of each changed file before and after the fixes, by its path relative to
            the project's folder.
    """

    changes: Mapping[str, fixes.Change]

    def diff(self) -> str:
        """Return all changes as a unified diff, "" if there are none."""
        return fixes.differences(self.changes)


def apply_fixes(
    workspace: Workspace,
    *,
    unsafe: bool = False,
    write: bool = True,
    dialects: tuple[Dialect, ...] | None = None,
) -> FixResult:
    """Apply the fixes of an opened project's diagnostics, in at most ten rounds.

    Every round checks the project again, as `check_project` does.  To see the remaining findings,
    check `workspace.reopen()`.

    Args:
        workspace: the project; the options `select` and `ignore` decide which diagnostics are
            fixed.
        unsafe: apply also the fixes that may change what the program does.
        write: write the changed files, each atomically; if it is False, no file is written.
        dialects: see `check_project`.

    Raises:
        UnknownRuleError: an option names a rule that does not exist; no file was written.
        OSError: a file can't be read or written; the files before it, by path, are already written.
        flashc_core.encoding.Undecodable: a file is not valid text in its encoding; no file was
            written.
    """
    latest = workspace

    def check(changed: Mapping[str, bytes]) -> tuple[Project, Iterable[Diagnostic]]:
        """Check the project with the changed files in place of those on the disk."""
        nonlocal latest
        if changed:
            latest = latest.reopen({**workspace.project.unsaved, **changed})
        return latest.project, check_project(latest, dialects=dialects).diagnostics

    changes = fixes.apply_fixes(check, unsafe=unsafe)
    if write:
        fixes.write_changes(workspace.root, changes)
    return FixResult(changes)
