"""Render findings as SARIF 2.1.0, the format of code scanning services.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from flashc import __version__
from flashc_core.diagnostics import Diagnostic, Fix, Label
from flashc_core.encoding import visible_json
from flashc_core.rules import RULES
from flashc_core.source import Span

from .json_report import HOME_PAGE, page_url

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render_sarif(diagnostics: Iterable[Diagnostic], prefix: str = "") -> str:
    """Return a SARIF document with one run.

    `prefix` is the path from the repository's root to the project ("" or "folder/").
    """
    found = list(diagnostics)
    used = [rule for rule in RULES if rule in {d.rule for d in found}]
    index = {rule.code: number for number, rule in enumerate(used)}
    driver = {
        "name": "flashc",
        "version": __version__,
        "informationUri": HOME_PAGE,
        "rules": [
            {
                "id": rule.code,
                "name": rule.name,
                "shortDescription": {"text": rule.summary},
                "helpUri": page_url(rule.code),
                "defaultConfiguration": {"level": rule.severity.value},
            }
            for rule in used
        ],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(d, index[d.rule.code], prefix) for d in found],
    }
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return visible_json(json.dumps(document, indent=2, ensure_ascii=False)) + "\n"


def _result(diagnostic: Diagnostic, index: int, prefix: str) -> dict[str, Any]:
    """Return the SARIF result of one finding."""
    text = "\n".join(
        [diagnostic.message, *diagnostic.notes, *(f"help: {t}" for t in diagnostic.help)]
    )
    result: dict[str, Any] = {
        "ruleId": diagnostic.rule.code,
        "ruleIndex": index,
        "level": diagnostic.severity.value,
        "message": {"text": text},
        "locations": [_location(diagnostic.primary, prefix)],
    }
    if diagnostic.secondary:
        result["relatedLocations"] = [_location(label, prefix) for label in diagnostic.secondary]
    if diagnostic.fix is not None:
        result["fixes"] = [_fix(diagnostic.fix, prefix)]
    return result


def _location(label: Label, prefix: str) -> dict[str, Any]:
    """Return the SARIF location of a label."""
    physical: dict[str, Any] = {"artifactLocation": _file_reference(label.location.path, prefix)}
    if isinstance(label.location, Span):
        physical["region"] = _region(label.location)
    location: dict[str, Any] = {"physicalLocation": physical}
    if label.text:
        location["message"] = {"text": label.text}
    return location


def _fix(fix: Fix, prefix: str) -> dict[str, Any]:
    """Return the SARIF form of a fix."""
    paths = sorted({edit.span.path for edit in fix.edits})
    return {
        "description": {"text": fix.title},
        "artifactChanges": [
            {
                "artifactLocation": _file_reference(path, prefix),
                "replacements": [
                    {
                        "deletedRegion": _region(edit.span),
                        "insertedContent": {"text": edit.text},
                    }
                    for edit in fix.edits
                    if edit.span.path == path
                ],
            }
            for path in paths
        ],
    }


def _file_reference(path: str, prefix: str) -> dict[str, str]:
    """Return the SARIF reference to a file."""
    return {"uri": quote(f"{prefix}{path}"), "uriBaseId": "%SRCROOT%"}


def _region(span: Span) -> dict[str, int]:
    """Return the SARIF region of a span."""
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
