"""Render findings as GitHub workflow commands, which annotate the code of a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flashc_core.diagnostics import Diagnostic
from flashc_core.encoding import visible
from flashc_core.source import Location, Span


def render_github(diagnostics: Iterable[Diagnostic], prefix: str = "") -> str:
    """Return one command per finding, each on its own line.

    `prefix` is the path from the repository's root to the project ("" or "folder/").
    Source of the format and its escapes: docs.github.com, "Workflow commands for GitHub Actions".
    """
    return "".join(f"{_command(diagnostic, prefix)}\n" for diagnostic in diagnostics)


def _command(diagnostic: Diagnostic, prefix: str) -> str:
    """Return the workflow command for one finding."""
    rule = diagnostic.rule
    properties = {
        "file": f"{prefix}{diagnostic.path}",
        **_position(diagnostic.location),
        "title": f"{rule.code} {rule.name}",
    }
    lines = [diagnostic.message, *diagnostic.notes, *(f"help: {text}" for text in diagnostic.help)]
    return workflow_command(diagnostic.severity.value, properties, "\n".join(lines))


def workflow_command(name: str, properties: Mapping[str, str], text: str) -> str:
    """Return a workflow command with the escapes of its properties and its text."""
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {listed}::{_data(text)}"


def _position(location: Location) -> dict[str, str]:
    """Return the properties for the position in the file; none for a whole file."""
    if not isinstance(location, Span):
        return {}
    lines = {"line": str(location.line), "endLine": str(location.end_line)}
    if location.end_line != location.line:  # GitHub accepts columns only if both are on one line
        return lines
    return {
        "line": lines["line"],
        "col": str(location.column),
        "endLine": lines["endLine"],
        "endColumn": str(location.end_column),
    }


def _data(text: str) -> str:
    """Return a text with the escapes of a message."""
    return visible(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    """Return a text with the escapes of a property."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
