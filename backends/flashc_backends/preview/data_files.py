"""Find the files of a project, other than modules, that a worker may open.

A worker may open a file if its code contains the name of the file, or a function that lists folders.  flashc does not
see a name that the code gets from a request.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import PurePosixPath

from msgspec import Struct

from flashc_core.python_texts import parse_module

_LISTING = frozenset(
    "listdir scandir walk fwalk iterdir glob iglob rglob files contents iter_modules".split()
)
_SLASHES = re.compile(r"[/\\]+")
_WORDS = re.compile(r"[\s\"'`=,;:()\[\]<>]+")  # in commands and in files that name others
_FIELDS = re.compile(r"\{[^{}]*\}|%[-+ #0-9.]*[a-zA-Z]")  # of `str.format` and `%`
_FILE = re.compile(r"[^%{}*?]+\.[^%{}*?]+")
_TOP = frozenset((".", "./", "..", "../", "/app", "/app/"))


class Mentions(Struct, frozen=True):
    """The parts of paths in the texts of some code; `lists` is True if the code may find files by listing folders."""

    parts: frozenset[str]
    lists: bool = False


EVERYTHING = Mentions(frozenset(), lists=True)


@lru_cache(maxsize=4096)
def mentions_of(content: bytes) -> Mentions:
    """Return the mentions in the source of a module; `EVERYTHING` if the module can't be parsed."""
    try:
        tree = parse_module(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return EVERYTHING
    texts: list[str] = []
    lists = False
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)):
                texts.append(text)
            case ast.Constant(value=bytes(data)):
                texts.append(data.decode("utf-8", "replace"))
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                lists = lists or name.rpartition(".")[2] in _LISTING
            case _:
                pass
    found = mentions_in(texts)
    return Mentions(found.parts, lists or found.lists)


def mentions_in(texts: Iterable[str]) -> Mentions:
    """Return the mentions in texts."""
    parts: set[str] = set()
    lists = False
    for text in texts:
        lists = lists or text in _TOP
        for word in (text, *_WORDS.split(text), *_FIELDS.split(text)):
            names = [name for name in _SLASHES.split(word) if name]
            # The path of one file does not name the others in its folder.
            parts.update(names[-1:] if names and _FILE.fullmatch(names[-1]) else names)
    return Mentions(frozenset(parts), lists)


@lru_cache(maxsize=256)
def mentions_in_file(content: bytes) -> Mentions:
    """Return the mentions in a file that is not a module, such as a configuration; a file lists no folders."""
    return Mentions(mentions_in([content.decode("utf-8", "replace")]).parts)


def may_open(mentions: Iterable[Mentions], path: str) -> bool:
    """Return whether code with these mentions may open a file."""
    return any(found.lists or any(_names(part, path) for part in found.parts) for found in mentions)


def _names(part: str, path: str) -> bool:
    """Return whether `part` is the name of a file or of its folder, the end of its name, or a pattern that matches."""
    file = PurePosixPath(path)
    if part in (file.name, file.stem) or part in file.parts[:-1]:
        return True
    if any(sign in part for sign in "*?["):
        return fnmatchcase(file.name, part)
    return bool(file.suffix) and part.endswith(file.suffix) and file.name.endswith(part)
