"""Unpack archives that others have made: safely, within limits, and with one kind of error."""

from __future__ import annotations

import errno
import lzma
import posixpath
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

# An archive may become so much larger: more than packages do, less than archives made to fill a disk.
_GROWTH, _FREE = 50, 64 * 1024**2
_MOST_MEMBERS = 200_000
_LONGEST_LINK = 1000  # characters; systems make none of more than 4,095 bytes
# What the library raises for archives that are damaged, encrypted or packed in an unknown way.
_UNREADABLE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    KeyError,  # a hard link to a member that the archive does not have
    OverflowError,
    RuntimeError,
    ValueError,
)


class InvalidArchive(Exception):
    """The file is no archive, can't be unpacked, or has members that must not be unpacked."""


@contextmanager
def reading_archive() -> Generator[None]:
    """Turn what the library raises for a bad archive into `InvalidArchive`.

    Raises:
        InvalidArchive: the block has read an archive that is bad.
        OSError: the block can't read or write a file.
    """
    try:
        yield
    except _UNREADABLE as error:
        raise InvalidArchive(str(error) or type(error).__name__) from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # that of a position before the beginning of the file
            raise
        raise InvalidArchive("it is damaged") from error


def unpack(archive: Path, folder: Path, *, is_foreign: bool = False) -> None:
    """Unpack an archive of tar into `folder`, which is made if necessary.

    Only an archive of another author (`is_foreign`) may be too large: a user's own files may
    compress well.

    Raises:
        OSError: something can't be written.
        InvalidArchive: it is no archive, or is too large when unpacked, or a member would be
            written outside of `folder`, or is neither a file nor a folder nor a link.
    """
    with reading_archive(), tarfile.open(archive) as source:
        size = archive.stat().st_size
        members = _without_detours(_within_limits(source, size) if is_foreign else iter(source))
        if hasattr(tarfile, "data_filter"):  # since Python 3.11.4
            source.extractall(folder, members, filter="data")
        else:
            source.extractall(folder, members=_harmless_members(members))


def read_member(archive: Path, path: str, most: int) -> bytes:
    """Return the content of the file `path` of an archive of tar, which may consist of several gzip members.

    Raises:
        OSError: the archive can't be read.
        InvalidArchive: it is no archive, or has no such file, or the file has more than `most` bytes.
    """
    with reading_archive(), tarfile.open(archive) as source:
        for member in source:
            if posixpath.normpath(member.name) == path and member.isfile():
                stream = source.extractfile(member)
                if stream is None or member.size > most:
                    raise InvalidArchive(f"its `{path}` is too large")
                return stream.read()
    raise InvalidArchive(f"it has no `{path}`")


def unpack_zip(archive: Path, folder: Path) -> None:
    """Unpack a zip file into `folder`, which is made if necessary.

    Raises:
        OSError: something can't be written.
        InvalidArchive: it is no zip file, or is too large when unpacked.
    """
    with reading_archive(), zipfile.ZipFile(archive) as source:
        check_zip(source, archive.stat().st_size)
        source.extractall(folder)  # which keeps all members below `folder`


def check_zip(source: zipfile.ZipFile, packed: int) -> None:
    """Check that a zip file of `packed` bytes is not too large when unpacked.

    The library never unpacks more of a member than its entry says.

    Raises:
        InvalidArchive: it is too large.
    """
    total = sum(info.file_size for info in source.infolist())
    _check_size(total, len(source.infolist()), packed)


def _check_size(total: int, members: int, packed: int) -> None:
    """Check the size of the members of an archive.

    Raises:
        InvalidArchive: they are too large, or too many.
    """
    if total > _FREE + _GROWTH * packed:
        raise InvalidArchive("its files are far larger than those of a package")
    if members > _MOST_MEMBERS:
        raise InvalidArchive(f"it has more than {_MOST_MEMBERS:,} files")


def _within_limits(source: tarfile.TarFile, packed: int) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an archive of `packed` bytes, as long as they are not too large.

    Raises:
        InvalidArchive: they are.
    """
    total = 0
    for number, member in enumerate(source, 1):
        total += max(member.size, 0)
        _check_size(total, number, packed)
        yield member


def _without_detours(members: Iterator[tarfile.TarInfo]) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an archive, none of which is written or found through a link of the archive.

    The library's own filter follows links in ways that several of its versions do not see, and does not
    filter the member that it takes in place of a link that can't be made: a hard link without a file, or a
    symbolic link without a target or in the place of a folder.

    Raises:
        InvalidArchive: a path goes through a link, or a link leads out of the folder or to no file.
    """
    files, links, folders = set[str](), set[str](), {""}
    for member in members:
        path = _key(member.name)
        parts = path.split("/")
        above = {"/".join(parts[:length]) for length in range(1, len(parts) + 1)}
        if above & links:
            raise InvalidArchive(f"the path {member.name} goes through a link")
        folders |= above if member.isdir() else above - {path}
        if member.issym():
            if _climbs(member.linkname, len(parts) - 1):
                raise InvalidArchive(f"the link {member.name} leads out of the folder")
            if not 0 < len(member.linkname) <= _LONGEST_LINK or path in folders:
                raise InvalidArchive(f"the link {member.name} can't be made")
            links.add(path)
        elif member.islnk() and _key(member.linkname) not in files:
            raise InvalidArchive(f"the link {member.name} leads to no file before it")
        elif not member.isdir():
            files.add(path)
        yield member


def _key(path: str) -> str:
    """Return a path by which equal ones are known, also for systems without case."""
    return unicodedata.normalize("NFC", posixpath.normpath(path).lstrip("/")).casefold()


def _climbs(target: str, depth: int) -> bool:
    """Return whether a link's target is absolute, or has `..` after a name or more often than `depth`."""
    parts = [part for part in target.split("/") if part not in ("", ".")]
    above = next((n for n, part in enumerate(parts) if part != ".."), len(parts))
    return target.startswith("/") or ".." in parts[above:] or above > depth


def _harmless_members(members: Iterator[tarfile.TarInfo]) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an archive, each without special permissions, as `tarfile.data_filter` does.

    Raises:
        tarfile.TarError: a member is not harmless.
    """
    for member in members:
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
