"""Compare an artifact with documents next to it: its provenance record, and the lock of its project."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from flashc_backends.base import PROVENANCE_PATH, WORKER_REQUIREMENTS_PATH
from flashc_backends.dependencies.lock import InvalidLock, Lock, read
from flashc_backends.dependencies.record import is_record
from flashc_core.files import LOCK_FILE

from .contents import ArtifactContents

_LARGEST = 64 * 1024**2  # bytes


class _Hashed(msgspec.Struct, frozen=True):
    """A file with its digests."""

    name: str
    digest: dict[str, str]


class _RunDetails(msgspec.Struct, frozen=True):
    """The part of a provenance record that lists the files of the artifact."""

    byproducts: list[_Hashed]


class _Predicate(msgspec.Struct, frozen=True, rename="camel"):
    """What a provenance record says."""

    run_details: _RunDetails


class Provenance(msgspec.Struct, frozen=True):
    """A provenance record, as far as `verify` reads it."""

    subject: list[_Hashed]
    predicate: _Predicate

    def describes(self, name: str) -> bool:
        """Return whether the record is that of a file with this name."""
        return any(each.name == name for each in self.subject)


def read_provenance(file: Path) -> Provenance | str:
    """Return the provenance record in a file; the problem if there is none."""
    try:
        if not file.is_file() or file.stat().st_size > _LARGEST:
            return "there is no such file" if not file.exists() else "it is no provenance record"
        return msgspec.json.decode(file.read_bytes(), type=Provenance)
    except OSError as error:
        return f"it can't be read: {error.strerror or type(error).__name__}"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "it is no provenance record of flashc"


def check_provenance(
    artifact: Path, contents: ArtifactContents | None, record: Provenance
) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) if the record is that of another artifact, and for each file that differs.

    Raises:
        OSError: the artifact can't be read.
    """
    with artifact.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest in {each.digest.get("sha256") for each in record.subject}:
        return
    yield artifact.name, f"its SHA-256 is not the one in `{PROVENANCE_PATH}`"
    if contents is None:
        return
    listed = {
        each.name: each.digest.get("sha256") for each in record.predicate.run_details.byproducts
    }
    found = _covering(contents)
    for path in sorted(listed.keys() | found.keys()):
        if path not in found:
            yield path, f"`{PROVENANCE_PATH}` lists it, and it is not in the archive"
        elif path not in listed:
            yield path, f"`{PROVENANCE_PATH}` does not list it"
        elif listed[path] != found[path]:
            yield path, f"its content is not the one that `{PROVENANCE_PATH}` lists"


def _covering(contents: ArtifactContents) -> Mapping[str, str]:
    """Return the SHA-256 of the files that no RECORD lists, and of the RECORDs."""
    packaged = {file.path for d in contents.distributions.values() for file in d.files}
    return {
        path: member.digest
        for path, member in contents.members.items()
        if path not in packaged or is_record(path)
    }


def check_lock(file: Path, contents: ArtifactContents) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) if the packages of an artifact are not those of a `flash.lock`."""
    try:
        lock = read(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, InvalidLock) as error:
        yield LOCK_FILE, f"it can't be read: {error}"
        return
    if lock.python_version != contents.manifest.python_version:
        yield LOCK_FILE, f"it is for Python {lock.python_version}"
    kept = tuple(e for e in lock.entries if e.name not in contents.left_to_others)
    whole = Lock(
        inputs=lock.inputs,
        python_version=lock.python_version,
        entries=kept,
        endpoints=lock.endpoints,
    )
    if contents.text(WORKER_REQUIREMENTS_PATH) != whole.requirements:
        yield WORKER_REQUIREMENTS_PATH, f"it has other packages than `{LOCK_FILE}`"
