"""Define locations in source text (`Span`, `WholeFile`) and text edits (`Edit`), and apply edits.

A position is a line and a column, both counted from 1; columns count code points.  Editors show
positions, and reports and cached results contain them.  Offsets are used only in this module and in
the parser's.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct

_NEWLINE = re.compile(r"\r\n|\r|\n")


class Span(Struct, frozen=True, order=True):
    """A part of one file: from (line, column) up to, but not including, (end_line, end_column).

    `path` is POSIX and relative to the project's root, so that a span is the same on every machine.
    """

    # Unlike other structs with many fields, a span is built with positional arguments, because every
    # caller has the values in this order.

    path: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"

    def covers(self, other: Span) -> bool:
        """Return whether `other` is inside this span."""
        return (
            self.path == other.path
            and (self.line, self.column) <= (other.line, other.column)
            and (other.end_line, other.end_column) <= (self.end_line, self.end_column)
        )

    @classmethod
    def start_of(cls, path: str) -> Span:
        """Return the empty span at the beginning of a file.

        It is the origin of the names that Python itself defines in a module, such as `__name__`.  A
        diagnostic about a file without a position in it uses `WholeFile`.
        """
        return cls(path, 1, 1, 1, 1)


class WholeFile(NamedTuple):
    """A file or folder without a position in it; `path` as in `Span`.

    A report shows only the path, never the file's text, because the file may contain credentials.
    """

    # This is a tuple and not a Struct, so that msgspec can distinguish it from a `Span` without a tag.
    path: str

    def __str__(self) -> str:
        return self.path


Location = Span | WholeFile
"""The location of a diagnostic."""


def location_order(location: Location) -> tuple[str, int, int, int, int]:
    """Return the sort key of a location: by path, a whole file before the positions in it."""
    if isinstance(location, WholeFile):
        return (location.path, 0, 0, 0, 0)
    return (
        location.path,
        location.line,
        location.column,
        location.end_line,
        location.end_column,
    )


class Edit(Struct, frozen=True, order=True):
    """A change of a file: the text at `span` is replaced by `text`."""

    span: Span
    text: str


class OverlappingEdits(ValueError):
    """Two edits change the same character, so that they cannot both be applied."""


class Lines:
    r"""The line table of one text: it converts positions to offsets and back.

    Only `\n`, `\r\n` and `\r` end a line, as in Python's own grammar; `str.splitlines` would also
    break at form feeds and Unicode separators and shift every later line.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(match.end() for match in _NEWLINE.finditer(text))]

    def __len__(self) -> int:
        return len(self._starts)

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a position; at most the length of the text."""
        if line > len(self._starts):
            return len(self.text)
        return min(self._starts[line - 1] + column - 1, len(self.text))

    def position(self, offset: int) -> tuple[int, int]:
        """Return the (line, column) of an offset."""
        line = bisect.bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def span(self, path: str, start: int, end: int) -> Span:
        """Return the span of the text between two offsets; most spans are in one line."""
        starts = self._starts
        line = end_line = bisect.bisect_right(starts, start)
        if line < len(starts) and end >= starts[line]:
            end_line = bisect.bisect_right(starts, end)
        column, end_column = start - starts[line - 1] + 1, end - starts[end_line - 1] + 1
        return Span(path, line, column, end_line, end_column)

    def line(self, number: int) -> str:
        """Return line `number` (from 1) without its newline; an empty text past the end."""
        if not 1 <= number <= len(self._starts):
            return ""
        end = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[self._starts[number - 1] : end].rstrip("\r\n")

    def slice(self, span: Span) -> str:
        """Return the text at `span`."""
        return self.text[
            self.offset(span.line, span.column) : self.offset(span.end_line, span.end_column)
        ]


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Return `text` with every edit applied; the text outside the edits' spans does not change.

    Raises:
        OverlappingEdits: two edits overlap.  Equal edits are applied once.
    """
    lines = Lines(text)
    ranges: list[tuple[int, int, str]] = sorted(
        (
            lines.offset(edit.span.line, edit.span.column),
            lines.offset(edit.span.end_line, edit.span.end_column),
            edit.text,
        )
        for edit in set(edits)
    )
    pieces: list[str] = []
    done = 0
    for start, end, replacement in ranges:
        if start < done:
            raise OverlappingEdits(f"edits overlap at offset {start}")
        pieces += (text[done:start], replacement)
        done = end
    return "".join((*pieces, text[done:]))


def column_of_byte(line: str, byte_offset: int) -> int:
    """Return the column (from 1, in code points) of an offset in the UTF-8 bytes of a line.

    `ast` and tracebacks count columns in bytes, from 0.
    """
    data = line.encode("utf-8", "surrogatepass")[:byte_offset]
    return len(data.decode("utf-8", "replace")) + 1
