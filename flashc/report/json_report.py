"""Render findings as JSON for editors and CI; `spec/report.schema.json` describes the format."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from flashc import __version__
from flashc_core.diagnostics import Diagnostic, Label
from flashc_core.encoding import visible_json
from flashc_core.source import Location, Span

REPORT_VERSION = 1
HOME_PAGE = "https://github.com/flashc/flashc"
_PAGES = f"{HOME_PAGE}/blob/main/flashc/report/rules"


class _Model(BaseModel):
    """A part of the report, which can't be changed and has no other keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Position(_Model):
    """A line and a column, both counted from 1; columns count code points."""

    line: int
    column: int


class ReportLabel(_Model):
    """A location that is related to a finding, with a remark.

    `start` and `end` are as in a finding.
    """

    path: str
    start: Position | None
    end: Position | None
    text: str


class ReportFix(_Model):
    """Edits that remove a finding; each replaces the text from `start` to `end` by its `text`."""

    title: str
    safety: Literal["safe", "unsafe", "display"]
    edits: list[ReportLabel]


class ReportDiagnostic(_Model):
    """One finding; `start` and `end` are null if it is about a file as a whole."""

    code: str
    name: str
    severity: Literal["error", "warning"]
    message: str
    path: str
    start: Position | None
    end: Position | None
    labels: list[ReportLabel]
    notes: list[str]
    help: list[str]
    url: str
    fix: ReportFix | None


class Report(_Model):
    """All findings of one run."""

    version: int = REPORT_VERSION
    flashc: str = __version__
    diagnostics: list[ReportDiagnostic]


def render_json(diagnostics: Iterable[Diagnostic]) -> str:
    """Return the findings of one run as a JSON document."""
    return visible_json(report_of(diagnostics).model_dump_json(indent=2)) + "\n"


def report_of(diagnostics: Iterable[Diagnostic]) -> Report:
    """Return the report about the findings of one run."""
    return Report(diagnostics=[_diagnostic(diagnostic) for diagnostic in diagnostics])


def page_url(code: str) -> str:
    """Return the web address of a rule's page."""
    return f"{_PAGES}/{code}.md"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the output of `render_json`."""
    described = Report.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **described}


def _diagnostic(diagnostic: Diagnostic) -> ReportDiagnostic:
    """Return a finding in the form of the report."""
    location, fix = diagnostic.location, diagnostic.fix
    own = (diagnostic.primary,) if diagnostic.primary.text else ()
    return ReportDiagnostic(
        code=diagnostic.rule.code,
        name=diagnostic.rule.name,
        severity=diagnostic.severity.value,
        message=diagnostic.message,
        path=location.path,
        start=_start(location),
        end=_end(location),
        labels=[_label(label) for label in (*own, *diagnostic.secondary)],
        notes=list(diagnostic.notes),
        help=list(diagnostic.help),
        url=page_url(diagnostic.rule.code),
        fix=None
        if fix is None
        else ReportFix(
            title=fix.title,
            safety=fix.safety.value,
            edits=[_label(Label(edit.span, edit.text)) for edit in fix.edits],
        ),
    )


def _label(label: Label) -> ReportLabel:
    """Return a label in the form of the report."""
    location = label.location
    return ReportLabel(
        path=location.path, start=_start(location), end=_end(location), text=label.text
    )


def _start(location: Location) -> Position | None:
    """Return the position at which a location starts; None for a whole file."""
    if not isinstance(location, Span):
        return None
    return Position(line=location.line, column=location.column)


def _end(location: Location) -> Position | None:
    """Return the position at which a location ends; None for a whole file."""
    if not isinstance(location, Span):
        return None
    return Position(line=location.end_line, column=location.end_column)
