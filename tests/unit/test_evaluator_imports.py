"""The evaluator's rooms know each other, so any of them may be the first that is imported."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.projects import ROOT

MODULES = sorted(path.stem for path in (ROOT / "flashc" / "evaluator").glob("[a-z]*.py"))
assert MODULES


@pytest.mark.parametrize("name", MODULES)
def test_any_module_can_be_imported_first(name: str) -> None:
    paths = os.pathsep.join(str(ROOT / part) for part in (".", "ir", "backends"))
    subprocess.run(
        [sys.executable, "-c", f"import flashc.evaluator.{name}"],
        env={**os.environ, "PYTHONPATH": paths},
        check=True,
    )
