"""The chapters of spec/ are tests: each section is a project, and says what flashc finds and makes of it.

`spec/README.md` says how a section is written.  `pytest tests/spec --update-snapshots` writes what flashc
prints into the chapters; without it a difference fails.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.chapters import Section, read_sections, rewrite_snapshots
from tests.support.projects import ROOT
from tests.support.snapshots import difference, project_of

SECTIONS = [
    section
    for chapter in sorted((ROOT / "spec").glob("[0-9]*.md"))
    for section in read_sections(chapter)
]


@pytest.mark.parametrize("section", SECTIONS, ids=[section.name for section in SECTIONS])
def test_section(section: Section, tmp_path: Path, updating: bool) -> None:
    check_section(section, tmp_path, updating)


def check_section(section: Section, folder: Path, updating: bool) -> None:
    """Check a section, or write what flashc prints into it.

    The comments that announce findings are complete unless a snapshot shows the findings themselves.
    """
    announced = section.announced()
    kinds = {block.kind for block in section.snapshots}
    assert section.files, "a section without a file tests nothing"
    assert kinds or announced, "a section that expects nothing tests nothing"
    with project_of(section, folder) as project:
        if announced or not kinds & {"findings", "console"}:
            assert project.found() == announced
        rendered = {block: project.render(block) for block in section.snapshots}
    if updating:
        rewrite_snapshots(section, rendered.__getitem__)
        return
    found = difference(section, rendered)
    if found:
        advice = "`pytest tests/spec --update-snapshots` accepts what flashc prints"
        pytest.fail(f"{section.name}\n{found}\n{advice}", pytrace=False)
