"""Chains of thousands of attributes, calls and operators are a finding; LibCST would take minutes for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc.api import check_project
from flashc.syntax.chains import line_of_long_chain
from flashc.syntax.parse import parse
from flashc.syntax.problems import SyntaxProblem
from flashc_core.source import Span
from tests.support.projects import opened, write

WORKER = """from runpod_flash import Endpoint

@Endpoint(name='w')
async def w(x: int): return x
"""

LINKS = (
    ".a",
    "()",
    "[0]",
    ".a()",
    "+a",
    "*a",
    " - a",
    "**-a",
    "\n.a",
    "[b.c(d, e)]",
    ".a # f(g)\n",
    ".a('x,y=z')",
)


@pytest.mark.parametrize("link", LINKS)
def test_a_chain_is_read_up_to_a_length(link: str) -> None:
    text = "(a" + link * 300 + ")\n"
    assert parse("w.py", "w", False, text).text == text
    for count in (3_000, 300_000):
        assert line_of_long_chain("(a" + link * count + ")\n") is not None


@pytest.mark.parametrize(
    "words", ["not ", "lambda: ", "a if b else ", "lambda a, b=(1, 2): ", "a if not b else "]
)
def test_words_that_nest_are_read_up_to_a_depth(words: str) -> None:
    text = "x = " + words * 300 + "a\n"
    assert parse("w.py", "w", False, text).text == text
    for count in (1_500, 300_000):
        assert line_of_long_chain("x = " + words * count + "a\n") == 1


@pytest.mark.parametrize("link", [".a", "()", "[0]", ".a()"])
def test_an_error_behind_a_long_chain_is_found_by_python_itself(link: str) -> None:
    with pytest.raises(SyntaxProblem, match=r"invalid syntax|too deeply|row"):
        parse("w.py", "w", False, "a" + link * 5_000 + " b\n")


def test_many_long_chains_are_too_much_together() -> None:
    statement = "a" + "[0]" * 900 + "\n"
    assert line_of_long_chain(statement) is None
    assert line_of_long_chain(statement * 10) == 2


@pytest.mark.parametrize(
    "text",
    [
        "f(" + "a.b()[0], " * 20_000 + ")",
        "[" + "0.5, -1.25, " * 20_000 + "]",
        "{" + "a: -1, " * 20_000 + "}",
        "[" + "lambda a, b=1: a, " * 20_000 + "]",
        "{" + "1: lambda: 0, " * 20_000 + "}",
        "f(" + "a=b if not c else d, " * 20_000 + ")",
        "if a:\n  pass\nelse:\n  pass\n" * 20_000,
        "x = not a\n" * 20_000,
        "a.b\n" * 20_000,
        "a.b;" * 20_000,
        "x = '" + "." * 50_000 + "'",
        'x = """' + "a.b\n" * 50_000 + '"""',
        "x = 1  # " + "." * 50_000,
        "f(" + "a=b.c,\n" * 20_000 + ")",
        ")" * 2000 + "(" * 2000,
        "'" * 20_001,
        '"""' + "\\" * 20_000,
        "a.b()\n" * 60 + '"' + '\\"' * 300_000,
        "a.b()\n" * 60 + '"""\\"' * 200_000,
    ],
)
def test_much_code_is_no_chain(text: str) -> None:
    assert line_of_long_chain(text) is None


def test_a_long_chain_is_a_finding_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, {"worker.py": WORKER + "(a\n" + ".a\n" * 2_000 + ")\n"})
    found = check_project(opened(tmp_path)).diagnostics[0]
    assert (found.rule.code, found.path) == ("FC005", "worker.py")
    assert isinstance(found.location, Span)
    assert 1_000 < found.location.line < 1_200
    assert "in a row" in found.message
