"""What `flashc dev` shows of an edit, to people and to programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flashc.api.check import check_project
from flashc.cli.dev_screen import JsonDevScreen, TextDevScreen
from flashc.project.workspace import open_workspace
from flashc_backends.preview.development import Reloaded
from flashc_backends.preview.preview import Happening
from flashc_core.cache import disabled_cache
from tests.support.projects import write


def reloaded(*touched: str, removed: tuple[str, ...] = ()) -> Reloaded:
    return Reloaded(saved=1.0, touched=touched, kept=("other",), removed=removed)


def released(state: str, endpoint: str = "web") -> Happening:
    return Happening(kind="release", endpoint=endpoint, at=1.25, what={"state": state})


def quiet(_text: str) -> None:
    """Show no progress."""


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (reloaded("web", "work"), "replacing: web, work; untouched: other\n"),
        (reloaded("web", removed=("old",)), "replacing: web; removed: old; untouched: other\n"),
        (reloaded(), "nothing to replace\n"),
    ],
)
def test_an_edit_is_shown_by_what_it_touches(
    capsys: pytest.CaptureFixture[str], change: Reloaded, shown: str
) -> None:
    TextDevScreen(quiet).show_reload(change)
    assert capsys.readouterr().out == shown


def test_new_code_is_told_once_with_the_time_since_the_save(
    capsys: pytest.CaptureFixture[str],
) -> None:
    screen = TextDevScreen(quiet)
    screen.show_entry(released("rolled out"))  # of the start
    screen.show_reload(reloaded("web", "work"))
    screen.show_entry(released("rolled out"))
    screen.show_entry(released("rolled out"))
    screen.show_entry(released("rolled back", "work"))
    assert capsys.readouterr().out.splitlines()[1:] == [
        "[web] the new code runs, 0.25 s after the save",
        "[work] the new code does not start; the old code keeps running",
    ]


def test_findings_are_shown_as_by_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = open_workspace(write(tmp_path, {"w.py": "def (:\n"}), cache=disabled_cache())
    found = check_project(workspace).diagnostics
    assert found
    TextDevScreen(quiet).show_findings(workspace, found)
    TextDevScreen(quiet).show_kept_old("w.py:1: invalid syntax")
    shown = capsys.readouterr().err
    assert f"[{found[0].rule.code}]" in shown
    assert shown.endswith("the old code keeps running; w.py:1: invalid syntax\n")
    JsonDevScreen().show_findings(workspace, found)
    JsonDevScreen().show_reload(reloaded("web"))
    JsonDevScreen().show_kept_old("why")
    events: list[dict[str, Any]] = [
        json.loads(line) for line in capsys.readouterr().out.splitlines()
    ]
    assert [event["event"] for event in events] == ["findings", "reloaded", "kept-old"]
    assert events[0]["findings"][0]["code"] == found[0].rule.code
    assert events[1]["touched"] == ["web"]
