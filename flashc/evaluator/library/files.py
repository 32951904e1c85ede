"""Evaluate files of the project that the program opens, and the standard library's readers of them."""

from __future__ import annotations

import io
import json
import tomllib
from typing import Any

from flashc.evaluator.escape import escape_value
from flashc.evaluator.library_values import FileValue
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.operations.apply import apply
from flashc.evaluator.operations.iteration import IterationUnknown, iterate
from flashc.evaluator.path_values import ProjectPath
from flashc.evaluator.values import IteratorValue, Known, Unknown, Value, concrete, lift
from flashc_core.source import Span

from .paths import read_project_file

_TEXT_MODES, _BYTE_MODES = ("r", "rt", "tr"), ("rb", "br")


def open_file(machine: Machine, path: ProjectPath, arguments: CallArguments, mode: Value) -> Value:
    """Return the file that `open(path, mode)` opens, read as a whole."""
    machine.may_raise()
    known = mode.value if isinstance(mode, Known) else None
    if known not in (*_TEXT_MODES, *_BYTE_MODES):
        reason = "flashc does not evaluate this `open(...)`"
        return Unknown(reason=reason, origin=arguments.span)
    in_bytes = known in _BYTE_MODES
    content = read_project_file(machine, path, arguments.span, in_bytes=in_bytes)
    if not isinstance(content, Known) or not isinstance(content.value, (str, bytes)):
        return content
    lines = (Known(line, arguments.span) for line in lines_of(content.value))
    return Known(FileValue(IteratorValue(lines, "file"), in_bytes), arguments.span)


def lines_of(content: str | bytes) -> list[str] | list[bytes]:
    """Return the lines with their ends; those of a text are translated already."""
    if isinstance(content, bytes):
        return io.BytesIO(content).readlines()
    return io.StringIO(content, newline="\n").readlines()


def open_by_name(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `open(path)` and `io.open(path)` for a file of the project."""
    values = arguments.values
    path = values[0].value if values and isinstance(values[0], Known) else None
    if not isinstance(path, ProjectPath):
        return None
    given = arguments.keywords.get("mode")
    mode = values[1] if len(values) > 1 else given.value if given else Known("r", arguments.span)
    return open_file(machine, path, arguments, mode)


def method(machine: Machine, file: FileValue, name: str, arguments: CallArguments) -> Value:
    """Return the result of a method of an open file."""
    if arguments.positional or name not in ("read", "readlines"):
        reason = f"flashc does not evaluate what is read of a file after `{name}`"
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
    if name == "json.load":
        return apply(machine, json.loads, arguments.span, content)
    return apply(machine, _toml, arguments.span, content)


def _toml(content: str | bytes) -> dict[str, object]:
    """Return the tables of a TOML document; like `tomllib.load`, only from bytes."""
    if isinstance(content, str):
        raise TypeError("File must be opened in binary mode, e.g. use `open('foo.toml', 'rb')`")
    return tomllib.loads(content.decode())
