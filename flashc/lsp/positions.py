"""Convert between flashc's source positions and those of the Language Server Protocol.

A span counts lines and code points from 1.  A client counts from 0, in UTF-16 code units unless the
client and the server agreed on another encoding.
"""

from __future__ import annotations

from collections.abc import Callable

from lsprotocol.types import Position, PositionEncodingKind, Range

from flashc_core.source import Lines, Location, Span, WholeFile

LineColumn = tuple[int, int]
"""A position as spans count it: line and column from 1, columns in code points."""
Units = Callable[[str], int]
"""A function that returns the length of a text in the client's code units."""


def units(encoding: PositionEncodingKind | str) -> Units:
    """Return the function that measures a text in the code units of `encoding`."""
    match encoding:
        case PositionEncodingKind.Utf32:
            return len
        case PositionEncodingKind.Utf8:
            return lambda text: len(text.encode("utf-8", "surrogatepass"))
        case _:
            return lambda text: len(text.encode("utf-16-le", "surrogatepass")) // 2


def to_range(location: Location, lines: Lines, count: Units) -> Range:
    """Return a location as a range of the client; a whole file becomes its first line."""
    if isinstance(location, WholeFile):
        return Range(Position(0, 0), Position(0, count(lines.line(1))))
    return Range(
        _position(location.line, location.column, lines, count),
        _position(location.end_line, location.end_column, lines, count),
    )


def _position(line: int, column: int, lines: Lines, count: Units) -> Position:
    """Return a line and a column as a position of the client."""
    return Position(line - 1, count(lines.line(line)[: column - 1]))


def to_line_column(position: Position, lines: Lines, count: Units) -> LineColumn:
    """Return a client's position as (line, column).

    For a position inside a character, the column is that of the character.
    """
    text = lines.line(position.line + 1)
    column, passed = 1, 0
    for character in text:
        passed += count(character)
        if passed > position.character:
            break
        column += 1
    return position.line + 1, column


def covers(span: Span, path: str, position: LineColumn) -> bool:
    """Return whether a position is in a span or directly after it.

    After typing, the cursor is directly after the text.
    """
    begin, end = (span.line, span.column), (span.end_line, span.end_column)
    return span.path == path and begin <= position <= end


def overlaps(span: Span, path: str, begin: LineColumn, end: LineColumn) -> bool:
    """Return whether the selection from `begin` to `end` touches a span."""
    first, last = (span.line, span.column), (span.end_line, span.end_column)
    return span.path == path and first <= end and begin <= last
