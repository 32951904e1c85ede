"""The tutorial is true: a user who follows it step by step, with real workers, sees what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.chapters import read_sections, rewrite_snapshots
from tests.support.projects import ROOT
from tests.support.snapshots import difference
from tests.support.terminals import user_variables
from tests.support.walkthrough import walkthrough

TUTORIAL = ROOT / "spec" / "tutorial.md"


def test_a_user_who_follows_the_tutorial_sees_what_it_shows(tmp_path: Path, updating: bool) -> None:
    sections = read_sections(TUTORIAL)
    with walkthrough(tmp_path / "empty", user_variables(tmp_path / "home")) as user:
        user.follow(sections)
    if updating:
        for section in sections:
            rewrite_snapshots(section, user.shown.__getitem__)
        return
    found = "".join(
        difference(section, {block: user.shown[block] for block in section.snapshots})
        for section in sections
    )
    if found:
        advice = "`pytest tests/e2e/test_tutorial.py --update-snapshots` accepts what is printed"
        pytest.fail(f"{found}\n{advice}", pytrace=False)
