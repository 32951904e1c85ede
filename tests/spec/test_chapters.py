"""The chapters of spec/ are tests: each section is a project, and says what flashc finds and makes of it.

A name in backticks before a `py`, `toml` or `text` block makes a file.  `# error: [FCnnn]` and
`# warning: [FCnnn]` announce a finding on their line; no others may appear.  An `ir` block lists lines that
the printed program has, in this order.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flashc_ir.printer import print_program
from tests.support.projects import ROOT, compile_files

_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_FILE = re.compile(r"^`([^`]+)`\n\n```(?:py|toml|text)\n(.*?)```$", re.MULTILINE | re.DOTALL)
_IR = re.compile(r"^```ir\n(.*?)```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"# (?:error|warning): \[(FC\d{3})\]")


def sections() -> list[tuple[str, str]]:
    """(chapter and heading, text) of every section."""
    found: list[tuple[str, str]] = []
    for chapter in sorted((ROOT / "spec").glob("[0-9]*.md")):
        _, *parts = _SECTION.split(chapter.read_text(encoding="utf-8"))
        for title, body in zip(parts[::2], parts[1::2], strict=True):
            found.append((f"{chapter.stem}: {title}", body))
    return found


@pytest.mark.parametrize(("title", "body"), sections(), ids=[title for title, _ in sections()])
def test_section(title: str, body: str, tmp_path: Path) -> None:
    files = dict(_FILE.findall(body))
    assert files, "a section without a file tests nothing"
    result = compile_files(tmp_path, files)
    announced = {
        (match[1], name, number)
        for name, text in files.items()
        for number, line in enumerate(text.splitlines(), start=1)
        for match in _MARK.finditer(line)
    }
    assert {(d.rule.code, d.span.path, d.span.line) for d in result.diagnostics} == announced
    blocks = _IR.findall(body)
    assert blocks or announced, "a section that expects nothing tests nothing"
    for block in blocks:
        printed = iter(line.strip() for line in print_program(result.valid).splitlines())
        for line in block.strip().splitlines():
            assert line.strip() in printed, f"the program does not say (in this order): {line}"
