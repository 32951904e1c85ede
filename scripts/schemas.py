"""Generate the files of `spec/` that follow from the code: JSON Schemas, the index of rules."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flashc.report import json_report
from flashc_backends.contracts import changes
from flashc_backends.manifest import endpoint_record, manifest_model
from flashc_backends.platform import faults
from flashc_backends.platform.http import openapi
from flashc_backends.preview import plan
from flashc_core.rules import REMOVED, RULES
from flashc_ir import codec

SPEC = Path(__file__).parent.parent / "spec"
SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "diff.schema.json": changes.schema,
    "endpoint.schema.json": endpoint_record.schema,
    "faults.schema.json": faults.schema,
    "ir.schema.json": codec.schema,
    "manifest.schema.json": manifest_model.schema,
    "platform-openapi.json": openapi.schema,
    "preview-plan.schema.json": plan.schema,
    "report.schema.json": json_report.schema,
}


DOCUMENTS = (*SCHEMAS, "rules.md")


def text(name: str) -> str:
    """Return the text of a file of spec/."""
    if name == "rules.md":
        return rules_index()
    return json.dumps(dedented(SCHEMAS[name]()), indent=2) + "\n"


def dedented(node: Any) -> Any:
    """Return the schema without indentation in its descriptions, as with Python 3.13 and later."""
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
    """Return a table of all rules with links to their pages, and a list of the removed rules."""
    lines = [
        "# Rules",
        "",
        "Every finding that flashc can report. `flashc explain CODE` prints a rule's page. An error stops a",
        "build. A finding that would make a wrong artifact can't be suppressed by a comment. `trace` finds what",
        "`check` finds and more, and so does `build`. The exit code is 1 if there are errors, or 3 if all errors",
        "are of rules with exit code 3: then the network, a tool or the disk failed.",
        "",
        "| code | name | severity | can be suppressed | found by | exit code | what it says |",
        "|---|---|---|---|---|---|---|",
    ]
    for rule in RULES:
        link = f"[{rule.code}](../flashc/report/rules/{rule.code}.md)"
        suppressible = "yes" if rule.suppressible else "no"
        lines.append(
            f"| {link} | `{rule.name}` | {rule.severity.value} | {suppressible} | {rule.phase.value} "
            f"| {rule.exit.value} | {rule.summary} |"
        )
    lines += ["", "Removed rules, whose codes and names are not used again:", ""]
    lines += [f"- {rule.code} `{rule.name}`: {rule.summary}" for rule in REMOVED]
    return "\n".join(lines) + "\n"


def check_no_rule_disappears(written: str) -> None:
    """Check that every rule of the old index is still a rule, or a removed one.

    Raises:
        ValueError: a rule has disappeared, or has another name.
    """
    kept = {(rule.code, rule.name) for rule in (*RULES, *REMOVED)}
    for code, name in re.findall(r"^(?:\| \[|- )(FC\d{3}).*? `([^`]+)`", written, re.MULTILINE):
        if (code, name) not in kept:
            raise ValueError(f"{code} `{name}` is not a rule any more; add it to `REMOVED`")


if __name__ == "__main__":
    check_no_rule_disappears((SPEC / "rules.md").read_text(encoding="utf-8"))
    for name in DOCUMENTS:
        (SPEC / name).write_text(text(name), encoding="utf-8")
