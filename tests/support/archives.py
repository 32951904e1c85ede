"""Change artifacts as someone does who knows flashc: with headers, identity and seal made anew."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

from installer.records import RecordEntry

from flashc_backends.archive import seal_of
from flashc_backends.base import MANIFEST_PATH
from flashc_backends.dependencies.record import (
    InvalidRecord,
    hash_of,
    is_record,
    read_record,
    write_record,
)
from flashc_backends.files.identity import identity_of_files, without_identity
from flashc_backends.files.runtime_files import APP_PATH
from flashc_backends.verify.archive import ArchiveMember, read_members
from flashc_backends.verify.distributions import read_distributions

Files = dict[str, tuple[tarfile.TarInfo, bytes]]
_TIME = 315532800  # the start of 1980, the time of all files


def files_of(artifact: bytes) -> Files:
    """Return the files of an artifact, by path, with their headers."""
    with tarfile.open(fileobj=io.BytesIO(artifact)) as archive:
        found: Files = {}
        for info in archive:
            stream = archive.extractfile(info)
            found[info.name.removeprefix("./")] = (info, stream.read() if stream else b"")
        return found


def put(files: Files, name: str, content: bytes) -> None:
    """Add or replace a file, with the header that flashc writes."""
    info = tarfile.TarInfo(name)
    info.mtime = _TIME
    files[name] = (info, content)


def edit(files: Files, name: str, old: bytes, new: bytes) -> None:
    """Replace a part of a file, which must be there."""
    info, content = files[name]
    assert old in content
    files[name] = (info, content.replace(old, new))


def in_order(files: Files) -> Files:
    """Return the files in the order in which flashc writes them, as far as the RECORDs can be read."""
    packages = _packages(_members(files))
    others = sorted(files.keys() - set(packages))
    return {path: files[path] for path in (*packages, *others) if path in files}


def forge_identity(files: Files) -> None:
    """Write the identity of the present files into the manifest and into the code of the app, if they can be read."""
    try:
        old = json.loads(files[MANIFEST_PATH][1])["identity"].encode()
        app = without_identity(files[APP_PATH][1].decode())
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError, SyntaxError):
        return
    members = _members(files)
    packaged = _packages(members)
    own = {
        path: _facts(path, member)
        for path, member in members.items()
        if path not in packaged and path != MANIFEST_PATH
    }
    own[APP_PATH] = (APP_PATH, own[APP_PATH][1], hashlib.sha256(app.encode()).hexdigest())
    executables = [path for path in packaged if members[path].executable]
    new = identity_of_files(own.values(), executables).encode()
    for path in (MANIFEST_PATH, APP_PATH):
        info, content = files[path]
        files[path] = (info, content.replace(old, new))


def _members(files: Files) -> dict[str, ArchiveMember]:
    return read_members(io.BytesIO(gzip.compress(tar_of(files), 1)))[0]


def _packages(members: dict[str, ArchiveMember]) -> dict[str, None]:
    """Return the paths of the files of packages, by package."""
    found = sorted(read_distributions(members), key=lambda d: d.name)
    return {path: None for d in found for path in sorted(file.path for file in d.files)}


def _facts(path: str, member: ArchiveMember) -> tuple[str, bool, str]:
    return path, member.executable, member.digest


def forge_record(files: Files) -> None:
    """Write the hashes and sizes of the present files into each RECORD that can be read."""
    for path, (info, content) in list(files.items()):
        if not is_record(path):
            continue
        try:
            entries = read_record(content.decode())
        except (InvalidRecord, UnicodeDecodeError):
            continue
        new = [_entry(each, files) for each in entries]
        files[path] = (info, write_record(new).encode())


def _entry(entry: RecordEntry, files: Files) -> RecordEntry:
    if entry.hash_ is None or entry.path not in files:
        return entry
    content = files[entry.path][1]
    return RecordEntry(entry.path, hash_of(content), len(content))


def tar_of(files: Files, headers: Mapping[str, str] = {}) -> bytes:
    """Return files as a tar archive like those of flashc; `headers` are further ones of each file."""
    stream = io.BytesIO()
    with tarfile.open(
        fileobj=stream, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8"
    ) as archive:
        for name, (info, content) in files.items():
            info.name = name if name.startswith(("/", "..")) else f"./{name}"
            info.size, info.pax_headers = len(content), dict(headers)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def sealed(tar: bytes) -> bytes:
    """Return a tar archive as a compressed one with a seal."""
    packed = gzip.compress(tar, 1, mtime=0)
    return packed + seal_of(hashlib.sha256(packed).digest())


def forged(files: Files, target: Path) -> Path:
    """Write files as an artifact that only its content can give away."""
    forge_identity(files)
    target.write_bytes(sealed(tar_of(in_order(files))))
    return target
