"""Decode and encode Python files, in the encoding that the file declares."""

from __future__ import annotations

import tokenize
from io import BytesIO


class Undecodable(ValueError):
    """The bytes are not text in the encoding that the file declares.  `line` counts from 1."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


def decode(data: bytes) -> tuple[str, str]:
    """Return the text and the encoding of a Python file, by Python's own rules (PEP 263).

    Newlines are not changed.

    Raises:
        Undecodable: the encoding is unknown, or the bytes are invalid in it.
    """
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
    except SyntaxError as error:
        raise Undecodable(str(error.msg), _line_of_invalid_utf8(data)) from error
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Undecodable(f"byte 0x{data[error.start]:02x} is not {encoding}", line) from error
    if not is_text(text):
        raise Undecodable("it contains half of a character (a lone surrogate)")
    return text, encoding


def encode(text: str) -> bytes:
    """Return the bytes of a Python file: in the encoding that its text declares, or in UTF-8."""
    plain = text.encode("utf-8", "surrogatepass")
    try:
        return text.encode(tokenize.detect_encoding(BytesIO(plain).readline)[0])
    except (SyntaxError, UnicodeEncodeError):
        return plain


def is_text(text: str) -> bool:
    """Return whether UTF-8 and JSON can express a string, so that it has no lone surrogates."""
    return printable(text) == text


def printable(text: str) -> str:
    """Return a string with escapes in place of lone surrogates."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _line_of_invalid_utf8(data: bytes) -> int:
    """Return the line of the first bytes that are not UTF-8."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return data.count(b"\n", 0, error.start) + 1
    return 1
