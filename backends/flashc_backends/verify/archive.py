"""Read the files of an artifact's archive, and report what is wrong with its packing."""

from __future__ import annotations

import gzip
import hashlib
import posixpath
import stat
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO

from msgspec import Struct, field

from flashc_backends.archive import header_of

_MOST = 64 * 1024**3  # bytes unpacked; a larger archive is refused as an attack
_MOST_HEADERS = 1024**2  # bytes of headers before one file; headers that flashc writes are smaller
_SPECIAL_MODES = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX
_KEPT = 8 * 1024**2  # bytes; the content of larger files is not kept
_CHUNK = 1 << 20  # bytes


class ArchiveMember(Struct, frozen=True, kw_only=True):
    """A file of the archive; `load` returns its content, None if the file is too large to be kept.

    `time` is its modification time in Unix seconds, None if it is not known.
    """

    size: int
    digest: str
    head: bytes
    load: Callable[[], bytes | None]
    executable: bool = False
    time: int | None = None

    @property
    def content(self) -> bytes | None:
        """The content; None if the file is too large to be kept."""
        return self.load()


def read_members(packed: BinaryIO) -> tuple[dict[str, ArchiveMember], list[tuple[str, str]]]:
    """Return the files of an archive, and (path, problem) for each file that is packed wrongly.

    Raises:
        OSError, EOFError, tarfile.TarError, zlib.error, ValueError: the file is not an archive, or
            too large.
    """
    found: dict[str, ArchiveMember] = {}
    problems: list[tuple[str, str]] = []
    total = 0
    with gzip.GzipFile(fileobj=packed, mode="rb") as unpacked:
        stream = _Forwards(stream=unpacked)
        archive = tarfile.TarFile(fileobj=stream, mode="r")  # type: ignore[arg-type]
        for info in archive:
            path = posixpath.normpath(info.name)
            total += max(info.size, 0)
            if total > _MOST:
                raise ValueError("it unpacks to more than 64 GiB")
            problems += _packing_problems(path, info)
            if stream.take_headers() != _expected_header(path, info):
                problems.append((path, "its header in the archive is not one that flashc writes"))
            if not info.isfile() or info.issparse():
                continue
            if path in found:
                problems.append((path, "it is in the archive twice"))
            member = _member(stream.content(info.size), info)
            found.setdefault(path, member)
        if stream.rest().strip(b"\0"):
            raise ValueError("a part of it is not a tar archive")
        while rest := unpacked.read(_CHUNK):  # at the end, the checksum of all data is compared
            if rest.strip(b"\0"):
                raise ValueError("a part of it is not a tar archive")
    return found, problems


def load_nothing() -> None:
    """Return None: the `load` of a file whose content is not kept."""


class _Forwards(Struct, eq=False, kw_only=True):
    """A stream without backward seeks for `tarfile`; it keeps headers, not file contents."""

    stream: gzip.GzipFile
    _position: int = 0
    _kept: bytearray = field(default_factory=bytearray)
    _padding: int = 0

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, position: int) -> int:
        """Read up to a position; the skipped bytes are kept as header data.

        Raises:
            ValueError: the position is before the current one, or more than the header limit ahead.
        """
        if position < self._position:
            raise ValueError("its headers contradict each other")
        while self._position < position:
            if not self.read(min(position - self._position, _CHUNK)):
                break
        return self._position

    def read(self, size: int) -> bytes:
        """Read a part of a header.

        Raises:
            ValueError: the headers of a file are too large.
        """
        if len(self._kept) + size > _MOST_HEADERS + _CHUNK:
            raise ValueError("it contains a header that is too large")
        data = self.stream.read(size)
        self._position += len(data)
        self._kept += data
        return data

    def take_headers(self) -> bytes:
        """Return and forget the bytes read since the last file, without that file's zero padding."""
        data = bytes(self._kept)
        self._kept.clear()
        padding, self._padding = self._padding, 0
        return data[padding:] if not any(data[:padding]) else data

    def content(self, size: int) -> Iterator[bytes]:
        """Yield the content of the file whose headers were read last."""
        self._padding = -size % tarfile.BLOCKSIZE
        while size > 0:
            chunk = self.stream.read(min(size, _CHUNK))
            if not chunk:
                raise EOFError("a file of it is cut off")
            self._position += len(chunk)
            size -= len(chunk)
            yield chunk

    def rest(self) -> bytes:
        """Return the bytes read since the last file."""
        return bytes(self._kept)


def _packing_problems(path: str, info: tarfile.TarInfo) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) for what a worker must not unpack."""
    if info.name.startswith("/") or path.startswith("..") or "\\" in info.name:
        yield info.name, "its path leads out of the folder into which it is unpacked"
    elif not info.isfile():
        yield path, "it is not a regular file"
    if not path.isprintable():
        yield path, "its name contains characters that can't be printed"
    if info.mode & _SPECIAL_MODES:
        yield path, "it has special permissions (setuid, setgid or sticky)"
    if info.uid or info.gid or info.uname or info.gname:
        yield path, "it belongs to a user of the machine that built it"


def _expected_header(path: str, info: tarfile.TarInfo) -> bytes | None:
    """Return the header that flashc writes for a file; None if flashc can't write this header."""
    executable = bool(info.mode & 0o100)
    try:
        return header_of(path, info.size, int(info.mtime), executable=executable)
    except (ValueError, OverflowError):
        return None


def _member(content: Iterator[bytes], info: tarfile.TarInfo) -> ArchiveMember:
    """Return a file of the archive."""
    total, kept, head = hashlib.sha256(), list[bytes](), b""
    for chunk in content:
        total.update(chunk)
        head = head or chunk[:64]
        if info.size <= _KEPT:
            kept.append(chunk)
    return ArchiveMember(
        size=info.size,
        digest=total.hexdigest(),
        head=head,
        load=partial(bytes, b"".join(kept)) if info.size <= _KEPT else load_nothing,
        executable=bool(info.mode & 0o100),
        time=int(info.mtime),
    )
