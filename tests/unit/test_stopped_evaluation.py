"""A module that flashc does not evaluate to its end may declare endpoints below the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc.api import build_project, measure_project
from tests.support.projects import compile_files, opened, write

# They use up the steps of the evaluator, which measuring makes four times slower.
pytestmark = pytest.mark.no_cover

_TREE = """
class Tree:
    def __new__(cls, depth):
        if depth:
            cls(depth - 1)
            cls(depth - 1)
        return super().__new__(cls)

Tree(18)
"""
_WORKER = f"""from runpod_flash import Endpoint
{_TREE}
@Endpoint(name="a")
async def f(x: int) -> int:
    return x
"""


def test_an_endpoint_below_the_line_may_exist(tmp_path: Path) -> None:
    assert compile_files(tmp_path, {"worker.py": _WORKER}).codes == ["FC126"]


def test_it_may_exist_in_a_module_that_imports_a_stopped_one(tmp_path: Path) -> None:
    files = {"tree.py": _TREE, "worker.py": _WORKER.replace(_TREE, "import tree\n")}
    assert "FC006" not in compile_files(tmp_path, files).codes


def test_a_suppressed_finding_hides_endpoints_too(tmp_path: Path) -> None:
    files = {"worker.py": "# flashc: ignore-file[FC126]\n" + _WORKER}
    assert "FC006" not in compile_files(tmp_path, files).codes


def test_nothing_is_built_without_an_endpoint(tmp_path: Path) -> None:
    root = write(tmp_path / "app", {"worker.py": _WORKER})
    result = build_project(opened(root, output=tmp_path / "out"))
    assert result.artifact is None
    assert {each.rule.code for each in result.diagnostics} == {"FC006", "FC126"}
    assert not (tmp_path / "out").exists()
    assert {each.rule.code for each in measure_project(opened(root)).diagnostics} == {
        "FC006",
        "FC126",
    }
