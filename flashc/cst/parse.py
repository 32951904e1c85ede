"""Bytes of one Python file -> text, LibCST module, and the place of every node.

LibCST parses every supported Python's grammar on any host, so a worker module may use newer syntax than
the interpreter that runs flashc.
"""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from flashc_ir.source import Lines, Span


class Undecodable(ValueError):
    """The bytes are not text in the encoding that the file declares.  `line` counts from 1."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


class SyntaxProblem(ValueError):
    """The text is not Python.  `line` and `column` count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def decode(data: bytes) -> tuple[str, str]:
    """(text, encoding) of a Python file, found the way Python does (PEP 263); newlines as they are.

    Raises:
        Undecodable: unknown encoding, or bytes that are invalid in it.
    """
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
    except SyntaxError as error:
        raise Undecodable(str(error.msg), _line_of_invalid_utf8(data)) from error
    try:
        return data.decode(encoding), encoding
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Undecodable(f"byte 0x{data[error.start]:02x} is not {encoding}", line) from error


def _line_of_invalid_utf8(data: bytes) -> int:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return data.count(b"\n", 0, error.start) + 1
    return 1


@dataclass(frozen=True, eq=False)
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
    def _positions(self) -> Mapping[cst.CSTNode, CodeRange]:
        wrapper = MetadataWrapper(self.tree, unsafe_skip_copy=True)
        return wrapper.resolve(PositionProvider)

    def span(self, node: cst.CSTNode) -> Span:
        """Where `node` stands; parentheses around an expression do not count (as in LibCST)."""
        place = self._positions[node]
        return Span(
            self.path,
            place.start.line,
            place.start.column + 1,
            place.end.line,
            place.end.column + 1,
        )

    def code(self, node: cst.CSTNode) -> str:
        """The text of `node`, parentheses included."""
        return self.tree.code_for_node(node)

    def statement_span(self, node: cst.ImportFrom | cst.Import) -> Span:
        """Exactly the text of a small statement, without a semicolon or comment after it."""
        start = self.span(node)
        code = self.code(node.with_changes(semicolon=cst.MaybeSentinel.DEFAULT))
        return self._extent(self.lines.offset(start.line, start.column), len(code))

    def arguments_span(self, call: cst.Call) -> Span:
        """What stands between the parentheses of a call."""
        whole = self.span(call)
        callee = self.code(call.func) + self.code(call.whitespace_after_func) + "("
        start = self.lines.offset(whole.line, whole.column) + len(callee)
        end = self.lines.offset(whole.end_line, whole.end_column) - 1
        return self._extent(start, end - start)

    def _extent(self, offset: int, length: int) -> Span:
        line, column = self.lines.place(offset)
        end_line, end_column = self.lines.place(offset + length)
        return Span(self.path, line, column, end_line, end_column)


_PARSER_PLACE = re.compile(r"error at (\d+):(\d+)")


def parse(path: str, name: str, is_package: bool, text: str) -> Syntax:
    """Parse one module.

    Raises:
        SyntaxProblem: the text is not Python, or nested deeper than the parser can follow.
    """
    try:
        tree = cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        raise _problem(text, error.message) from error
    except RecursionError as error:
        raise SyntaxProblem("the code is nested too deeply to be read", 1, 1) from error
    return Syntax(path, name, is_package, text, tree)


def _problem(text: str, message: str) -> SyntaxProblem:
    """The host's own words where it refuses the text too: they name the mistake, LibCST's the tokens."""
    try:
        ast.parse(text)
    except SyntaxError as error:
        return SyntaxProblem(error.msg, error.lineno or 1, max(error.offset or 1, 1))
    except (ValueError, RecursionError, MemoryError) as error:
        return SyntaxProblem(str(error) or "invalid syntax", 1, 1)
    place = _PARSER_PLACE.search(message)
    line, column = (int(place[1]), int(place[2]) + 1) if place else (1, 1)
    return SyntaxProblem("invalid syntax", line, column)
