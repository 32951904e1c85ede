"""Evaluate `open` for project files, methods of open files, `json.load` and `tomllib.load`."""

from __future__ import annotations

import json
from typing import Any

from flashc.evaluator.escape import escape_value
from flashc.evaluator.failures import IterationUnknown
from flashc.evaluator.library_values import FileValue
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.operations.apply import apply
from flashc.evaluator.operations.iteration import iterate
from flashc.evaluator.path_values import ProjectPath
from flashc.evaluator.values import IteratorValue, Known, Unknown, Value, concrete, lift
from flashc_core.documents import load_toml
from flashc_core.source import Span

from .opening import Opening, lines_of_file, opening_of


def open_file(machine: Machine, path: ProjectPath, opening: Opening | Unknown, span: Span) -> Value:
    """Return the file that `open(path, ...)` opens, read as a whole."""
    machine.may_raise()
    if isinstance(opening, Unknown):
        return opening
    lines = lines_of_file(machine, path, opening, span)
    if isinstance(lines, Unknown):
        return lines
    values = (Known(line, span) for line in lines)
    return Known(FileValue(IteratorValue(values, "file"), opening.in_bytes), span)


def evaluate_open(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `open(path)` and `io.open(path)` for a file of the project."""
    values = arguments.values
    path = values[0].value if values and isinstance(values[0], Known) else None
    if not isinstance(path, ProjectPath):
        return None
    return open_file(machine, path, opening_of(arguments, values[1:]), arguments.span)


def call_method(machine: Machine, file: FileValue, name: str, arguments: CallArguments) -> Value:
    """Return the result of a method of an open file."""
    if arguments.positional or arguments.keywords or name not in ("read", "readlines"):
        reason = (
            f"flashc does not evaluate what a program reads from a file after a call of `{name}`"
        )
        escape_value(Known(file, arguments.span), Unknown(reason=reason, origin=arguments.span))
        if name == "close":
            return Known(None, arguments.span)
        machine.may_raise()
        reason = f"flashc does not evaluate `{name}` of a file"
        return Unknown(reason=reason, origin=arguments.span)
    if name == "read":
        return content_of(machine, file, arguments.span)
    lines = _rest(machine, file, arguments.span)
    return lines if isinstance(lines, Unknown) else lift(lines, arguments.span)


def _rest(machine: Machine, file: FileValue, span: Span) -> list[Any] | Unknown:
    """Read the lines that are left."""
    try:
        return [concrete(line) for line in iterate(machine, Known(file, span))]
    except IterationUnknown as problem:
        return problem.reason


def content_of(machine: Machine, file: FileValue, span: Span) -> Value:
    """Read what is left of a file."""
    lines = _rest(machine, file, span)
    if isinstance(lines, Unknown):
        return lines
    empty: str | bytes = b"" if file.in_bytes else ""
    return Known(empty.join(lines), span)


def load(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `json.load(file)` and `tomllib.load(file)`."""
    values = arguments.values
    file = values[0].value if len(values) == 1 and isinstance(values[0], Known) else None
    if not isinstance(file, FileValue) or arguments.keywords:
        return None
    content = content_of(machine, file, arguments.span)
    read = json.loads if name == "json.load" else _toml
    try:
        return apply(machine, read, arguments.span, content)
    except RecursionError:
        return Unknown(reason="the document is nested too deeply", origin=arguments.span)


def _toml(content: str | bytes) -> dict[str, object]:
    """Return the tables of a TOML document.

    Raises:
        TypeError: the content is text; `tomllib.load` raises it too.
    """
    if isinstance(content, str):
        raise TypeError("File must be opened in binary mode, e.g. use `open('foo.toml', 'rb')`")
    return load_toml(content.decode())
