"""Drafts -> one gzip-compressed tar archive, the same bytes for the same drafts."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path

from isal.igzip import IGzipFile

from .base import Draft

LIMIT = 1500 * 1024 * 1024  # bytes; the platform refuses a larger upload
_LEVEL = 2


class UnsafePath(ValueError):
    """A draft's path is absolute or climbs out of the archive: a bug in a backend."""


def write_archive(target: Path, drafts: Iterable[Draft], environ: Mapping[str, str]) -> int:
    """Write the archive to `target` and return its size in bytes.

    Members are sorted, belong to nobody, and have the modification time of `SOURCE_DATE_EPOCH`, or 1980.

    Raises:
        UnsafePath: a member would leave the archive's root.
        OSError: a file can't be read or written.
    """
    moment = int(environ.get("SOURCE_DATE_EPOCH") or 315532800)
    with (
        target.open("wb") as raw,
        IGzipFile(  # type: ignore[no-untyped-call]
            filename="", mode="wb", compresslevel=_LEVEL, fileobj=raw, mtime=0
        ) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for draft in sorted(drafts, key=lambda d: d.path):
            _add(archive, draft, moment)
    return target.stat().st_size


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
