"""Find where a TOML document sets a key, which the parser does not say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from flashc_core.documents import UnreadableDocument, parse_toml
from flashc_core.source import Lines, Span

Key = str | int
"""A step into a document: the name of a key, or the number of an item of an array, from 0."""
_HEADER = re.compile(r"(\[\[?)(.*?)\]\]?\s*(?:#.*)?")


def find_key(path: str, lines: Lines, keys: Sequence[Key]) -> Span | None:
    """Return the span of a key in the document `path`, or of the innermost table around it.

    The span is that of the key in its line, or of the header of a table; for a key whose parts are set by
    several lines, it is that of the first line.  None if no line sets the key or a table around it.
    """
    wanted = tuple(keys)
    table: tuple[Key, ...] = ()
    items: dict[tuple[Key, ...], int] = {}  # the arrays of tables, and how many items they have yet
    best: tuple[int, Span] | None = None
    for number in range(1, len(lines) + 1):
        line = lines.line(number)
        code = line.strip()
        header = _HEADER.fullmatch(code)
        if header is not None:
            names = _names(header[2])
            if names is None:
                continue
            if header[1] == "[[":
                array = _resolved((), names, items, last=False)
                items[array] = items.get(array, 0) + 1
            found = table = _resolved((), names, items)
            text = code[: header.end(2) + len(header[1])]
        else:
            text = code.partition("=")[0].strip()
            names = _names(text) if "=" in code else None
            if names is None:
                continue
            found = _resolved(table, names, items)
        length = min(len(found), len(wanted))  # a line may set a key inside of the key
        if wanted[:length] == found[:length] and (best is None or length > best[0]):
            column = len(line) - len(line.lstrip()) + 1
            best = length, Span(path, number, column, number, column + len(text))
    return best[1] if best is not None else None


def _resolved(
    table: tuple[Key, ...],
    names: Sequence[str],
    items: dict[tuple[Key, ...], int],
    *,
    last: bool = True,
) -> tuple[Key, ...]:
    """Return the path of dotted names below a table; an array of tables stands for its newest item.

    With `last` False, the last name stands for the array itself.
    """
    path = table
    for position, name in enumerate(names):
        path += (name,)
        if path in items and (last or position < len(names) - 1):
            path += (items[path] - 1,)
    return path


def _names(text: str) -> list[str] | None:
    """Return the names of a dotted key; None if a text is not one."""
    try:
        document = parse_toml(f"{text} = 0")
    except UnreadableDocument:
        return None
    names: list[str] = []
    inner: object = document
    while isinstance(inner, dict):
        table = cast("dict[str, object]", inner)
        if len(table) != 1:
            return None
        ((name, inner),) = table.items()
        names.append(name)
    return names
