"""Store the archives of uploaded artifacts, and unpack an archive when it is first needed."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

from flashc_core.archives import InvalidArchive, unpack
from flashc_core.files import replacing_folder


class ArtifactError(Exception):
    """An artifact is missing or can't be unpacked."""


class Artifacts:
    """The uploaded archives in a folder, by object key, and the folders with their unpacked files."""

    def __init__(self, folder: Path) -> None:
        self._archives = folder / "archives"
        self._trees = folder / "trees"
        self._locks: dict[str, asyncio.Lock] = {}
        self._awaited: set[str] = set()

    def new_key(self) -> str:
        """Return a new object key, under which an archive may be uploaded."""
        key = f"{secrets.token_hex(16)}.tar.gz"
        self._awaited.add(key)
        return key

    def awaits_upload(self, key: str) -> bool:
        """Return whether an archive may be uploaded under this key."""
        return key in self._awaited

    def end_upload(self, key: str) -> None:
        """Accept no further upload under this key.

        Raises:
            ArtifactError: no archive was uploaded under this key.
        """
        if not (self.archive(key).is_file() or self.folder(key).is_dir()):
            raise ArtifactError(f"no artifact was uploaded as {key!r}")
        self._awaited.discard(key)

    def archive(self, key: str) -> Path:
        """Return the path for the archive of an object key; the archive need not exist.

        Raises:
            ArtifactError: `key` is not an object key.
        """
        stem = key.removesuffix(".tar.gz")
        if not stem.isalnum() or stem == key:
            raise ArtifactError(f"{key!r} is not an object key")
        return self._archives / key

    def folder(self, key: str) -> Path:
        """Return the path for the unpacked files of an object key; the folder need not exist."""
        return self._trees / key.removesuffix(".tar.gz")

    async def unpack(self, key: str) -> Path:
        """Unpack the archive of an object key, if that was not done before; return the folder with its files.

        Raises:
            ArtifactError: the archive was not uploaded or can't be unpacked.
        """
        target = self.folder(key)
        async with self._locks.setdefault(key, asyncio.Lock()):
            if not target.exists():
                await asyncio.to_thread(unpack_artifact, self.archive(key), target)
        return target


def unpack_artifact(archive: Path, target: Path) -> None:
    """Unpack an archive into the new folder `target`.

    Raises:
        ArtifactError: the archive can't be read, or the folder can't be written.
    """
    try:
        with replacing_folder(target) as folder:
            unpack(archive, folder)
    except (OSError, InvalidArchive) as error:
        raise ArtifactError(f"{archive.name} can't be unpacked: {error}") from error
