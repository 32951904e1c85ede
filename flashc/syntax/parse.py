"""Bytes of one Python file -> text, LibCST module, and the place of every node.

LibCST parses every supported Python's grammar on any host, so a worker module may use newer syntax than
the interpreter that runs flashc.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import libcst as cst

from flashc_core.source import Lines, Span

from .positions import Extent, extents
from .stack import on_a_deep_stack


class SyntaxProblem(ValueError):
    """The text is not Python.  `line` and `column` count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


@dataclass(frozen=True, eq=False, kw_only=True)
class Syntax:
    """One parsed module.  `path` is relative to the project's root, `name` dotted."""

    path: str
    name: str
    is_package: bool
    text: str
    tree: cst.Module

    @cached_property
    def lines(self) -> Lines:
        return Lines(self.text)

    @cached_property
    def _extents(self) -> Mapping[int, Extent]:
        return extents(self.tree)

    def span(self, node: cst.CSTNode) -> Span:
        """Where `node` stands; parentheses around an expression do not count (as in LibCST)."""
        return self._extent(*self._extents[id(node)])

    def code(self, node: cst.CSTNode) -> str:
        """The text of `node`, parentheses included; lines after the first lose their indentation."""
        return self.tree.code_for_node(node)

    def arguments_span(self, call: cst.Call) -> Span:
        """What stands between the parentheses of a call."""
        start = self._extents[id(call.func)][1]
        for _ in call.func.rpar:
            start = self._find(")", start) + 1
        return self._extent(self._find("(", start) + 1, self._extents[id(call)][1] - 1)

    def _find(self, sign: str, offset: int) -> int:
        """The next `sign` outside comments."""
        while self.text[offset] != sign:
            if self.text[offset] == "#":
                offset = self.lines.offset(self.lines.place(offset)[0] + 1, 1)
            else:
                offset += 1
        return offset

    def _extent(self, start: int, end: int) -> Span:
        line, column = self.lines.place(start)
        # LibCST writes the newline of a last statement that has none in the text
        end_line, end_column = self.lines.place(min(end, len(self.text)))
        return Span(self.path, line, column, end_line, end_column)


_KEPT = 2048  # modules
_TOO_DEEP = "the code is nested too deeply to be read"
_MOST_BRACKETS = 200  # Python's own limit


@lru_cache(maxsize=_KEPT)
def parse(path: str, name: str, is_package: bool, text: str) -> Syntax:
    """Parse one module; the same text a second time (after an edit elsewhere) costs nothing.

    Raises:
        SyntaxProblem: the text is not Python, or nested deeper than the parser can follow.
    """
    host = _host_problem(text)
    if host is not None and host.args[0] == _TOO_DEEP:
        raise host
    try:
        tree = on_a_deep_stack(partial(cst.parse_module, text))
    except cst.ParserSyntaxError as error:
        raise host or _problem(error.message) from error
    except RecursionError as error:
        raise SyntaxProblem(_TOO_DEEP, 1, 1) from error
    return Syntax(path=path, name=name, is_package=is_package, text=text, tree=tree)


def _host_problem(text: str) -> SyntaxProblem | None:
    """What the host's own parser says: it names the mistake where LibCST lists tokens, and it refuses
    what is nested so deeply that LibCST's native parser would overrun its stack.  Syntax that is newer
    than the host is no mistake, so LibCST has the last word."""
    try:
        ast.parse(text)
    except SyntaxError as error:
        if _bracket_depth(text) > _MOST_BRACKETS:
            return SyntaxProblem(_TOO_DEEP, error.lineno or 1, 1)
        return SyntaxProblem(error.msg, error.lineno or 1, max(error.offset or 1, 1))
    except (RecursionError, MemoryError):
        return SyntaxProblem(_TOO_DEEP, 1, 1)
    except ValueError as error:
        return SyntaxProblem(str(error), 1, 1)
    return None


def _bracket_depth(text: str) -> int:
    """How deeply brackets nest, those in strings and comments counted too."""
    depth = deepest = 0
    for bracket in re.findall(r"[()\[\]{}]", text):
        depth = depth + 1 if bracket in "([{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


_PARSER_PLACE = re.compile(r"error at (\d+):(\d+)")


def _problem(message: str) -> SyntaxProblem:
    place = _PARSER_PLACE.search(message)
    line, column = (int(place[1]), int(place[2]) + 1) if place else (1, 1)
    return SyntaxProblem("invalid syntax", line, column)
