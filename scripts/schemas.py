"""Write what follows from the code to spec/: the JSON Schemas of flashc's documents, the index of rules."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flashc.report import machine
from flashc_backends.manifest import endpoint_record, manifest_model
from flashc_core.rules import RULES
from flashc_ir import codec

SPEC = Path(__file__).parent.parent / "spec"
SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "endpoint.schema.json": endpoint_record.schema,
    "ir.schema.json": codec.schema,
    "manifest.schema.json": manifest_model.schema,
    "report.schema.json": machine.schema,
}


DOCUMENTS = (*SCHEMAS, "rules.md")


def text(name: str) -> str:
    """What a file of spec/ has to be."""
    if name == "rules.md":
        return rules_index()
    return json.dumps(dedented(SCHEMAS[name]()), indent=2) + "\n"


def dedented(node: Any) -> Any:
    """The schema with the indentation taken out of its descriptions: since Python 3.13 docstrings have none."""
    match node:
        case dict():
            return {
                key: inspect.cleandoc(value)
                if key == "description" and isinstance(value, str)
                else dedented(value)
                for key, value in node.items()
            }
        case list():
            return [dedented(item) for item in node]
        case _:
            return node


def rules_index() -> str:
    """Every rule with a link to its page, as a table."""
    lines = [
        "# Rules",
        "",
        "Every finding that flashc can report. `flashc explain CODE` prints a rule's page. An error stops a",
        "build. A finding that would make a wrong artifact can't be suppressed by a comment.",
        "",
        "| code | name | severity | can be suppressed | what it says |",
        "|---|---|---|---|---|",
    ]
    for rule in RULES:
        link = f"[{rule.code}](../flashc/report/rules/{rule.code}.md)"
        suppressible = "yes" if rule.suppressible else "no"
        lines.append(
            f"| {link} | `{rule.name}` | {rule.severity.value} | {suppressible} | {rule.summary} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for name in DOCUMENTS:
        (SPEC / name).write_text(text(name), encoding="utf-8")
