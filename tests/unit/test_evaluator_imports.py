"""Check that any module of the evaluator may be the first that is imported."""

from __future__ import annotations

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
