"""Parse single statements at the top of a module, in a tenth of the time of parsing the module."""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from flashc_core.python_texts import parse_module
from flashc_core.string_literals import STRING

_STRING_OR_COMMENT = re.compile(rf"{STRING}|#[^\n]*".encode(), re.DOTALL)
_BEGIN = re.compile(rb"^[^\s#)\]}]", re.MULTILINE)
_WORD = rb"[A-Za-z_\x80-\xff][0-9A-Za-z_\x80-\xff]*"
_ASSIGNED = re.compile(rb"(?:%s[ \t]*=(?!=)[ \t]*)+" % _WORD)
_CODING = re.compile(rb"coding[:=][ \t]*(?!utf-?8)", re.IGNORECASE)


class Unclear(Exception):
    """The statement, or what it depends on, is found only by parsing the whole module."""


class TopStatements:
    """The statements at the top of a module, found by the lines that begin without a space."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._is_foreign = _CODING.search(data[:200]) is not None

    def begins_of(self, offsets: Iterable[int]) -> list[int]:
        """Return the offsets at which the statements at these offsets begin, without those in text or a comment.

        A statement such as `if` ends before its `else`.

        Raises:
            Unclear: there is something before the first line that begins with code.
        """
        code = (offset for offset in offsets if not self._is_text(offset))
        indices = {bisect_right(self._begins, offset) - 1 for offset in code}
        if -1 in indices:
            raise Unclear
        return [self._begins[index] for index in sorted(indices)]

    def parse(self, begin: int) -> ast.Module:
        """Return the tree of the statement that begins at an offset; its lines are numbered from 1.

        Raises:
            Unclear: the lines up to the next beginning are no complete statement.
        """
        after = bisect_right(self._begins, begin)
        end = self._begins[after] if after < len(self._begins) else len(self._data)
        if self._is_foreign:
            raise Unclear
        try:
            return parse_module(self._data[begin:end])
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise Unclear from error

    @cached_property
    def assignments(self) -> Mapping[str, ast.expr]:
        """The last value that is assigned to each name; `Unclear` is raised for a name without one."""
        return _Assignments(self)

    def assigned(self) -> Iterator[tuple[str, int]]:
        """Yield each name that a statement assigns first of all, with the offset of the statement."""
        for begin in self._begins:
            found = _ASSIGNED.match(self._data, begin)
            for name in re.findall(_WORD, found[0]) if found else ():
                yield name.decode("utf-8", "replace"), begin

    @cached_property
    def _texts(self) -> list[tuple[int, int]]:
        """The beginnings and ends of all strings and comments."""
        return [found.span() for found in _STRING_OR_COMMENT.finditer(self._data)]

    @cached_property
    def _begins(self) -> list[int]:
        """The offsets of the lines that begin with code."""
        begins = (found.start() for found in _BEGIN.finditer(self._data))
        return [begin for begin in begins if not self._is_text(begin, at_least=1)]

    def _is_text(self, offset: int, at_least: int = 0) -> bool:
        """Return whether an offset is in a string or comment, at least so many bytes after its beginning."""
        index = bisect_right(self._texts, (offset, len(self._data))) - 1
        if index < 0:
            return False
        begin, end = self._texts[index]
        return begin + at_least <= offset < end


class _Assignments(Mapping[str, ast.expr]):
    """The values of names, each parsed when it is asked for."""

    def __init__(self, statements: TopStatements) -> None:
        self._statements = statements
        self._offsets = dict(statements.assigned())

    def __contains__(self, name: object) -> bool:
        if name not in self._offsets:
            raise Unclear  # it may be assigned in another way
        return True

    def __getitem__(self, name: str) -> ast.expr:
        first = self._statements.parse(self._offsets[name]).body[0]
        if not isinstance(first, ast.Assign):
            raise Unclear
        return first.value

    def __iter__(self) -> Iterator[str]:
        return iter(self._offsets)

    def __len__(self) -> int:
        return len(self._offsets)
