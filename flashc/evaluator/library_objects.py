"""Define the value for objects of the standard library that nothing changes, by how they are made.

Python makes such an object again when it is used, so that the value is a recipe of constants.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import string
import warnings
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from msgspec import Struct

HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
ONE_MATCH = ("match", "search", "fullmatch")
MATCHES = frozenset({*(f"re.{name}" for name in ONE_MATCH), "re.finditer"})


def compile_pattern(pattern: str | bytes, flags: int = 0) -> re.Pattern[Any]:
    """Return a compiled pattern; what Python warns of is no matter of the user of flashc."""
    with warnings.catch_warnings(action="ignore"):
        return re.compile(pattern, flags)


def _one_match(name: str) -> Callable[..., Any]:
    """Return the function that searches again for what a `re.Match` has found."""

    def search(pattern: str | bytes, flags: int, text: Any) -> Any:
        return getattr(compile_pattern(pattern, flags), name)(text)

    return search


def _nth_match(pattern: str | bytes, flags: int, text: Any, number: int) -> Any:
    """Return one of the matches of `re.finditer(pattern, text)`."""
    found = compile_pattern(pattern, flags).finditer(text)
    return next(itertools.islice(found, number, None))


def _hash(name: str) -> Callable[..., Any]:
    """Return the function that digests bytes, on machines that restrict `hashlib` too."""

    def make(data: bytes = b"") -> Any:
        return hashlib.new(name, data, usedforsecurity=False)

    return make


_MAKERS: dict[str, Callable[..., Any]] = {
    "string.Template": string.Template,
    "datetime.date": date,
    "datetime.datetime": datetime,
    **{f"hashlib.{name}": _hash(name) for name in HASHES},
    "re.compile": compile_pattern,
    **{f"re.{name}": _one_match(name) for name in ONE_MATCH},
    "re.finditer": _nth_match,
}


class LibraryObject(Struct, frozen=True):
    """An object such as a `re.Match`: what the function `made_by` returns for some constants."""

    made_by: str
    arguments: tuple[Any, ...]

    def object(self) -> Any:
        """Return Python's own object."""
        return _MAKERS[self.made_by](*self.arguments)
