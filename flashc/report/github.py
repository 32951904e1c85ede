"""Render diagnostics as workflow commands, which GitHub shows as annotations next to the code."""

from __future__ import annotations

from collections.abc import Iterable

from flashc_core.diagnostics import Diagnostic


def render_github(diagnostics: Iterable[Diagnostic], prefix: str = "") -> str:
    """Return one command per finding, each on its own line.

    `prefix` is the path from the repository's root to the project ("" or "folder/").
    Source of the format and its escapes: docs.github.com, "Workflow commands for GitHub Actions".
    """
    return "".join(f"{_command(diagnostic, prefix)}\n" for diagnostic in diagnostics)


def _command(diagnostic: Diagnostic, prefix: str) -> str:
    span, rule = diagnostic.span, diagnostic.rule
    properties = {
        "file": f"{prefix}{span.path}",
        "line": str(span.line),
        "col": str(span.column),
        "endLine": str(span.end_line),
        "endColumn": str(span.end_column),
        "title": f"{rule.code} {rule.name}",
    }
    if span.end_line != span.line:  # GitHub accepts columns only if both are on one line
        del properties["col"], properties["endColumn"]
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    lines = [diagnostic.message, *diagnostic.notes, *(f"help: {text}" for text in diagnostic.help)]
    return f"::{diagnostic.severity.value} {listed}::{_data(chr(10).join(lines))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
