"""Store results on disk by kind and key, in a cache that all builds of a user share; read large ones as files.

Every entry is written to a temporary file, which is then renamed, so that builds that run at the
same time or are killed leave no incomplete entry.  Each entry contains its own digest, so that a
damaged entry is treated as missing and never gives a wrong result.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .files import replacing

LIMIT = 4 * 1024**3  # bytes; the least recently used entries are removed first
_FORMAT = "v1"
_PRUNE_INTERVAL = 24 * 3600  # seconds
_DIGEST_SIZE = 32
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of flashc.\n"
_FOLDER_VARIABLE = "FLASHC_CACHE_DIR"


@dataclass(frozen=True, slots=True)
class Usage:
    """The number of entries of one kind, and their total size in bytes."""

    kind: str
    entries: int
    size: int


@dataclass(frozen=True, slots=True)
class CachedFile:
    """The content of a large entry: the bytes of a file from its beginning up to `size`."""

    path: Path
    size: int

    def copy_to(self, target: BinaryIO) -> None:
        """Write these bytes to the stream `target`.

        Raises:
            OSError: the file can't be read, or the target can't be written to.
        """
        with self.path.open("rb") as stream:
            for chunk in _chunks(stream, self.size):
                target.write(chunk)

    def matches_next_bytes(self, stream: BinaryIO) -> bool:
        """Read up to `size` bytes from `stream`, and return whether they are equal to these bytes.

        Raises:
            OSError: the file or the stream can't be read.
        """
        with self.path.open("rb") as mine:
            return all(chunk == stream.read(len(chunk)) for chunk in _chunks(mine, self.size))


@dataclass(frozen=True, slots=True)
class Store:
    """The entries below the absolute path `folder`, by kind and key; flashc itself chooses both.

    If the folder can't be read or written, all entries are missing; an error of the cache never
    stops a build.
    """

    folder: Path
    limit: int = LIMIT
    is_read_only: bool = False

    def read(self, kind: str, key: str, oldest: float | None = None) -> bytes | None:
        """Return an entry; None if it is missing, damaged, or older than `oldest` seconds.

        Without `oldest`, reading an entry counts as a use.  With `oldest` it does not, so that the
        age is kept.
        """
        path = self._path(kind, key)
        try:
            if oldest is not None and time.time() - path.stat().st_mtime > oldest:
                return None
            data = path.read_bytes()
        except OSError:
            return None
        content, expected = data[:-_DIGEST_SIZE], data[-_DIGEST_SIZE:]
        if hashlib.sha256(content).digest() != expected:
            return None
        if oldest is None:
            self._touch(kind, key)
        return content

    def write(self, kind: str, key: str, content: bytes | Path) -> None:
        """Write bytes, or a copy of a file, as an entry; do nothing if that fails."""
        if self.is_read_only:
            return
        path = self._path(kind, key)
        with contextlib.suppress(OSError):  # a full disk, or a folder that can't be written
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._mark()
            with replacing(path, mode=0o600) as draft, draft.open("wb") as target:
                total = hashlib.sha256()
                for chunk in _pieces(content):
                    total.update(chunk)
                    target.write(chunk)
                target.write(total.digest())
            self._prune_if_due()

    def find(self, kind: str, key: str) -> CachedFile | None:
        """Check a large entry, and return it as a file without reading it into memory.

        The result is None if the entry is missing or damaged.
        """
        path = self._path(kind, key)
        try:
            with path.open("rb") as stream:
                size = path.stat().st_size - _DIGEST_SIZE
                total = hashlib.sha256()
                for chunk in _chunks(stream, size):
                    total.update(chunk)
                if stream.read() != total.digest():
                    return None
        except OSError:
            return None
        self._touch(kind, key)
        return CachedFile(path, size)

    def usage(self) -> list[Usage]:
        """Return the number and size of the entries, by kind."""
        found: dict[str, tuple[int, int]] = {}
        for path, status in self._entries():
            kind = path.relative_to(self.folder / _FORMAT).parts[0]
            entries, size = found.get(kind, (0, 0))
            found[kind] = (entries + 1, size + status.st_size)
        return [Usage(kind, *figures) for kind, figures in sorted(found.items())]

    def clear(self) -> None:
        """Remove all entries; other files in the folder stay.

        Raises:
            OSError: an entry can't be removed.
        """
        if (self.folder / _FORMAT).exists():
            import shutil  # importing it takes longer than a cached check

            shutil.rmtree(self.folder / _FORMAT)

    def prune(self) -> None:
        """Remove the least recently used entries until the others are within the limit."""
        entries = sorted(self._entries(), key=lambda entry: entry[1].st_mtime_ns, reverse=True)
        kept = 0
        for path, status in entries:
            kept += status.st_size
            if kept > self.limit:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _prune_if_due(self) -> None:
        """Prune the cache if that was not done in the last day."""
        stamp = self.folder / ".pruned"
        if not stamp.exists() or time.time() - stamp.stat().st_mtime > _PRUNE_INTERVAL:
            stamp.touch()
            self.prune()

    def _entries(self) -> Iterator[tuple[Path, os.stat_result]]:
        """Yield the files of all entries."""
        for path in (self.folder / _FORMAT).rglob("*"):
            with contextlib.suppress(OSError):  # another build may remove it meanwhile
                if path.is_file():
                    yield path, path.stat()

    def _path(self, kind: str, key: str) -> Path:
        """Return the path of an entry's file."""
        return self.folder / _FORMAT / kind / key[:2] / key

    def _touch(self, kind: str, key: str) -> None:
        """Note that an entry was used now, so that it is removed later than others."""
        with contextlib.suppress(OSError):
            os.utime(self._path(kind, key))

    def _mark(self) -> None:
        """Write `CACHEDIR.TAG`, which tells backup programs that the folder is a cache."""
        tag = self.folder / "CACHEDIR.TAG"
        if not tag.exists():
            tag.write_text(_TAG, encoding="ascii")


def _pieces(content: bytes | Path) -> Iterator[bytes]:
    """Yield the content of an entry in chunks."""
    if isinstance(content, bytes):
        yield content
    else:
        with content.open("rb") as stream:
            yield from _chunks(stream, content.stat().st_size)


def _chunks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the next `size` bytes of a stream, or fewer if the stream is shorter."""
    while size > 0:
        chunk = stream.read(min(size, 1 << 20))
        if not chunk:
            return
        size -= len(chunk)
        yield chunk


def open_store() -> Store:
    """Return the user's cache: in `FLASHC_CACHE_DIR`, or in the system's folder for caches."""
    chosen = os.environ.get(_FOLDER_VARIABLE)
    if chosen:
        return Store(Path(chosen).absolute())
    from platformdirs import user_cache_path

    return Store(user_cache_path("flashc", appauthor=False))


def disabled_cache() -> Store:
    """Return a cache that contains no entries and stores none."""
    return Store(Path(os.devnull), is_read_only=True)


def digest(*parts: bytes | str) -> str:
    """Return the SHA-256 of the parts, each preceded by its length, as a key."""
    pieces: list[bytes] = []
    for part in parts:
        data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        pieces += (len(data).to_bytes(8, "big"), data)
    return hashlib.sha256(b"".join(pieces)).hexdigest()
