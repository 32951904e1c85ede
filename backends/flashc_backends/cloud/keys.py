"""Find the API key where Runpod's tools put it, and write it there without touching anything else.

Sources, in order: the variable `RUNPOD_API_KEY` (also from the project's `.env`); the file
`~/.runpod/config.toml`, in which `flash` and `rp` write `[default].api_key` and `runpodctl` writes
a top-level `apikey`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from flashc_core.documents import UnreadableDocument, parse_toml
from flashc_core.files import replacing

if TYPE_CHECKING:  # only commands that write the file need it
    from tomlkit import TOMLDocument

VARIABLE = "RUNPOD_API_KEY"
_TABLE, _NAME, _OTHER_NAME = "default", "api_key", "apikey"


class Key(Struct, frozen=True):
    """An API key, and where it was found; the value is never shown."""

    value: str
    source: str

    def __repr__(self) -> str:
        return f"Key(***, {self.source!r})"


class KeyFileError(Exception):
    """The key file can't be read or written, or what was found is not a key; the text names the file or the variable."""


def key_file(home: Path | None = None) -> Path:
    """Return the path of the file that Runpod's tools share."""
    return (home or Path.home()) / ".runpod" / "config.toml"


def find_key(environ: Mapping[str, str], file: Path) -> Key | None:
    """Return the key of an environment or of the key file; None if there is none.

    Raises:
        KeyFileError: the file can't be read or is not TOML, or what was found can't be a key.
    """
    value = environ.get(VARIABLE, "").strip()
    if value:
        return _checked(value, f"the variable {VARIABLE}")
    document = _read(file)
    table = document.get(_TABLE)
    # `runpodctl` writes no tables.  If `[default]` exists without a key, `flash` or `rp` has logged
    # out, so `apikey` is not used.
    found = table.get(_NAME) if isinstance(table, Mapping) else document.get(_OTHER_NAME)
    value = found.strip() if isinstance(found, str) else ""
    return _checked(value, str(file)) if value else None


def _checked(value: str, source: str) -> Key:
    """Return a key that can be sent in a header."""
    if not re.fullmatch(r"[!-~]+", value):
        raise KeyFileError(
            f"what is in {source} is not an API key: it has spaces, control characters or "
            "characters outside ASCII"
        )
    return Key(value, source)


def save_key(file: Path, value: str) -> None:
    """Write the key as `[default].api_key`; only the user can read the file.

    Raises:
        KeyFileError: the file can't be read or written, or is not TOML.
    """
    import tomlkit

    before, document, wanted = _parse(file)
    table = document.get(_TABLE)
    if not isinstance(table, MutableMapping):
        table = tomlkit.table()
        document[_TABLE] = table
    table[_NAME] = value
    others = wanted.get(_TABLE)
    wanted[_TABLE] = {**(others if isinstance(others, dict) else {}), _NAME: value}
    _write(file, before, document.as_string(), wanted)


def remove_key(file: Path) -> bool:
    """Remove the key of `flash`, `rp` and `runpodctl` from the file; return whether it had one.

    Raises:
        KeyFileError: the file can't be read or written, or is not TOML.
    """
    before, document, wanted = _parse(file)
    table, others = document.get(_TABLE), wanted.get(_TABLE)
    found = False
    if isinstance(table, MutableMapping) and isinstance(others, dict) and _NAME in others:
        del table[_NAME], others[_NAME]
        found = True
    if _OTHER_NAME in wanted:
        del document[_OTHER_NAME], wanted[_OTHER_NAME]
        found = True
    if found:
        _write(file, before, document.as_string(), wanted)
    return found


def _read(file: Path) -> Mapping[str, object]:
    """Return the content of the file; {} if there is none."""
    try:
        return parse_toml(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, UnreadableDocument) as error:
        raise KeyFileError(f"`{file}` can't be read: {_without_content(error)}") from None


def _parse(file: Path) -> tuple[str, TOMLDocument, dict[str, object]]:
    """Return the text of the file, a document that keeps comments and order, and its content."""
    import tomlkit
    import tomlkit.exceptions

    try:
        with file.open(encoding="utf-8", newline="") as stream:
            text = stream.read()
        content = parse_toml(text)  # first, because `parse_toml` refuses more than tomlkit
        return text, tomlkit.parse(text), content
    except FileNotFoundError:
        return "", tomlkit.document(), {}
    except (OSError, ValueError, tomlkit.exceptions.TOMLKitError, RecursionError) as error:
        raise KeyFileError(f"`{file}` can't be read: {_without_content(error)}") from None


def _without_content(error: Exception) -> str:
    """Return why the file can't be read, without any of its text: that may be a key."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else "it is not TOML"


def _write(file: Path, before: str, text: str, wanted: Mapping[str, object]) -> None:
    """Replace the text of the file, with the line ends that it has.

    Raises:
        KeyFileError: the new text does not have the content `wanted`, or the file can't be written.
    """
    if "\r\n" in before:
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    if not _means(text, wanted):
        raise KeyFileError(
            f"`{file}` can't be changed without changing other keys; "
            f"edit `{_NAME}` in `[{_TABLE}]`, or `{_OTHER_NAME}`, by hand"
        )
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(file.resolve(), mode=0o600) as temporary:
            temporary.write_bytes(text.encode())
    except OSError as error:
        raise KeyFileError(f"`{file}` can't be written: {error.strerror}") from error


def _means(text: str, wanted: Mapping[str, object]) -> bool:
    """Return whether a text is TOML with this content."""
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False
