"""Parse TOML and JSON that others have written; every text that can't be used is one kind of error."""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar, cast

_T = TypeVar("_T")
_DEEPEST = 200  # levels of tables and arrays; code that follows them is recursive
_LONG_KEY = re.compile(
    r"""(?<![\w.-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')\s*+\.\s*+)""" f"{{{_DEEPEST}}}"
)
_POSITION = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)")


class UnreadableDocument(ValueError):
    """A text is not a document of its format, or can't be used; the message says why.

    `line` and `column` are those of the mistake; 0 if the parser does not say them.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def load_toml(text: str) -> dict[str, Any]:
    """Return what `tomllib.loads` returns, but never need long for it.

    Raises:
        RecursionError: the document is nested very deeply.
        ValueError: the text is not TOML, or has a huge number.
    """
    import tomllib  # takes longer to import than a cached check

    if _LONG_KEY.search(text):  # the parser needs a time that grows with the cube of the length
        raise RecursionError("the keys are nested too deeply")
    return tomllib.loads(text)


def parse_toml(text: str) -> dict[str, Any]:
    """Return the content of a TOML document.

    Raises:
        UnreadableDocument: the text is not TOML, nested too deeply, or has a huge number.
    """
    try:
        document = load_toml(text)
    except RecursionError as error:
        raise UnreadableDocument("it is nested too deeply") from error
    except ValueError as error:  # a wrong syntax, or a number that Python refuses
        match = _POSITION.search(str(error))
        line, column = (int(match[1] or 0), int(match[2] or 0)) if match is not None else (0, 0)
        raise UnreadableDocument(str(error), line, column) from error
    _check_depth(document)
    return document


def parse_json(text: str | bytes) -> Any:
    """Return the content of a JSON document.

    Raises:
        UnreadableDocument: the text is not JSON, nested too deeply, or has a huge number.
    """
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise UnreadableDocument("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise UnreadableDocument(str(error), error.lineno, error.colno) from error
    except ValueError as error:  # bytes in no encoding of JSON, or a number that Python refuses
        raise UnreadableDocument(str(error)) from error
    _check_depth(document)
    return document


def decode_json(data: str | bytes, kind: type[_T]) -> _T:
    """Return a JSON document as a value of a type that msgspec knows.

    Raises:
        UnreadableDocument: the text is not JSON, is nested too deeply, or is of another type.
    """
    import msgspec

    try:
        return msgspec.json.decode(data, type=kind)
    except RecursionError as error:
        raise UnreadableDocument("it is nested too deeply") from error
    except (msgspec.MsgspecError, ValueError) as error:  # also bytes that are not UTF-8
        raise UnreadableDocument(str(error)) from error


def _check_depth(document: object) -> None:
    """Check that a document is not nested too deeply for the code that reads it.

    Raises:
        UnreadableDocument: it is.
    """
    level: list[object] = [document]
    for _ in range(_DEEPEST):
        inside = [each for each in level if isinstance(each, dict | list)]
        if not inside:
            return
        level = []
        for each in inside:
            level += (
                cast("dict[str, object]", each).values()
                if isinstance(each, dict)
                else cast("list[object]", each)
            )
    raise UnreadableDocument("it is nested too deeply")
