"""Diagnostics as text: marks are under the characters that they mean, in terminal columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc.project.discover import discover
from flashc.report.text import render
from flashc_core import rules
from flashc_core.diagnostics import Diagnostic, Label
from flashc_core.source import Span


def rendered(folder: Path, line: str, marked: str) -> list[str]:
    """The lines of code and marks that a finding on `marked` in `line` is shown with."""
    (folder / "worker.py").write_text(f"{line}\n", encoding="utf-8")
    begin = line.index(marked) + 1
    span = Span("worker.py", 1, begin, 1, begin + len(marked))
    finding = Diagnostic(rule=rules.INVALID_VALUE, message="wrong", primary=Label(span, "here"))
    text = render([finding], discover(folder).lines)
    return [row.removeprefix("1 |").removeprefix("  |") for row in text.splitlines()[3:5]]


@pytest.mark.parametrize(
    ("line", "marked", "before", "width"),
    [
        ("name = 'x'", "'x'", 7, 3),
        ("名前 = 'x'", "'x'", 7, 3),  # two columns for each of the two characters
        ("e\u0301 = '名'", "'名'", 4, 4),  # a combining accent takes no column
        ("\tx = 1", "x", 4, 1),
        ("a\x1b[31mb = 1", "b", 6, 1),  # an escape sequence is shown as text
    ],
)
def test_a_mark_is_under_its_characters(
    tmp_path: Path, line: str, marked: str, before: int, width: int
) -> None:
    _, marks = rendered(tmp_path, line, marked)
    assert marks == f" {' ' * before}{'^' * width} here"


def test_a_long_line_is_cut_around_the_mark(tmp_path: Path) -> None:
    code, marks = rendered(tmp_path, "名" * 500 + " = wrong " + "名" * 500, "wrong")
    assert code.startswith(" ... wrong 名")
    assert code.endswith("名...")
    assert len(code) < 100
    assert marks == f" {' ' * 4}^^^^^ here"


def test_a_line_of_characters_without_width_is_cut_too(tmp_path: Path) -> None:
    code, marks = rendered(tmp_path, "x = wrong" + "\u0301" * 100_000 + "y" * 200, "wrong")
    assert len(code) < 1000
    assert marks == " " * 5 + "^^^^^ here"
