"""Read the files of a new archive piece by piece, and cache what was found in each piece.

A build writes its own files in pieces, most of which are the same as in the build before.  A piece
is read back from the finished archive, and the SHA-256 of these bytes is the key of its record in
the cache.  So the record of a piece is used only if exactly these bytes are in the archive.  The
facts of a module are used only if its text has the same digest as before.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cached_property, partial
from hashlib import sha256
from io import BufferedReader, BytesIO, RawIOBase
from typing import TYPE_CHECKING, BinaryIO

import msgspec
from msgspec import Struct, field

from flashc_core.cache import Store, decoded, digest

from .archive import ArchiveMember, read_members
from .facts import ModuleFacts

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_RECORDS, _FACTS = "verified", "facts"
_MOST_KEPT = 32 * 1024**2  # bytes; the files of a larger piece are read without caching a record


class _File(Struct, frozen=True, array_like=True, kw_only=True):
    """A file of a piece, without its content."""

    size: int
    digest: str
    head: bytes
    executable: bool
    time: int | None


def _file(member: ArchiveMember) -> _File:
    """Return a file of a piece without its content."""
    return _File(
        size=member.size,
        digest=member.digest,
        head=member.head,
        executable=member.executable,
        time=member.time,
    )


class _Record(Struct, frozen=True):
    """What was found in a piece: its files by path, and (path, problem) of those packed wrongly."""

    files: dict[str, _File]
    problems: list[tuple[str, str]]


class _Known(Struct, frozen=True, array_like=True):
    """The facts of a module whose text has this digest."""

    digest: str
    facts: ModuleFacts


class _Piece(Struct, eq=False, dict=True):
    """The bytes of a piece with its record, and what is cached about modules with the same paths."""

    data: bytes
    record: _Record
    modules: dict[str, _Known]

    @cached_property
    def contents(self) -> dict[str, ArchiveMember]:
        """The files, unpacked again."""
        return read_members(BytesIO(self.data))[0]

    def member(self, path: str, file: _File) -> ArchiveMember:
        """Return a file; it is unpacked only if its content is needed."""
        load = partial(self._content, path)
        return ArchiveMember(
            size=file.size,
            digest=file.digest,
            head=file.head,
            load=load,
            executable=file.executable,
            time=file.time,
        )

    def _content(self, path: str) -> bytes | None:
        return self.contents[path].content


class Pieces(Struct, eq=False, kw_only=True):
    """The files of an archive that are not in its layers.

    `members` are the files, `problems` (path, problem) of those that are packed wrongly, and
    `known` the facts of modules whose text was parsed before.

    `compiler` is a key of the program that verifies; what is in the cache is used only by the program
    that has written it.  If it is empty, nothing is cached.
    """

    cache: Store
    compiler: str
    members: dict[str, ArchiveMember] = field(default_factory=dict[str, ArchiveMember])
    problems: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    known: dict[str, ModuleFacts] = field(default_factory=dict[str, ModuleFacts])
    _pieces: list[_Piece] = field(default_factory=list[_Piece])

    def read(self, stream: BinaryIO, sizes: Sequence[int]) -> None:
        """Read the rest of an archive, whose pieces have these sizes in bytes."""
        for size in sizes:
            if size > _MOST_KEPT or not self.compiler:
                self._add(*read_members(BufferedReader(_Part(stream, size))))
            else:
                self._add_piece(stream.read(size))
        if stream.read(1):
            self.problems.append(("", "it continues after its last file"))

    def save(self, parsed: dict[str, ModuleFacts]) -> None:
        """Cache the facts of modules that were parsed now, next to those of the same piece."""
        for piece in self._pieces:
            files = piece.record.files
            new = {
                path: _Known(files[path].digest, parsed[path])
                for path in files.keys() & parsed.keys()
                if parsed[path].problem is None
            }
            if new:
                data = msgspec.msgpack.encode(piece.modules | new)
                self.cache.write(_FACTS, self._key(*files), data)

    def _add_piece(self, data: bytes) -> None:
        """Add the files of a piece, which is unpacked if it has no record."""
        key = self._key(sha256(data).hexdigest())
        record = decoded(self.cache.read(_RECORDS, key), _Record)
        members: dict[str, ArchiveMember] | None = None
        if record is None:
            members, problems = read_members(BytesIO(data))
            files = {path: _file(m) for path, m in members.items()}
            record = _Record(files, problems)
            self.cache.write(_RECORDS, key, msgspec.msgpack.encode(record))
        known = decoded(self.cache.read(_FACTS, self._key(*record.files)), dict[str, _Known]) or {}
        self.known |= {
            path: each.facts
            for path, each in known.items()
            if path in record.files and each.digest == record.files[path].digest
        }
        piece = _Piece(data, record, known)
        if members is None:
            members = {path: piece.member(path, file) for path, file in record.files.items()}
        self._add(members, record.problems)
        self._pieces.append(piece)

    def _key(self, *parts: str) -> str:
        """Return a key for results of this verifier and of this Python's parser."""
        return digest(self.compiler, sys.version, *parts)

    def _add(self, members: dict[str, ArchiveMember], problems: list[tuple[str, str]]) -> None:
        """Add the files of a piece."""
        twice = members.keys() & self.members.keys()
        self.problems += [*problems, *((path, "it is in the archive twice") for path in twice)]
        self.members |= members


class _Part(RawIOBase):
    """The next bytes of a stream, as a file."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self._stream.read(min(len(view), self._left))
        view[: len(data)] = data
        self._left -= len(data)
        return len(data)
