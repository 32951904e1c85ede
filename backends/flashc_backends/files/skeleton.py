"""Fill in template modules: replace the values of their top-level constants."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from flashc_core.source import Edit, Lines, Span, apply_edits


@cache
def read_module(*path: str, package: str = "flashc_backends") -> str:
    """Return the text of a module of the package `package`, wherever the package is installed."""
    return files(package).joinpath(*path).read_text(encoding="utf-8")


def literal(value: str) -> str:
    """Return a string as Python source, in double quotes if that needs no escape."""
    plain = value.isprintable() and value.isascii() and '"' not in value and "\\" not in value
    return f'"{value}"' if plain else ascii(value)


def fill(source: str, constants: Mapping[str, object]) -> str:
    """Return the text with new values for the top-level names in `constants`.

    Raises:
        KeyError: the text does not assign one of the names.
    """
    spans = _constant_spans(source)
    missing = constants.keys() - spans.keys()
    if missing:
        raise KeyError(f"the skeleton does not assign {', '.join(sorted(missing))}")
    return apply_edits(source, [Edit(spans[name], repr(constants[name])) for name in constants])


@cache
def _constant_spans(source: str) -> dict[str, Span]:
    """Return the spans of the values of a module's constants."""
    found: dict[str, Span] = {}
    for node in ast.parse(source).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found[name] = _span(source, value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found[name] = _span(source, value)
            case _:
                continue
    return found


def _span(source: str, node: ast.expr) -> Span:
    """Return the span of a node.

    `ast` counts columns in bytes.  Skeletons are ASCII, in which a byte is a character.
    """
    lines = Lines(source)
    end_line = node.end_lineno or node.lineno
    end = node.end_col_offset if node.end_col_offset is not None else len(lines.line(end_line))
    return Span("", node.lineno, node.col_offset + 1, end_line, end + 1)
