"""Decode and encode Python files, in the encoding that the file declares."""

from __future__ import annotations

import codecs
import tokenize
import unicodedata
from io import BytesIO

# The categories of Unicode: control, format, surrogate, private use, and separators of lines and paragraphs.
_CONTROLS = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))


_MARKS = (  # that of UTF-16-LE is the beginning of that of UTF-32-LE
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Where the first 16 bytes of a text with Latin letters are zero, without a mark in front of it.
_ZEROS = bytes([ord("0"), *[ord("a")] * 255])
_SHAPES = {
    b"a000" * 4: "utf-32-le",
    b"000a" * 4: "utf-32-be",
    b"a0" * 8: "utf-16-le",
    b"0a" * 8: "utf-16-be",
}


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
    except (
        LookupError,
        UnicodeError,
    ) as error:  # `zlib` is no encoding of text, and `idna` not of this one
        raise Undecodable(f"it is not {encoding}: {error}") from error
    if not is_text(text):
        raise Undecodable("it contains half of a character (a lone surrogate)")
    return text, encoding


def encode(text: str) -> bytes:
    """Return the bytes of a Python file: in the encoding that its text declares, or in UTF-8."""
    plain = text.encode("utf-8", "surrogatepass")
    try:
        return text.encode(tokenize.detect_encoding(BytesIO(plain).readline)[0])
    except (SyntaxError, LookupError, UnicodeError):
        return plain


def wide_as_utf8(data: bytes) -> bytes | None:
    """Return a text in UTF-16 or UTF-32 as UTF-8; None if the data are something else.

    Without a byte order mark, the text is recognised if it begins with ASCII characters.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    encoding = encoding or _SHAPES.get(data[:16].translate(_ZEROS))
    return None if encoding is None else data.decode(encoding, "replace").encode("utf-8", "replace")


def is_text(text: str) -> bool:
    """Return whether UTF-8 and JSON can express a string, so that it has no lone surrogates."""
    return printable(text) == text


def printable(text: str) -> str:
    """Return a string with escapes in place of lone surrogates."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def visible(text: str) -> str:
    """Return the text with U+FFFD for each character that controls a terminal or the direction of text.

    Line feeds stay.  Invisible characters and those for private use are replaced too.
    """
    return text if _is_plain(text) else "".join(map(_visible_character, text))


def visible_json(text: str) -> str:
    """Return a JSON text with escapes in place of the characters that `visible` replaces."""
    return text if _is_plain(text) else "".join(map(_escaped_character, text))


def _is_plain(text: str) -> bool:
    """Return whether a text has no character that `visible` would replace."""
    return text.isascii() and text.replace("\n", "").isprintable()


def _visible_character(character: str) -> str:
    """Return one character as `visible` returns it."""
    is_control = unicodedata.category(character) in _CONTROLS and character != "\n"
    return "\N{REPLACEMENT CHARACTER}" if is_control else character


def _escaped_character(character: str) -> str:
    """Return one character of a JSON text as `visible_json` returns it."""
    if _visible_character(character) == character:
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _line_of_invalid_utf8(data: bytes) -> int:
    """Return the line of the first bytes that are not UTF-8."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return data.count(b"\n", 0, error.start) + 1
    return 1
