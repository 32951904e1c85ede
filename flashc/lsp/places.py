"""Spans of the IR <-> ranges of the protocol.

A span counts code points from 1; a client counts UTF-16 units from 0 unless it agreed on another unit.
"""

from __future__ import annotations

from collections.abc import Callable

from lsprotocol.types import Position, PositionEncodingKind, Range

from flashc_core.source import Lines, Span

Units = Callable[[str], int]


def units(encoding: PositionEncodingKind | str) -> Units:
    """How many of the client's units a text takes."""
    match encoding:
        case PositionEncodingKind.Utf32:
            return len
        case PositionEncodingKind.Utf8:
            return lambda text: len(text.encode("utf-8", "surrogatepass"))
        case _:
            return lambda text: len(text.encode("utf-16-le", "surrogatepass")) // 2


def to_range(span: Span, lines: Lines, count: Units) -> Range:
    """A span as the client counts; one that stands for a whole file covers its first line."""
    if (span.line, span.column) == (span.end_line, span.end_column) == (1, 1):
        return Range(Position(0, 0), Position(0, count(lines.line(1))))
    return Range(
        _position(span.line, span.column, lines, count),
        _position(span.end_line, span.end_column, lines, count),
    )


def _position(line: int, column: int, lines: Lines, count: Units) -> Position:
    return Position(line - 1, count(lines.line(line)[: column - 1]))


def to_place(position: Position, lines: Lines, count: Units) -> tuple[int, int]:
    """A client's position as (line, column); inside of a character it is that character's."""
    text = lines.line(position.line + 1)
    column, passed = 1, 0
    for character in text:
        passed += count(character)
        if passed > position.character:
            break
        column += 1
    return position.line + 1, column


def covers(span: Span, path: str, place: tuple[int, int]) -> bool:
    """Whether a place is inside of a span, or right behind it, where a cursor rests after typing."""
    begin, end = (span.line, span.column), (span.end_line, span.end_column)
    return span.path == path and begin <= place <= end


def overlaps(span: Span, path: str, begin: tuple[int, int], end: tuple[int, int]) -> bool:
    """Whether a selection touches a span."""
    first, last = (span.line, span.column), (span.end_line, span.end_column)
    return span.path == path and first <= end and begin <= last
