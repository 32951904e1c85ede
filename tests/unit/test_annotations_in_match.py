"""FC134: which annotations inside `match` raise NameError on Python 3.10, as that Python itself says."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc_core.source import Span
from tests.support.projects import compile_files

ENDPOINT = """
from runpod_flash import Endpoint
import tools
@Endpoint(name="w")
async def run(x: int): return x
"""
INSIDE = "match 1:\n  case 1:\n    x: int = 1\n"
# Each raises NameError when Python 3.10.13 or 3.11.2 imports it.
RAISES = {
    "a value": INSIDE,
    "no value": "match 1:\n  case 1:\n    x: int\n",
    "match inside another statement": "if 1:\n  match 1:\n    case 1:\n      x: int = 1\n",
    "another statement inside match": "match 1:\n  case 1:\n    if 1:\n      x: int = 1\n",
    "annotations as texts": "from __future__ import annotations\n" + INSIDE,
    "a class": "class A:\n  match 1:\n    case 1:\n      x: int = 1\n",
    "an except clause": f"try:\n  1 / 0\nexcept ZeroDivisionError:\n  {INSIDE.replace(chr(10), chr(10) + '  ')}\n",
}
# Each is imported by every Python.
DOES_NOT = {
    "an annotation before": "y: int\n" + INSIDE,
    "an annotation after": INSIDE + "y: int = 2\n",
    "an annotation inside another statement": INSIDE + "for i in []:\n  y: int = 2\n",
    "an annotated attribute": "class A: pass\n" + INSIDE + "A.b: int = 2\n",
    "an attribute inside match": "class A: pass\nmatch 1:\n  case 1:\n    A.b: int = 1\n",
    "parentheses": "match 1:\n  case 1:\n    (x): int = 1\n",
    "a class whose module has one": "y: int\nclass A:\n  match 1:\n    case 1:\n      x: int = 1\n",
    "a function": "def f():\n  match 1:\n    case 1:\n      x: int = 1\nf()\n",
    "a class inside match": "match 1:\n  case 1:\n    class A:\n      x: int = 1\n",
    "a script": f"if __name__ == '__main__':\n  {INSIDE.replace(chr(10), chr(10) + '  ')}\n",
}


def codes(folder: Path, module: str, version: str) -> list[str]:
    """The findings for a project whose worker imports `module` as `tools`."""
    files = {"worker.py": ENDPOINT, "tools.py": module}
    return compile_files(folder, files, python_version=version).codes


@pytest.mark.parametrize("case", RAISES)
def test_an_annotation_that_raises_is_found(case: str, tmp_path: Path) -> None:
    assert codes(tmp_path, RAISES[case], "3.10") == ["FC134"]
    assert codes(tmp_path, RAISES[case], "3.11") == []
    assert codes(tmp_path, RAISES[case], "3.12") == []


@pytest.mark.parametrize("case", DOES_NOT)
def test_an_annotation_that_does_not_raise_is_left_alone(case: str, tmp_path: Path) -> None:
    assert codes(tmp_path, DOES_NOT[case], "3.10") == []


def test_of_an_image_of_the_users_own_the_release_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASH_GPU_IMAGE", "registry.example/worker:1")
    assert codes(tmp_path, INSIDE, "3.11") == ["FC134"]
    assert codes(tmp_path, INSIDE, "3.12") == []


def test_a_module_that_no_worker_imports_is_left_alone(tmp_path: Path) -> None:
    files = {"worker.py": ENDPOINT.replace("import tools\n", ""), "tools.py": INSIDE}
    assert compile_files(tmp_path, files, python_version="3.10").codes == []


def test_the_finding_covers_the_annotated_assignment(tmp_path: Path) -> None:
    text = "match 1:\n  case 1:\n    größe: 'ä' = 'ö' + 'ü'; y: int = 2\n"
    files = {"worker.py": ENDPOINT, "tools.py": text}
    found = compile_files(tmp_path, files, python_version="3.10").found("FC134")
    assert found.location == Span("tools.py", 3, 5, 3, 27)
