"""Drafts -> one gzip-compressed tar archive, the same bytes for the same drafts."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from isal.igzip import IGzipFile

from .base import Draft
from .store import Piece

LIMIT = 1500 * 1024 * 1024  # bytes; the platform refuses a larger upload
_LEVEL = 3
FORMAT = f"tar-pax gzip-isal-{_LEVEL} 1"
"""Changes whenever the same files would give other bytes."""


class UnsafePath(ValueError):
    """A draft's path is absolute or climbs out of the archive: a bug in a backend."""


def moment_of(environ: Mapping[str, str]) -> int:
    """The modification time of every member: `SOURCE_DATE_EPOCH`, or 1980."""
    return int(environ.get("SOURCE_DATE_EPOCH") or 315532800)


def write_archive(
    target: Path, drafts: Iterable[Draft], layers: Iterable[Piece], moment: int
) -> int:
    """Write the archive to `target` and return its size in bytes: the layers, then the drafts.

    Raises:
        UnsafePath: a member would leave the archive's root.
        OSError: a file can't be read or written.
    """
    with target.open("wb") as raw:
        for layer in layers:
            layer.copy_to(raw)
        write_member(raw, drafts, moment, last=True)
    return target.stat().st_size


def write_member(
    stream: BinaryIO, drafts: Iterable[Draft], moment: int, *, last: bool = False
) -> None:
    """Write drafts as one gzip member.  Members make one archive, whose end only the last one has.

    Files are sorted, belong to nobody, and have the modification time `moment`.

    Raises:
        UnsafePath, OSError: as `write_archive`.
    """
    with IGzipFile(  # type: ignore[no-untyped-call]
        filename="", mode="wb", compresslevel=_LEVEL, fileobj=stream, mtime=0
    ) as packed:
        archive = tarfile.TarFile(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT)
        for draft in sorted(drafts, key=lambda d: d.path):
            _add(archive, draft, moment)
        if last:
            archive.close()


def _add(archive: tarfile.TarFile, draft: Draft, moment: int) -> None:
    parts = draft.path.split("/")
    if draft.path.startswith("/") or ".." in parts or "" in parts:
        raise UnsafePath(draft.path)
    member = tarfile.TarInfo(f"./{draft.path}")
    member.mtime = moment
    member.mode = 0o755 if draft.executable else 0o644
    if isinstance(draft.content, bytes):
        member.size = len(draft.content)
        archive.addfile(member, BytesIO(draft.content))
    else:
        with draft.content.open("rb") as stream:
            member.size = os.fstat(stream.fileno()).st_size
            archive.addfile(member, stream)
