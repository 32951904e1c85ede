"""Read the files of an artifact's archive, and report what is wrong with its packing."""

from __future__ import annotations

import gzip
import hashlib
import posixpath
import stat
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

_MOST = 64 * 1024**3  # bytes unpacked; a larger archive is refused as an attack
_SPECIAL_MODES = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX
_KEPT = 8 * 1024**2  # bytes; the content of larger files is not kept


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveMember:
    """A file of the archive; `load` returns its content, None if the file is too large to be kept."""

    size: int
    digest: str
    head: bytes
    load: Callable[[], bytes | None]

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
        archive = tarfile.TarFile(fileobj=unpacked, mode="r")
        for info in archive:
            path = posixpath.normpath(info.name)
            total += info.size
            if total > _MOST:
                raise ValueError("it unpacks to more than 64 GiB")
            if info.name.startswith("/") or path.startswith("..") or "\\" in info.name:
                problems.append(
                    (info.name, "its path leads out of the folder into which it is unpacked")
                )
            elif info.isdir():
                continue
            elif not info.isfile():
                problems.append((path, "it is not a regular file"))
            elif path in found:
                problems.append((path, "it is in the archive twice"))
            else:
                stream = archive.extractfile(info)
                found[path] = _member(stream, info.size) if stream is not None else _NOTHING
            if not path.isprintable():
                problems.append((path, "its name contains characters that can't be printed"))
            if info.mode & _SPECIAL_MODES:
                problems.append((path, "it has special permissions (setuid, setgid or sticky)"))
            if info.uid or info.gid or info.uname or info.gname:
                problems.append((path, "it belongs to a user of the machine that built it"))
        while rest := unpacked.read(1 << 20):  # at the end, the checksum of all data is compared
            if rest.strip(b"\0"):
                raise ValueError("a part of it is not a tar archive")
    return found, problems


def not_kept() -> None:
    """Return no content: the `load` of a file whose content is not needed."""


_NOTHING = ArchiveMember(size=0, digest=hashlib.sha256().hexdigest(), head=b"", load=bytes)


def _member(stream: Any, size: int) -> ArchiveMember:
    """Return a file of the archive that is read from `stream`."""
    total, kept, head = hashlib.sha256(), [], b""
    while chunk := stream.read(1 << 20):
        total.update(chunk)
        head = head or chunk[:64]
        if size <= _KEPT:
            kept.append(chunk)
    load = partial(bytes, b"".join(kept)) if size <= _KEPT else not_kept
    return ArchiveMember(size=size, digest=total.hexdigest(), head=head, load=load)
