"""Read the files of a new archive piece by piece, and cache what was found in each piece.

A build writes its own files in pieces, most of which are the same as in the build before.  A piece
is read back from the finished archive, and the SHA-256 of these bytes is the key of its record in
the cache.  So the record of a piece is used only if exactly these bytes are in the archive.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from hashlib import sha256
from io import BufferedReader, BytesIO, RawIOBase
from typing import TYPE_CHECKING, BinaryIO

import msgspec
from msgspec import Struct

from flashc_core.cache import Store, digest

from .archive import ArchiveMember, read_members
from .facts import ModuleFacts

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_KIND = "verified"
_MOST_KEPT = 32 * 1024**2  # bytes; the files of a larger piece are read without caching a record


class _File(Struct, frozen=True, array_like=True):
    """A file of a piece, without its content."""

    size: int
    digest: str
    head: bytes


class _Record(Struct, frozen=True):
    """What was found in a piece: its files and the facts of its modules, by path, and problems."""

    files: dict[str, _File]
    problems: list[tuple[str, str]]
    modules: dict[str, ModuleFacts] = {}


@dataclass(eq=False)
class _Piece:
    """The bytes of a piece with its record; `key` is that of the record in the cache."""

    data: bytes
    key: str
    record: _Record
    is_new: bool

    @cached_property
    def contents(self) -> dict[str, ArchiveMember]:
        """The files, unpacked again."""
        return read_members(BytesIO(self.data))[0]

    def content(self, path: str) -> bytes | None:
        """Return the content of a file; None if it is too large to be kept."""
        return self.contents[path].content


@dataclass(eq=False)
class Pieces:
    """The files of an archive that are not in its layers.

    `members` are the files, `problems` (path, problem) of those that are packed wrongly, and
    `known` the facts of modules that were found in the same pieces before.
    """

    cache: Store
    members: dict[str, ArchiveMember] = field(default_factory=dict[str, ArchiveMember])
    problems: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    known: dict[str, ModuleFacts] = field(default_factory=dict[str, ModuleFacts])
    _pieces: list[_Piece] = field(default_factory=list[_Piece])

    def read(self, stream: BinaryIO, sizes: Sequence[int], compiler: str) -> None:
        """Read the rest of an archive, whose pieces have these sizes in bytes.

        `compiler` is a key of the program that verifies; a record is used only by the program that
        has written it.  If it is empty, nothing is cached.
        """
        for size in sizes:
            if size > _MOST_KEPT or not compiler:
                self._add(*read_members(BufferedReader(_Part(stream, size))))
            else:
                self._add_piece(stream.read(size), compiler)
        if stream.read(1):
            self.problems.append(("", "it continues after its last file"))

    def save(self, parsed: dict[str, ModuleFacts]) -> None:
        """Cache the records of new pieces, and of those with modules that were parsed now."""
        for piece in self._pieces:
            record = piece.record
            new = {path: parsed[path] for path in record.files.keys() & parsed.keys()}
            if piece.is_new or new:
                facts = {**record.modules, **new}
                kept = {p: f for p, f in facts.items() if f.problem is None or f.is_syntax_problem}
                found = _Record(record.files, record.problems, kept)
                self.cache.write(_KIND, piece.key, msgspec.msgpack.encode(found))

    def _add_piece(self, data: bytes, compiler: str) -> None:
        """Add the files of a piece, from its record if it has one."""
        key = digest(compiler, sys.version, sha256(data).hexdigest())
        cached = self.cache.read(_KIND, key)
        if cached is not None:
            record = msgspec.msgpack.decode(cached, type=_Record)
            piece = _Piece(data, key, record, is_new=False)
            members = {
                path: ArchiveMember(
                    size=file.size,
                    digest=file.digest,
                    head=file.head,
                    load=partial(piece.content, path),
                )
                for path, file in record.files.items()
            }
            self.known |= record.modules
            self._add(members, record.problems)
        else:
            members, problems = read_members(BytesIO(data))
            files = {path: _File(m.size, m.digest, m.head) for path, m in members.items()}
            piece = _Piece(data, key, _Record(files, problems), is_new=True)
            self._add(members, problems)
        self._pieces.append(piece)

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
