"""Read and write RECORD files, which list the files of an installed package (PEP 376)."""

from __future__ import annotations

import csv
import hashlib
import io
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

# Importing the installer takes a while, and a build without new packages does not need it
if TYPE_CHECKING:
    from installer.records import Hash, RecordEntry

_STRONGER = frozenset({"sha384", "sha512"})


class InvalidRecord(ValueError):
    """The text is not a RECORD; the message says why."""


def read_record(text: str) -> list[RecordEntry]:
    """Return the entries of a RECORD, in its order; blank lines are skipped.

    Raises:
        InvalidRecord: a line does not have a path, a hash and a size.
    """
    from installer.records import InvalidRecordEntry, RecordEntry, parse_record_file

    lines = (line for line in io.StringIO(text, newline="") if line.strip())
    try:
        entries = [RecordEntry.from_elements(*row) for row in parse_record_file(lines)]
    except (InvalidRecordEntry, csv.Error) as error:
        raise InvalidRecord(str(error)) from error
    if any("\0" in entry.path for entry in entries):
        raise InvalidRecord("a path contains a null character")
    return entries


def write_record(entries: Iterable[RecordEntry]) -> str:
    """Return the text of a RECORD."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(entry.to_row() for entry in entries)
    return text.getvalue()


def is_record(path: str) -> bool:
    """Return whether a file is the RECORD of an installed distribution.

    Distributions such as setuptools contain copies of others in subfolders, whose RECORDs do not count.
    """
    return path.endswith(".dist-info/RECORD") and path.count("/") == 1


def has_hash(entry: RecordEntry, digest: str, content: bytes | Path | None) -> bool:
    """Return whether a file has the hash that its entry lists; only the entry of the RECORD itself may have none.

    `digest` is the file's SHA-256 in hex.  Wheels may list a stronger hash: then `content`, the
    bytes or the file, is hashed.  If `content` is None, a stronger hash can't be compared, and the
    result is False.  A weaker hash is refused.
    Source: packaging.python.org/en/latest/specifications/binary-distribution-format.
    """
    listed = entry.hash_
    if listed is None:
        return is_record(entry.path)
    if listed.name == "sha256":
        return listed.value == _encoded(bytes.fromhex(digest))
    if listed.name not in _STRONGER or content is None:
        return False
    return listed.value == _encoded(_digest(content, listed.name))


def hash_of(content: bytes) -> Hash:
    """Return the hash of a file for its entry in a RECORD."""
    from installer.records import Hash

    return Hash("sha256", _encoded(hashlib.sha256(content).digest()))


def _digest(content: bytes | Path, name: str) -> bytes:
    """Return the digest of bytes or of a file; `name` is the algorithm."""
    if isinstance(content, bytes):
        return hashlib.new(name, content).digest()
    with content.open("rb") as stream:
        return hashlib.file_digest(stream, name).digest()


def _encoded(digest: bytes) -> str:
    """Return a digest as RECORD files write it: base64 for URLs, without padding."""
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
