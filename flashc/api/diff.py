"""Compare what the endpoints of a project offer their callers with what an earlier build offers."""

from __future__ import annotations

from flashc.compile import compile_project
from flashc.frontend.dialect import Dialect
from flashc.project.workspace import Workspace
from flashc_backends.contracts.changes import Change, changes_since

from .earlier import Earlier, NoEarlier, read_earlier
from .result import Result


class DiffResult(Result, frozen=True, kw_only=True):
    """The result of a comparison.

    Attributes:
        changes: by endpoint, those that break calls first; None if there are errors.
    """

    changes: tuple[Change, ...] | None = None

    @property
    def breaks(self) -> bool:
        """Whether one of the changes breaks calls."""
        return any(change.breaks for change in self.changes or ())


def diff_project(
    workspace: Workspace, earlier: Earlier, *, dialects: tuple[Dialect, ...] | None = None
) -> DiffResult:
    """Compile an opened project, and compare it with an earlier build; nothing is changed.

    Args:
        workspace: the project.
        earlier: what to compare with.
        dialects: the SDKs that the program may be written for; Flash if None.
    """
    sink = workspace.sink()
    program = compile_project(workspace, sink, dialects=dialects).program
    if program is None or sink.has_errors():
        return DiffResult(diagnostics=tuple(sink))
    try:
        before = read_earlier(earlier, workspace, sink, dialects)
    except NoEarlier:
        return DiffResult(diagnostics=tuple(sink))
    return DiffResult(diagnostics=tuple(sink), changes=changes_since(before, program))
