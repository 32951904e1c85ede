"""Fill in template modules: replace the values of their top-level constants."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from flashc_core.python_texts import parse_module
from flashc_core.source import Lines, Span


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
    texts, names = _around_constants(source, frozenset(constants))
    filled = (
        part
        for name, text in zip(names, texts, strict=False)
        for part in (text, repr(constants[name]))
    )
    return "".join((*filled, texts[-1]))


@cache
def _around_constants(source: str, names: frozenset[str]) -> tuple[list[str], list[str]]:
    """Return the texts around the values of some constants, and the constants in the order of the text.

    A handler is filled in for each endpoint, so the skeleton is divided only once.

    Raises:
        KeyError: the text does not assign one of the names.
    """
    spans = spans_of_constants(source)
    missing = names - spans.keys()
    if missing:
        raise KeyError(f"the skeleton does not assign {', '.join(sorted(missing))}")
    lines = Lines(source)
    ordered = sorted(names, key=lambda name: (spans[name].line, spans[name].column))
    texts: list[str] = []
    done = 0
    for name in ordered:
        span = spans[name]
        texts.append(source[done : lines.offset(span.line, span.column)])
        done = lines.offset(span.end_line, span.end_column)
    return [*texts, source[done:]], ordered


@cache
def constants_of(source: str) -> Mapping[str, object]:
    """Return the values of a module's top-level names that are literals.

    Raises:
        SyntaxError, ValueError: it is no Python.
        RecursionError, MemoryError: it is nested too deeply for Python's parser.
    """
    found: dict[str, object] = {}
    for node in parse_module(source).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                expression = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                expression = value
            case _:
                continue
        try:
            found[name] = ast.literal_eval(expression)
        except (ValueError, TypeError):
            continue
    return found


@cache
def spans_of_constants(source: str) -> dict[str, Span]:
    """Return the spans of the values of a module's constants.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: as for `constants_of`.
    """
    found: dict[str, Span] = {}
    for node in parse_module(source).body:
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
