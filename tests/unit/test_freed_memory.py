"""What a language server has computed of an earlier state of a project is freed."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest

from flashc.lsp.analysis import Analysis, analyse
from flashc.project.project import Project
from flashc.project.source_file import SourceFile
from flashc.syntax.problems import SyntaxProblem
from tests.support.projects import write

WORKER = (
    "from runpod_flash import Endpoint\nimport helper\n@Endpoint(name='w')\nasync def run(): ...\n"
)


@pytest.mark.parametrize("text", [b"x = 1\n", b"def (:\n"], ids=["valid", "not valid"])
def test_a_file_is_freed_with_what_was_computed_from_it(text: bytes) -> None:
    file = SourceFile("worker.py", "worker", text)
    try:
        assert file.syntax
    except SyntaxProblem:
        assert text == b"def (:\n"
    kept = weakref.ref(file)
    del file
    gc.collect()
    assert kept() is None


def test_earlier_states_of_a_project_are_freed(tmp_path: Path) -> None:
    write(tmp_path, {"worker.py": WORKER, "helper.py": "x = 1\n"})
    analysis: Analysis | None = None
    earlier: list[weakref.ref[Project]] = []
    for number in range(6):
        end = "def (:\n" if number % 2 else ""
        texts = {
            "worker.py": f"{WORKER}{end}".encode(),
            "helper.py": f"x = {number}\n{end}".encode(),
        }
        analysis = analyse(tmp_path, texts, analysis)
        earlier.append(weakref.ref(analysis.workspace.project))
    gc.collect()
    # The last exception of the parser refers to the state before.
    assert [number for number, kept in enumerate(earlier) if kept() is not None] in ([4, 5], [5])
