"""Read and write RECORD files, which list the files of an installed package (PEP 376)."""

from __future__ import annotations

import csv
import hashlib
import io
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from pathlib import Path

from installer.records import Hash, InvalidRecordEntry, RecordEntry, parse_record_file

_STRONGER = frozenset({"sha384", "sha512"})


class InvalidRecord(ValueError):
    """The text is not a RECORD; the message says why."""


def read_record(text: str) -> list[RecordEntry]:
    """Return the entries of a RECORD, in its order; blank lines are skipped.

    Raises:
        InvalidRecord: a line does not have a path, a hash and a size.
    """
    lines = (line for line in io.StringIO(text, newline="") if line.strip())
    try:
        return [RecordEntry.from_elements(*row) for row in parse_record_file(lines)]
    except (InvalidRecordEntry, csv.Error) as error:
        raise InvalidRecord(str(error)) from error


def write_record(entries: Iterable[RecordEntry]) -> str:
    """Return the text of a RECORD."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(entry.to_row() for entry in entries)
    return text.getvalue()


def has_hash(entry: RecordEntry, digest: str, content: bytes | Path | None) -> bool:
    """Return whether a file has the hash that its entry lists; True if that can't be decided.

    `digest` is the file's SHA-256 in hex.  Wheels may list a stronger hash: then `content`, the
    bytes or the file, is hashed.  If `content` is None, a stronger hash is not compared.  A weaker
    hash is refused.
    Source: packaging.python.org/en/latest/specifications/binary-distribution-format.
    """
    listed = entry.hash_
    if listed is None:
        return True
    if listed.name == "sha256":
        return listed.value == _encoded(bytes.fromhex(digest))
    if listed.name not in _STRONGER:
        return False
    if content is None:
        return True
    return listed == Hash(listed.name, _encoded(_digest(content, listed.name)))


def hash_of(content: bytes) -> Hash:
    """Return the hash of a file for its entry in a RECORD."""
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
