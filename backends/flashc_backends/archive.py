"""Write drafts (files to be written) into a reproducible tar.gz archive: the same files give the same bytes."""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from io import BytesIO, RawIOBase
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import deflate

from flashc_backends.base import Changed, Draft, Progress, Silent
from flashc_core.cache import CachedFile, Store, digest
from flashc_core.environment_failures import source_date
from flashc_core.versions import version_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

LIMIT = 1500 * 1024 * 1024  # bytes; the platform refuses a larger upload
_LEVEL = 1
_CHUNK = 8_000_000  # uncompressed bytes per gzip member; packing needs about twice this memory
_FILES_OF_A_PIECE = 64  # on average
_KIND = "pieces"
FORMAT = f"tar-pax libdeflate-{version_of('deflate')}-{_LEVEL}-{_CHUNK}"
"""A part of the keys of cached pieces and layers: the versions and numbers that decide their bytes.

If a change of the code gives other bytes for the same files, change this text too.
"""


_START_OF_1980 = 315532800
SEAL_SIZE = 58
"""The size of the seal of an archive in bytes."""


class UnsafePath(ValueError):
    """A bug in a backend: the path of a draft is absolute, or leads out of the archive."""


def archive_mtime(environ: Mapping[str, str]) -> int:
    """Return the modification time of every member, in Unix seconds.

    It is the value of `SOURCE_DATE_EPOCH`, or the start of 1980 if that variable is not set.

    Raises:
        EnvironmentFailure: the variable has another value than seconds.
    """
    found = source_date(environ)
    return _START_OF_1980 if found is None else found


def write_archive(
    target: Path,
    drafts: Iterable[Draft],
    layers: Iterable[CachedFile],
    mtime: int,
    progress: Progress | None = None,
    cache: Store | None = None,
) -> list[int]:
    """Write the layers, then the drafts in pieces, to `target`; return the sizes of the pieces in bytes.

    The layers are already compressed parts from the cache.  The seal is not written (see `seal_of`).

    `progress` gets the number of bytes of each layer and draft that is written.  `cache` has the
    compressed pieces of earlier archives.

    Raises:
        UnsafePath: a member would leave the archive's root.
        Changed: a file has changed since it was compiled.
        OSError: a file can't be read or written.
    """
    progress = progress or Silent()
    with target.open("wb") as raw:
        for layer in layers:
            layer.copy_to(raw)
            progress.advance(layer.size)
        ends = [raw.tell()]
        pieces = _pieces(drafts)
        for number, piece in enumerate(pieces):
            _write_piece(raw, piece, mtime, progress, cache, last=number == len(pieces) - 1)
            ends.append(raw.tell())
    return [end - begin for begin, end in pairwise(ends)]


def seal_of(digest_before: bytes) -> bytes:
    """Return the seal of an archive: an empty gzip member that holds the SHA-256 of all bytes before it.

    With the seal, each changed, missing or additional byte is found.  Readers skip it.
    """
    extra = b"fc" + len(digest_before).to_bytes(2, "little") + digest_before
    header = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + len(extra).to_bytes(2, "little")
    return header + extra + b"\x03\0" + bytes(8)


def has_seal(archive: BinaryIO) -> bool:
    """Return whether the last bytes are the right seal (reads the whole archive; afterwards the stream is at its start)."""
    size = archive.seek(0, os.SEEK_END) - SEAL_SIZE
    archive.seek(0)
    total = sha256()
    while size > 0 and (chunk := archive.read(min(size, 1 << 20))):
        total.update(chunk)
        size -= len(chunk)
    seal = archive.read()
    archive.seek(0)
    return seal == seal_of(total.digest())


def _pieces(drafts: Iterable[Draft]) -> list[list[Draft]]:
    """Return the drafts in the order of their paths, divided into pieces.

    The name of a file decides whether a piece begins with it; so most pieces stay the same if a file
    is changed, added or removed.  But pieces are also divided by size, a new file may divide a piece,
    and the last piece contains the end of the archive.
    """
    pieces: list[list[Draft]] = [[]]
    size = 0
    for draft in sorted(drafts, key=lambda d: d.path):
        is_large = not isinstance(draft.content, bytes)  # it is a piece by itself
        begins = zlib.crc32(draft.path.encode()) % _FILES_OF_A_PIECE == 0
        if is_large or begins or size > _CHUNK:
            pieces.append([])
            size = 0
        pieces[-1].append(draft)
        size += len(draft.content) if isinstance(draft.content, bytes) else _CHUNK + 1
    return pieces if pieces[0] else pieces[1:] or pieces


def _write_piece(
    target: BinaryIO,
    drafts: Sequence[Draft],
    mtime: int,
    progress: Progress,
    cache: Store | None,
    *,
    last: bool,
) -> None:
    """Write a piece, from the cache if it is there; a large file is not cached.

    Raises:
        UnsafePath: a member would leave the archive's root.
        Changed: a file has changed since it was compiled.
        OSError: a file can't be read or written.
    """
    contents = [(d, d.content) for d in drafts if isinstance(d.content, bytes)]
    if cache is None or len(contents) < len(drafts):
        write_member(target, drafts, mtime, progress, last=last)
        return
    parts = (f"{d.path}\0{d.executable}\0{sha256(data).hexdigest()}" for d, data in contents)
    key = digest(FORMAT, str(mtime), str(last), *parts)
    packed = cache.read(_KIND, key)
    if packed is None:
        stream = BytesIO()
        write_member(stream, drafts, mtime, last=last)
        packed = stream.getvalue()
        cache.write(_KIND, key, packed)
    target.write(packed)
    progress.advance(sum(len(data) for _, data in contents))


def write_member(
    stream: BinaryIO,
    drafts: Iterable[Draft],
    mtime: int,
    progress: Progress | None = None,
    *,
    last: bool = False,
) -> None:
    """Write drafts as gzip members.

    Several calls make one archive; only the last one writes the end of the archive (`last`).

    Files are sorted, have no owner, and have the modification time `mtime`.

    Raises:
        UnsafePath: a member would leave the archive's root.
        Changed: a file has changed since it was compiled.
        OSError: a file can't be read or written.
    """
    packed = _Packer(stream)
    archive = tarfile.TarFile(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8")
    for draft in sorted(drafts, key=lambda d: d.path):
        size = _add(archive, draft, mtime)
        if progress is not None:
            progress.advance(size)
    if last:
        archive.close()
    packed.finish()


class _Packer(RawIOBase):
    """A stream that compresses what is written to it, one chunk at a time.

    libdeflate gives the same bytes on every processor.  ISA-L, which is twice as fast, and some
    builds of zlib do not: they choose their code by the features of the processor.
    """

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._waiting = bytearray()
        self._written = 0

    def writable(self) -> bool:
        """Return that the stream can be written to."""
        return True

    def write(self, data: ReadableBuffer) -> int:
        """Take data, and compress the complete chunks."""
        piece = memoryview(data).cast("B")
        self._waiting += piece
        self._written += len(piece)
        while len(self._waiting) >= _CHUNK:
            self._pack(_CHUNK)
        return len(piece)

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._written

    def finish(self) -> None:
        """Compress the rest.

        `close` does not do this, because it also runs if an exception ended the work.
        """
        if self._waiting:
            self._pack(len(self._waiting))

    def _pack(self, size: int) -> None:
        """Compress the first `size` waiting bytes and write them as one gzip member."""
        self._target.write(deflate.gzip_compress(bytes(self._waiting[:size]), _LEVEL))
        del self._waiting[:size]


class _Member(tarfile.TarInfo):
    """The description of a file: without owner, and with one of two modes."""

    def __init__(self, path: str, mtime: int, *, executable: bool) -> None:
        super().__init__(f"./{path}")
        self.mtime = mtime
        self.mode = 0o755 if executable else 0o644

    def tobuf(
        self,
        format: Literal[0, 1, 2] | None = tarfile.PAX_FORMAT,
        encoding: str | None = "utf-8",
        errors: str = "surrogateescape",
    ) -> bytes:
        """Return the header.

        If the name is short and ASCII, this takes a tenth of the time that `tarfile` needs.  Such
        headers of files with the same time and mode differ only in name, size and checksum.
        """
        if (
            len(self.name) > tarfile.LENGTH_NAME
            or not self.name.isascii()
            or self.size > _MOST_OCTAL
        ):
            return super().tobuf(format, encoding, errors)
        header, checksum = _nameless_header(int(self.mtime), self.mode)
        if len(header) != tarfile.BLOCKSIZE:  # a time that needs a header of its own
            return super().tobuf(format, encoding, errors)
        name, size = self.name.encode(), b"%011o" % self.size
        checksum += sum(name) + sum(size) - sum(b"0" * len(size))
        return b"".join(
            (name, header[len(name) : 124], size, header[135:148], b"%06o" % checksum, header[154:])
        )


_MOST_OCTAL = 8**11 - 1  # bytes; the size of a larger file needs another header


@lru_cache(16)
def _nameless_header(mtime: int, mode: int) -> tuple[bytes, int]:
    """Return a tar header with an empty name and size 0, and its checksum.

    `_Member.tobuf` fills in name, size and checksum.
    """
    info = tarfile.TarInfo()
    info.mtime, info.mode = mtime, mode
    header = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    return header, int(header[148:154], 8)


def header_of(path: str, size: int, mtime: int, *, executable: bool) -> bytes:
    """Return the header of a file in an archive: every byte before its content."""
    member = _Member(path, mtime, executable=executable)
    member.size = size
    return member.tobuf()


def _add(archive: tarfile.TarFile, draft: Draft, mtime: int) -> int:
    """Add a draft and return its size in bytes."""
    parts = draft.path.split("/")
    if draft.path.startswith("/") or ".." in parts or "" in parts:
        raise UnsafePath(draft.path)
    member = _Member(draft.path, mtime, executable=draft.executable)
    if isinstance(draft.content, bytes):
        member.size = len(draft.content)
        archive.addfile(member, BytesIO(draft.content))
    elif draft.digest is None:
        with draft.content.open("rb") as stream:
            member.size = os.fstat(stream.fileno()).st_size
            archive.addfile(member, stream)
    else:
        _add_unchanged(archive, member, draft.content, draft)
    return member.size


def _add_unchanged(
    archive: tarfile.TarFile, member: tarfile.TarInfo, file: Path, draft: Draft
) -> None:
    """Add a file to the archive; raise `Changed` if it does not have the draft's digest."""
    try:
        with open(os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):  # a pipe would never end
                raise Changed(draft.path)
            member.size = status.st_size
            reader = _Hashing(stream, draft.path)
            archive.addfile(member, reader)
    except FileNotFoundError as error:
        raise Changed(draft.path) from error
    if reader.total.hexdigest() != draft.digest:
        raise Changed(draft.path)


class _Hashing:
    """A file that is read once, and its SHA-256; raises `Changed` if the file became shorter."""

    def __init__(self, stream: BinaryIO, path: str) -> None:
        self._stream = stream
        self._path = path
        self.total = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read a part of the file, and add it to the hash; raise `Changed` if the file is shorter."""
        data = self._stream.read(size)
        if len(data) < size:
            raise Changed(self._path)
        self.total.update(data)
        return data
