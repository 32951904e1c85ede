"""Read the files of an artifact's archive, and report what is wrong with its packing."""

from __future__ import annotations

import ast
import gzip
import hashlib
import posixpath
import re
import stat
import tarfile
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO

from flashc_backends.dependencies.installed import InstalledDistribution
from flashc_backends.manifest.manifest_model import Manifest

_MOST = 64 * 1024**3  # bytes unpacked; a larger archive is refused as an attack
_SPECIAL_MODES = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX
_KEPT = 8 * 1024**2  # bytes; the content of larger files is not kept


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveMember:
    """A file of the archive; `content` is None if the file is too large to be kept."""

    size: int
    digest: str
    head: bytes
    content: bytes | None


@dataclass(frozen=True, eq=False, kw_only=True)
class ArtifactContents:
    """A readable archive: its files by path, its manifest, and its distributions.

    `proven` are the distributions whose files were already compared with their RECORD at
    installation.  `left_to_others` are the distributions that the artifact of one endpoint does not
    contain, because only other endpoints need them.
    """

    members: dict[str, ArchiveMember]
    manifest: Manifest
    distributions: dict[str, InstalledDistribution]
    proven: frozenset[str] = frozenset()
    left_to_others: frozenset[str] = frozenset()

    @cached_property
    def handlers(self) -> dict[str, dict[str, object]]:
        """The constants that each handler file assigns, by its path."""
        paths = (path for path in self.members if re.fullmatch(r"handler_[^/]*\.py", path))
        return {path: constants(self.text(path) or "") for path in paths}

    def text(self, path: str) -> str | None:
        """Return a file as text; None if it is missing or too large."""
        member = self.members.get(path)
        if member is None or member.content is None:
            return None
        return member.content.decode("utf-8", "replace")

    @cached_property
    def top_level(self) -> frozenset[str]:
        """The names of all files and folders in the archive's root, up to their first dot."""
        return frozenset(path.split("/", 1)[0].split(".", 1)[0] for path in self.members)


def constants(source: str) -> dict[str, object]:
    """Return the constants that a module assigns at its top; none if it can't be parsed."""
    found: dict[str, object] = {}
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return found
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


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
    return found, problems


_NOTHING = ArchiveMember(size=0, digest=hashlib.sha256().hexdigest(), head=b"", content=b"")


def _member(stream: Any, size: int) -> ArchiveMember:
    """Return a file of the archive that is read from `stream`."""
    total, kept, head = hashlib.sha256(), [], b""
    while chunk := stream.read(1 << 20):
        total.update(chunk)
        head = head or chunk[:64]
        if size <= _KEPT:
            kept.append(chunk)
    return ArchiveMember(
        size=size,
        digest=total.hexdigest(),
        head=head,
        content=b"".join(kept) if size <= _KEPT else None,
    )
