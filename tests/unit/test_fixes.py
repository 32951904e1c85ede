"""Fixes are selected without overlap; a changed file keeps its mode and its symbolic link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flashc.project.discover import discover
from flashc.project.project import Project
from flashc.report.fixes import Change, select_non_overlapping, write_changes
from flashc_core.diagnostics import Fix, Safety
from flashc_core.source import Edit, Span


def fix(*edits: tuple[int, int, str]) -> Fix:
    """A fix of one line: (first column, column after the last, text)."""
    spans = [Edit(Span("a.py", 1, begin, 1, end), text) for begin, end, text in edits]
    return Fix("change it", tuple(spans), Safety.SAFE)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "a.py").write_text("0123456789")
    return discover(tmp_path)


def test_a_fix_is_selected_whole_or_not_at_all(project: Project) -> None:
    first, second = fix((1, 3, "x")), fix((2, 4, "y"), (8, 9, "z"))
    selected = select_non_overlapping([first, second], project)
    assert selected == {"a.py": list(first.edits)}


def test_fixes_that_do_not_overlap_are_selected_together(project: Project) -> None:
    first, second = fix((1, 3, "x")), fix((3, 4, "y"))
    selected = select_non_overlapping([first, second], project)
    assert selected == {"a.py": [*first.edits, *second.edits]}


def test_a_fix_of_a_file_that_cannot_be_read_is_not_selected(tmp_path: Path) -> None:
    assert select_non_overlapping([fix((1, 2, "x"))], discover(tmp_path)) == {}


def test_a_changed_file_keeps_its_mode_and_its_symbolic_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.py", tmp_path / "link.py"
    real.write_text("old")
    real.chmod(0o755)
    link.symlink_to(real)
    write_changes(tmp_path, {"link.py": Change(b"old", b"new")})
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o755


def test_a_failure_leaves_the_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.py").write_text("old")

    def refuse(*_: object) -> None:
        raise OSError("no")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no"):
        write_changes(tmp_path, {"a.py": Change(b"old", b"new")})
    assert [path.name for path in tmp_path.iterdir()] == ["a.py"]
    assert (tmp_path / "a.py").read_text() == "old"
