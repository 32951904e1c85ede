"""Check that an artifact has the packages of its lock, complete and made for the workers."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name, canonicalize_version

from flashc_backends.base import WORKER_REQUIREMENTS_PATH
from flashc_backends.dependencies.installed import (
    InstalledDistribution,
    InstalledFile,
    binary_problem,
)
from flashc_backends.dependencies.lock import parse_compiled
from flashc_backends.dependencies.record import (
    InvalidRecord,
    has_hash,
    is_record,
    read_record,
)
from flashc_core.packaging_texts import has_huge_number

from .archive import ArchiveMember
from .contents import ArtifactContents

if TYPE_CHECKING:  # importing the installer takes a while
    from installer.records import RecordEntry

_RECORD = ".dist-info/RECORD"


def read_distributions(members: Mapping[str, ArchiveMember]) -> Iterator[InstalledDistribution]:
    """Yield the distributions that have a RECORD in the archive, with the files that it lists.

    Files that are not in the archive are left out.  A distribution whose RECORD can't be read has no
    files.  If the RECORD is too large to be kept, the distribution is not yielded.
    """
    for path, member in members.items():
        if is_record(path) and member.content is not None:
            name, version = _name_and_version(path)
            files = tuple(
                InstalledFile(
                    path=entry.path,
                    size=found.size,
                    digest=found.digest,
                    executable=found.executable,
                )
                for entry in _entries(member) or ()
                if (found := members.get(entry.path)) is not None
            )
            yield InstalledDistribution(name=name, version=version, files=files)


def check_distributions(artifact: ArtifactContents) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) where the distributions differ from the lock or from their metadata, or are not for workers.

    A distribution may be missing, not locked, or there in another version than the locked one.  Its
    metadata may be missing, unreadable or those of another distribution, and its files may differ from
    its RECORD.
    """
    locked = {
        entry.name: entry.version
        for entry in parse_compiled(artifact.text(WORKER_REQUIREMENTS_PATH) or "")
    }
    for name, version in locked.items():
        found = artifact.distributions.get(name)
        if found is None:
            yield WORKER_REQUIREMENTS_PATH, f"`{name}` is locked, but not in the archive"
        elif version and found.version != version:
            yield (
                WORKER_REQUIREMENTS_PATH,
                f"`{name}` is locked as {version}, and in the archive as {found.version}",
            )
    for name in artifact.distributions.keys() - locked.keys():
        yield name, "it is in the archive, but not locked"
    yield from _check_folders(artifact)
    for path, member in artifact.members.items():
        if is_record(path) and _name_and_version(path)[0] not in artifact.proven:
            yield from _check_record(artifact, path, member)
        problem = binary_problem(path, member.head, artifact.manifest.python_version)
        if problem is not None:
            yield path, problem


def _check_folders(artifact: ArtifactContents) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) for `.dist-info` folders without a RECORD, or with the METADATA of another distribution."""
    for path in artifact.members:
        folder, _, name = path.partition("/")
        if not folder.endswith(".dist-info") or not name:
            continue
        if f"{folder}/RECORD" not in artifact.members:
            yield path, "the folder of its distribution has no RECORD"
        elif name == "METADATA" and not _describes(artifact, path):
            yield path, "it describes another distribution than its folder names"


def _describes(artifact: ArtifactContents, path: str) -> bool:
    """Return whether a METADATA has its folder's name and version; True if the archive reader did not keep its text."""
    text = artifact.text(path)
    if text is None:  # it was compared with its RECORD when the package was installed
        return True
    # This import takes a while, and a new artifact was compared when its packages were installed
    from packaging.metadata import parse_email

    given, _ = parse_email(text)
    name, version = _name_and_version(f"{path.partition('/')[0]}/RECORD")
    described = given.get("version", "")
    if has_huge_number(described) or has_huge_number(version):
        return False
    return canonicalize_name(given.get("name", "")) == name and (
        canonicalize_version(described) == canonicalize_version(version)
    )


def _check_record(
    artifact: ArtifactContents, path: str, record: ArchiveMember
) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) for each file that differs from the RECORD or is missing, and for a RECORD with problems itself."""
    folder = posixpath.dirname(path)
    entries = _entries(record)
    if entries is None:
        yield path, "it is not a RECORD that can be read"
    elif path not in {entry.path for entry in entries}:
        yield path, "it does not list itself, as a complete RECORD does"
    for entry in entries or ():
        member = artifact.members.get(posixpath.normpath(entry.path))
        if member is None:
            yield entry.path, f"`{folder}` lists it, and it is not there"
        elif not has_hash(entry, member.digest, member.content):
            yield entry.path, f"its content is not the one that `{folder}` lists"
        elif entry.size is not None and entry.size != member.size:
            yield entry.path, f"its size is not the one that `{folder}` lists"


def _entries(record: ArchiveMember) -> list[RecordEntry] | None:
    """Return the entries of a RECORD; None if it can't be read."""
    if record.content is None:
        return None
    try:
        return read_record(record.content.decode("utf-8"))
    except (UnicodeDecodeError, InvalidRecord):
        return None


def _name_and_version(path: str) -> tuple[str, str]:
    """Return the canonical name and the version in the path of a RECORD."""
    name, _, version = path.removesuffix(_RECORD).rpartition("-")
    return canonicalize_name(name), version
