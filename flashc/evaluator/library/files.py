"""Evaluate files of the project that the program opens, and the standard library's readers of them."""

from __future__ import annotations

import json
import tomllib

from flashc.evaluator.library_values import FileValue
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.operations.apply import apply
from flashc.evaluator.values import Known, ProjectPath, Unknown, Value

from .paths import read_project_file

_TEXT_MODES, _BYTE_MODES = ("r", "rt", "tr"), ("rb", "br")


def open_file(machine: Machine, path: ProjectPath, arguments: CallArguments, mode: Value) -> Value:
    """Return the file that `open(path, mode)` opens, read as a whole."""
    machine.may_raise()
    known = mode.value if isinstance(mode, Known) else None
    if known not in (*_TEXT_MODES, *_BYTE_MODES):
        reason = "flashc does not evaluate this `open(...)`"
        return Unknown(reason=reason, origin=arguments.span)
    text = read_project_file(machine, path, arguments.span)
    if isinstance(text, Unknown):
        return text
    return Known(FileValue(text, in_bytes=known in _BYTE_MODES), arguments.span)


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
    if name == "close":
        return Known(None, arguments.span)
    if arguments.positional or name not in ("read", "readlines"):
        machine.may_raise()
        reason = f"flashc does not evaluate `{name}` of a file"
        return Unknown(reason=reason, origin=arguments.span)
    text = _content(machine, file, arguments)
    if name == "read":
        return text
    return apply(machine, _lines, arguments.span, text)


def _lines(text: str | bytes) -> list[str] | list[bytes]:
    """Return the lines of a text with their ends; a file has no other ends of lines."""
    if isinstance(text, bytes):
        return text.splitlines(keepends=True)
    return [f"{line}\n" for line in text.split("\n")[:-1]] + [
        part for part in text.split("\n")[-1:] if part
    ]


def _content(machine: Machine, file: FileValue, arguments: CallArguments) -> Value:
    """Return what is left to read of a file: everything, and nothing the second time."""
    empty: str | bytes = b"" if file.in_bytes else ""
    if machine.condition is not None or file.is_read is None:
        file.is_read = None
        reason = "it is not known how much of the file was read before"
        return Unknown(reason=reason, origin=arguments.span)
    if file.is_read:
        return Known(empty, arguments.span)
    file.is_read = True
    return apply(machine, str.encode, arguments.span, file.text) if file.in_bytes else file.text


def load(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `json.load(file)` and `tomllib.load(file)`."""
    values = arguments.values
    file = values[0].value if len(values) == 1 and isinstance(values[0], Known) else None
    if not isinstance(file, FileValue) or arguments.keywords:
        return None
    content = _content(machine, file, arguments)
    if name == "json.load":
        return apply(machine, json.loads, arguments.span, content)
    return apply(machine, _toml, arguments.span, content)


def _toml(content: str | bytes) -> dict[str, object]:
    """Return the tables of a TOML document; like `tomllib.load`, only from bytes."""
    if isinstance(content, str):
        raise TypeError("File must be opened in binary mode, e.g. use `open('foo.toml', 'rb')`")
    return tomllib.loads(content.decode())
