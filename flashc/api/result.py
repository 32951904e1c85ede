"""Define the base class of all results that the functions of `flashc.api` return."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from flashc.project.workspace import Workspace
from flashc_core.diagnostics import Diagnostic, Severity


class Result(Struct, frozen=True, kw_only=True):
    """The result of a function of `flashc.api`.

    Attributes:
        diagnostics: the findings, sorted by position; the code is `diagnostic.rule.code`, the
            position `diagnostic.location`.
    """

    diagnostics: tuple[Diagnostic, ...]

    @property
    def has_errors(self) -> bool:
        """Whether one of the diagnostics is an error and not only a warning."""
        return any(diagnostic.severity is Severity.ERROR for diagnostic in self.diagnostics)


def render_diagnostics(workspace: Workspace, diagnostics: Iterable[Diagnostic]) -> str:
    """Return diagnostics of an opened project as text without colours, as flashc prints it.

    The text is for people and may change in any version; "" if there are no diagnostics.
    """
    from flashc.report.text import render  # a script that does not show findings does not need it

    return render(diagnostics, workspace.project.lines)
