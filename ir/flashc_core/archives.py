"""Unpack archives of tar safely, also with a Python whose library has no filters for that."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator
from pathlib import Path


def unpack(artifact: Path, folder: Path) -> None:
    """Unpack an archive into `folder`, which is made if necessary.

    Raises:
        OSError: something can't be written.
        tarfile.TarError: it is no archive, or a member would be written outside of `folder`, or is
            neither a file nor a folder nor a link.
    """
    with tarfile.open(artifact) as archive:
        if hasattr(tarfile, "data_filter"):  # since Python 3.11.4
            archive.extractall(folder, filter="data")
        else:
            archive.extractall(folder, members=_harmless_members(archive))


def _harmless_members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an archive, each without special permissions, as `tarfile.data_filter` does.

    Raises:
        tarfile.TarError: a member is not harmless.
    """
    for member in archive:
        names = [member.name]
        if member.issym():
            names.append(posixpath.join(posixpath.dirname(member.name), member.linkname))
        elif member.islnk():
            names.append(member.linkname)
        elif not member.isfile() and not member.isdir():
            raise tarfile.TarError(f"{member.name} is a special file")
        if any(map(_leaves, names)) or member.linkname.startswith("/"):
            raise tarfile.TarError(f"{member.name} would be written outside of the folder")
        member.mode &= 0o755
        yield member


def _leaves(path: str) -> bool:
    """Return whether a path of an archive is absolute, or leads out of the folder."""
    return path.startswith("/") or posixpath.normpath(path).split("/")[0] == ".."
