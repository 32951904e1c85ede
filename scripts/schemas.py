"""Write the JSON Schemas of flashc's documents to spec/: the IR, the report, the manifest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flashc.report import machine
from flashc_backends import manifest_model
from flashc_ir import codec

SPEC = Path(__file__).parent.parent / "spec"
SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "ir.schema.json": codec.schema,
    "manifest.schema.json": manifest_model.schema,
    "report.schema.json": machine.schema,
}


def text(name: str) -> str:
    """The document that a schema file has to be."""
    return json.dumps(SCHEMAS[name](), indent=2) + "\n"


if __name__ == "__main__":
    for name in SCHEMAS:
        (SPEC / name).write_text(text(name), encoding="utf-8")
