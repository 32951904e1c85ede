"""Check that any module of the evaluator may be the first that is imported."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

from tests.support.projects import ROOT

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "flashc" / "evaluator").rglob("[a-z]*.py")
)
assert "flashc.evaluator.operations.containers" in MODULES


@pytest.mark.parametrize("name", MODULES)
def test_any_module_can_be_imported_first(name: str) -> None:
    paths = os.pathsep.join(str(ROOT / part) for part in (".", "ir", "backends"))
    subprocess.run(
        [sys.executable, "-c", f"import {name}"],
        env={**os.environ, "PYTHONPATH": paths},
        check=True,
    )


def test_the_evaluator_knows_no_sdk() -> None:
    for path in (ROOT / "flashc" / "evaluator").rglob("*.py"):
        text = path.read_text("utf-8")
        assert "runpod" not in text, path
        imported = [
            node.module or ""
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.ImportFrom)
        ]
        assert not [name for name in imported if name.startswith("flashc.frontend")], path
