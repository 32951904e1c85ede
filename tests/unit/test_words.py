"""Texts have none of the words that CONTRIBUTING.md forbids, as far as a word alone shows that it is wrong."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.projects import ROOT

# The other words of the list are right in other senses: "setting", "place", "check", "make", "answer".
FORBIDDEN = {
    "app folder": r"app folders?",
    "flavour": r"flavours?",
    "complaint": r"complaints?",
    "mend": r"mend(?:s|ed|ing)?",
    "cure": r"cure[sd]?",
    "remembered": r"remembered",
    "circle": r"circles?",
    "beside": r"beside",
    "nobody": r"nobody",
    "somebody": r"somebody|someone",
    "whoever": r"whoever",
}
# A name, such as that of the rule `import-beside-file` or of the user in `nobody:x:`, is no word of a text.
_WORD = re.compile(
    rf"(?<![\w`-])(?:{'|'.join(FORBIDDEN.values())})(?![\w`-]|:\S)|,\s+of\s+which\b", re.IGNORECASE
)
_FOLDERS = ("flashc", "backends", "ir", "scripts", "benchmarks", "spec", "examples")
_SUFFIXES = {".py", ".md", ".js", ".css", ".html", ".txt", ".json", ".toml", ".graphql", ".sql"}
# Decisions say what was decided at their time.  Others have written the vendored files.
_LEFT_OUT = {"decisions", "vendor", "node_modules", "__pycache__"}
_TEXTS = {tokenize.COMMENT, tokenize.STRING} | {
    getattr(tokenize, name) for name in ("FSTRING_MIDDLE",) if hasattr(tokenize, name)
}


def files() -> list[Path]:
    """The files whose texts are checked."""
    found = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "VERSIONING.md"]
    for folder in _FOLDERS:
        found += (
            path
            for path in sorted((ROOT / folder).rglob("*"))
            if path.suffix in _SUFFIXES and not _LEFT_OUT & {*path.relative_to(ROOT).parts}
        )
    return found


def texts(path: Path, source: str) -> Iterator[tuple[int, str]]:
    """Yield the texts in a file with their first lines: all of it, but of Python only comments and strings."""
    if path.suffix != ".py":
        yield 1, source
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in _TEXTS:
            yield token.start[0], token.string


def forbidden(path: Path, source: str) -> list[tuple[int, str]]:
    """Return the forbidden words in a file, each with its line."""
    return [
        (first + text.count("\n", 0, match.start()), match[0])
        for first, text in texts(path, source)
        for match in _WORD.finditer(text)
    ]


def test_no_text_has_a_forbidden_word() -> None:
    found: list[str] = []
    for path in files():
        source = path.read_text(encoding="utf-8")
        if _WORD.search(source):  # reading the tokens of all files takes seconds
            words = forbidden(path, source)
            found += (f"{path.relative_to(ROOT)}:{number}: {word}" for number, word in words)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("a.md", "The file is\nbeside it.\n", [(2, "beside")]),
        ("a.py", "def f():\n    '''Call.\n\n    Nobody.'''\n", [(4, "Nobody")]),
        ("a.py", "circle = 1  # a circle\n", [(1, "circle")]),
        ("a.py", "x = 'Two lists, of which one is empty'\n", [(1, ", of which")]),
        ("a.py", "circle = beside.nobody\n", []),
        ("a.md", "`nobody` has the rule import-beside-file\n", []),
    ],
)
def test_a_forbidden_word_is_found_in_texts_only(
    name: str, source: str, expected: list[tuple[int, str]]
) -> None:
    assert forbidden(Path(name), source) == expected


def test_the_forbidden_words_are_those_of_the_list() -> None:
    listed = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Language")[2]
    assert [word for word in (*FORBIDDEN, ", of which") if word not in listed] == []
