"""Each statement of the deploy guide about calls has a test, and the chapter on scripts names it."""

from __future__ import annotations

import ast
import re

from tests.support.projects import ROOT

CHAPTER = ROOT / "spec" / "18-scripts.md"
TESTS = ROOT / "tests" / "e2e" / "test_scripts.py"


def test_the_tests_of_all_statements_exist() -> None:
    section = CHAPTER.read_text().partition("### The statements of Flash's deploy guide")[2]
    rows = re.findall(r"^\| [^|]+ \| `(\w+)` \|$", section.partition("\n##")[0], re.MULTILINE)
    tree = ast.parse(TESTS.read_text())
    tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert len(rows) == 23
    assert set(rows) <= tests
