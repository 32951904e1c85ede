"""Read files of the project as the arguments of `open`, `Path.open` or `Path.read_text` say."""

from __future__ import annotations

import io
from collections.abc import Sequence

from msgspec import Struct

from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.path_values import ProjectPath
from flashc.evaluator.values import Known, Unknown, Value, lift
from flashc_core.source import Span

from .paths import bytes_of_project_file

_TEXT_MODES, _BYTE_MODES = ("r", "rt", "tr"), ("rb", "br")
_WORKERS_ENCODING = "utf-8"  # also of images without a locale: PEP 540
_ERRORS = ("strict", "ignore", "replace", "backslashreplace")
_NEWLINES = (None, "", "\n", "\r", "\r\n")
_OPEN = ("mode", "buffering", "encoding", "errors", "newline")
_READ_TEXT = ("encoding", "errors", "newline")


class Opening(Struct, frozen=True, kw_only=True):
    """How a file is read: as bytes, or as a text with an encoding and a treatment of its line ends."""

    in_bytes: bool = False
    encoding: str = _WORKERS_ENCODING
    errors: str = "strict"
    newline: str | None = None


def opening_of(arguments: CallArguments, positional: Sequence[Value]) -> Opening | Unknown:
    """Return what the arguments of `open` say; `positional` are those after the path."""
    return _opening(arguments, positional, _OPEN)


def opening_of_text(arguments: CallArguments) -> Opening | Unknown:
    """Return what the arguments of `Path.read_text` say."""
    return _opening(arguments, arguments.values, _READ_TEXT)


def _opening(
    arguments: CallArguments, positional: Sequence[Value], names: tuple[str, ...]
) -> Opening | Unknown:
    """Return what arguments say; Unknown if flashc does not know what they mean."""
    unknown = Unknown(reason="flashc does not evaluate this way to read", origin=arguments.span)
    values = dict(zip(names, positional, strict=False))
    values |= {name: argument.value for name, argument in arguments.keywords.items()}
    if arguments.problem is not None or len(positional) > len(names) or values.keys() - {*names}:
        return arguments.problem or unknown
    given: dict[str, object] = {}
    for name, value in values.items():
        if not isinstance(value, Known):
            return value if isinstance(value, Unknown) else unknown
        given[name] = value.value
    mode = given.get("mode", "r")
    in_bytes = mode in _BYTE_MODES
    encoding, errors = given.get("encoding"), given.get("errors")
    newline = given.get("newline")
    if (
        (not in_bytes and mode not in _TEXT_MODES)
        or not isinstance(given.get("buffering", -1), int)
        or not isinstance(encoding, (str, type(None)))
        or errors not in (None, *_ERRORS)
        or newline not in _NEWLINES
        or (in_bytes and (encoding, errors, newline) != (None, None, None))
    ):
        return unknown
    if encoding is None or encoding == "locale":
        encoding = _WORKERS_ENCODING
    return Opening(
        in_bytes=in_bytes,
        encoding=encoding,
        errors=str(errors or "strict"),
        newline=None if newline is None else str(newline),
    )


def lines_of_file(
    machine: Machine, path: ProjectPath, opening: Opening, span: Span
) -> list[str] | list[bytes] | Unknown:
    """Return the lines of a file with their ends, as Python reads them."""
    data = bytes_of_project_file(machine, path, span)
    if isinstance(data, Unknown):
        return data
    if opening.in_bytes:
        return io.BytesIO(data).readlines()
    try:
        return io.TextIOWrapper(
            io.BytesIO(data), opening.encoding, opening.errors, opening.newline
        ).readlines()
    except (LookupError, UnicodeError, ValueError):
        encoding = opening.encoding.upper()
        return Unknown(reason=f"`{path.path}` can't be read as {encoding} text", origin=span)


def text_of_file(
    machine: Machine, path: ProjectPath, opening: Opening | Unknown, span: Span
) -> Value:
    """Return the text of a file."""
    if isinstance(opening, Unknown):
        return opening
    lines = lines_of_file(machine, path, opening, span)
    if isinstance(lines, Unknown):
        return lines
    return lift("".join(line for line in lines if isinstance(line, str)), span)
