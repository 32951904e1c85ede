"""A page is compared with what a program prints: any other line fails, except for what is never the same."""

from __future__ import annotations

import pytest

from tests.support.chapters import Block, read_sections
from tests.support.projects import ROOT
from tests.support.shown_text import ANYTHING, as_shown, normal_form, without_progress

TUTORIAL = ROOT / "spec" / "tutorial.md"
BLOCKS = [block for section in read_sections(TUTORIAL) for block in section.snapshots]


@pytest.mark.parametrize("block", BLOCKS, ids=[block.text.splitlines()[0] for block in BLOCKS])
def test_a_changed_line_of_the_tutorial_is_noticed(block: Block) -> None:
    assert as_shown(block.text, block.text, normal_form) == block.text
    lines = block.text.splitlines()
    for number, line in enumerate(lines):
        if line == ANYTHING:
            continue
        changes = [[f"other {line}"], [line, f"other {line}"]]
        if ANYTHING not in lines[max(number - 1, 0) : number + 2]:
            changes.append([])
        for new in changes:
            wrong = "".join(f"{each}\n" for each in [*lines[:number], *new, *lines[number + 1 :]])
            assert as_shown(block.text, wrong, normal_form) != wrong


def test_a_line_that_the_page_does_not_show_is_noticed() -> None:
    assert as_shown("$ a\n1\n2\n3\n", "$ a\n1\n3\n") == "$ a\n1\n2\n3\n"
    assert as_shown("", "$ a\n") == ""
    assert as_shown("$ a\n1", "$ a\n1\n") == "$ a\n1"


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("greeter  http://localhost:1/v2/ep0123456789ab/runsync", "greeter  http://localhost:22/v2/epba9876543210/runsync"),
        ("build0123456789ab  2026-11-26T17:37:13.764Z", "buildba9876543210  2027-01-01T00:00:00.001Z"),
        ("3 passed in 109.95s (0:01:49)", "3 passed in 4.41s"),
        ("on the engine process; stop", "on the engine bubblewrap; stop"),
        ("app, Python 3.13 (the default)", "app, Python 3.11 (the default)"),
    ],
)  # fmt: skip
def test_what_is_never_the_same_is_shown_as_in_the_page(printed: str, shown: str) -> None:
    assert as_shown(f"{printed}\n", f"{shown}\n", normal_form) == f"{shown}\n"
    assert as_shown(f"{printed}\n", f"{shown}\n") == f"{printed}\n"


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("greeter  http://localhost:1/v2/ep0123456789ab", "other  http://localhost:1/v2/ep0123456789ab"),
        ("build0123456789ab  2026-11-26T17:37:13.764Z  production", "build0123456789ab  2026-11-26T17:37:13.764Z"),
        ("2 passed in 4.41s", "3 passed in 4.41s"),
        ("1 failed in 4.41s", "1 passed in 4.41s"),
        ("artifact 39.1 kB", "artifact 39.2 kB"),
    ],
)  # fmt: skip
def test_everything_else_has_to_be_the_same(printed: str, shown: str) -> None:
    assert as_shown(f"{printed}\n", f"{shown}\n", normal_form) == f"{printed}\n"


def test_lines_with_one_form_keep_their_order() -> None:
    printed = "$ a\nbuild000000000001\nbuild000000000002\n$ b\nbuild000000000002\n"
    shown = "$ a\nbuildaaaaaaaaaaa1\nbuildaaaaaaaaaaa2\n$ b\nbuildaaaaaaaaaaa3\n"
    assert as_shown(printed, shown, normal_form) == shown
    assert as_shown(printed[:-3], shown, normal_form) != shown


def test_a_line_of_brackets_stands_for_lines_but_not_for_none() -> None:
    shown = "$ a\n1\n[..]\n4\n$ b\n[..]\n"
    assert as_shown("$ a\n1\n2\n3\n4\n$ b\n5\n6\n", shown) == shown
    assert as_shown("$ a\n1\n2\n3\n$ b\n5\n", shown) != shown
    assert as_shown("$ a\n1\n4\n$ b\n5\n", shown) != shown
    assert as_shown("$ a\n1\n2\n4\n$ b\n", shown) != shown


def test_lines_of_progress_are_no_output() -> None:
    printed = (
        "packing the artifact ...\nsaving the secret for A_B ...\n...\n... deleting a\ndone ... x\n"
    )
    assert without_progress(printed) == "...\n... deleting a\ndone ... x\n"
