"""Read the files of wheels, and pack a wheel again so that its bytes depend only on its files."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from pathlib import Path

from installer.records import RecordEntry

from flashc_core.archives import InvalidArchive, check_zip, reading_archive

from .record import hash_of, read_record, write_record
from .tree_sources import OwnSource, direct_requirement
from .trees import InvalidTree


def check_wheel(wheel: Path) -> None:
    """Check that a file is a wheel.

    Raises:
        InvalidTree: it is something else.
    """
    try:
        with reading_archive(), zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
    except InvalidArchive as error:
        raise InvalidTree("it is not a wheel") from error
    if not any(name.endswith(".dist-info/METADATA") for name in names):
        raise InvalidTree("it is a wheel without METADATA")


def pack_again(wheel: Path, folder: Path) -> tuple[bytes, tuple[OwnSource, ...]]:
    """Return the wheel in the order of the names, without times.

    Its METADATA names no path of this machine and no git repository; the requirements that did are
    returned too.  `folder` is the built tree.

    Raises:
        InvalidTree: the file is no wheel.
    """
    target = wheel.with_suffix(".packed")
    local: list[OwnSource] = []
    try:
        with (
            reading_archive(),
            zipfile.ZipFile(wheel) as source,
            zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as packed,
        ):
            check_zip(source, wheel.stat().st_size)
            for name in sorted(set(source.namelist())):
                if name.endswith("/"):
                    continue
                info = zipfile.ZipInfo(name)
                executable = source.getinfo(name).external_attr >> 16 & 0o111
                info.external_attr = (0o755 if executable else 0o644) << 16
                content = source.read(name)
                if name.endswith(".dist-info/METADATA"):
                    content, found = _without_direct_sources(content, folder)
                    local += found
                elif name.endswith(".dist-info/RECORD"):
                    content = _with_new_hash(content, local, source, folder)
                packed.writestr(info, content)
        return target.read_bytes(), tuple(local)
    except InvalidArchive as error:
        raise InvalidTree(f"its build made no wheel: {error}") from error
    finally:
        with suppress(OSError):
            target.unlink()


def _without_direct_sources(metadata: bytes, folder: Path) -> tuple[bytes, list[OwnSource]]:
    """Return METADATA whose requirements name no path and no repository, and those that did."""
    head, separator, body = metadata.decode("utf-8").partition("\n\n")
    lines: list[str] = []
    found: list[OwnSource] = []
    for line in head.split("\n"):
        local = direct_requirement(line, folder)
        lines.append(line if local is None else local[0])
        found += [] if local is None else [local[1]]
    text = "\n".join(lines) + separator + body
    return text.encode() if found else metadata, found


def _with_new_hash(
    record: bytes, local: list[OwnSource], source: zipfile.ZipFile, folder: Path
) -> bytes:
    """Return RECORD with the hash of METADATA, if this was changed.

    Raises:
        InvalidRecord: a line has another form.
    """
    if not local:
        return record
    entries: list[RecordEntry] = []
    for entry in read_record(record.decode("utf-8")):
        if entry.path.endswith(".dist-info/METADATA"):
            content, _ = _without_direct_sources(source.read(entry.path), folder)
            entry = RecordEntry(entry.path, hash_of(content), len(content))
        entries.append(entry)
    return write_record(entries).encode()
