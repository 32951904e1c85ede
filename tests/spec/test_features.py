"""`spec/features.md` is true: its programs compile to what it says, and the sections and options that it names exist."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from flashc_ir.printer import print_program
from tests.support.console import run_flashc
from tests.support.projects import ROOT, compile_workspace, opened, write

PAGE = ROOT / "spec" / "features.md"
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[[^\]]+\]\(([^)#]+)(?:#([^)]+))?\)")
_RULE = re.compile(r"FC\d{3}")
_HEAD = "import os\nfrom runpod_flash import *\n"


@dataclass(frozen=True)
class Row:
    """A row of the page: the feature, the cell of the program, and what flashc does."""

    feature: str
    program: str
    result: str

    @property
    def code(self) -> str:
        """The code in the second cell; "" if it has none."""
        match = _CODE.fullmatch(self.program)
        return match[1] if match else ""


def read_rows() -> list[Row]:
    """Return the rows of all tables of the page."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line[:1] == "|"
    ]
    return [Row(*cell) for cell in cells if cell[0] not in ("feature", "---")]


ROWS = read_rows()
PROGRAMS = [row for row in ROWS if row.code and not row.code.startswith("flashc ")]
COMMANDS = [row for row in ROWS if row.code.startswith("flashc ")]
LINKS = [row for row in ROWS if _LINK.fullmatch(row.program)]


def module_of(code: str) -> str:
    """Return a module with an endpoint of these arguments, or with a route of this decorator."""
    if code.startswith("@"):
        api = 'api = Endpoint(name="w", cpu="cpu3c-1-2", workers=(1, 1))\n'
        return f"{_HEAD}{api}@api.get('/other')\ndef other(): return 1\n{code}\ndef run(x: int = 1): return x\n"
    name = "" if code.startswith(("name=", "image=")) else 'name="w", '
    return f"{_HEAD}@Endpoint({name}{code})\nasync def run(x: int): return x\n"


@pytest.mark.parametrize("row", PROGRAMS, ids=[row.code for row in PROGRAMS])
def test_programs_compile_to_what_the_page_says(row: Row, tmp_path: Path) -> None:
    root = write(tmp_path, {"worker.py": module_of(row.code)})
    compiled = compile_workspace(opened(root))
    said = _CODE.findall(row.result)
    codes = {found.rule.code for found in compiled.diagnostics}
    assert codes == {text for text in said if _RULE.fullmatch(text)}
    texts = [text for text in said if not _RULE.fullmatch(text)]
    printed = print_program(compiled.program) if compiled.program is not None else ""
    assert [text for text in texts if text not in printed] == [], printed
    assert said, "the row says nothing that can be tested"


@pytest.mark.parametrize("row", LINKS, ids=[row.feature for row in LINKS])
def test_sections_exist(row: Row) -> None:
    match = _LINK.fullmatch(row.program)
    assert match is not None
    text = (PAGE.parent / match[1]).read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert match[2] is None or match[2] in anchors


@pytest.mark.parametrize("row", COMMANDS, ids=[row.code for row in COMMANDS])
def test_commands_have_the_options(row: Row, tmp_path: Path) -> None:
    _, command, *options = row.code.split()
    help = run_flashc(tmp_path, command, "--help").stdout
    assert [option for option in options if option not in help] == []


def test_every_row_says_yes_or_gives_a_reason() -> None:
    for row in ROWS:
        assert re.match(r"yes\b|differs: \w", row.result), row
    assert len(ROWS) > 100
