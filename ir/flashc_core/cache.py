"""The cache: content-addressed entries on disk, shared by all builds of a user.

Every entry is written beside its place and renamed into it, so that builds at the same time and builds
that are killed leave whole entries only.  Each carries its own digest, so that one which a disk or a crash
spoiled is a miss, never a wrong answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .files import replacing

LIMIT = 4 * 1024**3  # bytes; the least recently used entries are removed first
_FORMAT = "v1"
_BETWEEN_PRUNINGS = 24 * 3600  # seconds
_DIGEST_SIZE = 32
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of flashc.\n"
_FOLDER_VARIABLE = "FLASHC_CACHE_DIR"


@dataclass(frozen=True, slots=True)
class Usage:
    """What the entries of one kind come to; `size` in bytes."""

    kind: str
    entries: int
    size: int


@dataclass(frozen=True, slots=True)
class Piece:
    """The first `size` bytes of a file."""

    path: Path
    size: int

    def copy_to(self, target: BinaryIO) -> None:
        """Write them to `target`.

        Raises:
            OSError: one of them can't be read or written.
        """
        with self.path.open("rb") as stream:
            for chunk in _chunks(stream, self.size):
                target.write(chunk)

    def is_next_in(self, stream: BinaryIO) -> bool:
        """Whether `stream` goes on with these very bytes, which are read.

        Raises:
            OSError: one of them can't be read.
        """
        with self.path.open("rb") as mine:
            return all(chunk == stream.read(len(chunk)) for chunk in _chunks(mine, self.size))


@dataclass(frozen=True, slots=True)
class Store:
    """Entries below `folder` (absolute), by kind and key; both are names of flashc's own making.

    A folder that can't be written makes every entry a miss: a cache never stops a build.
    """

    folder: Path
    limit: int = LIMIT
    is_read_only: bool = False

    def read(self, kind: str, key: str, oldest: float | None = None) -> bytes | None:
        """An entry; None where there is none, a spoiled one, or one older than `oldest` seconds.

        An entry whose age matters keeps its time of writing.
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
        """Keep bytes, or a copy of a file, as an entry.  Where that fails there is no entry."""
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
            self._prune_now_and_then()

    def find(self, kind: str, key: str) -> Piece | None:
        """A large entry, checked and left where it is; None as `read`."""
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
        return Piece(path, size)

    def usage(self) -> list[Usage]:
        """What is kept, by kind."""
        found: dict[str, tuple[int, int]] = {}
        for path, status in self._entries():
            kind = path.relative_to(self.folder / _FORMAT).parts[0]
            entries, size = found.get(kind, (0, 0))
            found[kind] = (entries + 1, size + status.st_size)
        return [Usage(kind, *figures) for kind, figures in sorted(found.items())]

    def clear(self) -> None:
        """Forget everything; other files in the folder stay.

        Raises:
            OSError: something can't be removed.
        """
        if (self.folder / _FORMAT).exists():
            shutil.rmtree(self.folder / _FORMAT)

    def prune(self) -> None:
        """Forget what has not been used for the longest time, until the rest is within the limit."""
        entries = sorted(self._entries(), key=lambda entry: entry[1].st_mtime_ns, reverse=True)
        kept = 0
        for path, status in entries:
            kept += status.st_size
            if kept > self.limit:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _prune_now_and_then(self) -> None:
        stamp = self.folder / ".pruned"
        if not stamp.exists() or time.time() - stamp.stat().st_mtime > _BETWEEN_PRUNINGS:
            stamp.touch()
            self.prune()

    def _entries(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in (self.folder / _FORMAT).rglob("*"):
            with contextlib.suppress(OSError):  # another build may take it away meanwhile
                if path.is_file():
                    yield path, path.stat()

    def _path(self, kind: str, key: str) -> Path:
        return self.folder / _FORMAT / kind / key[:2] / key

    def _touch(self, kind: str, key: str) -> None:
        with contextlib.suppress(OSError):
            os.utime(self._path(kind, key))

    def _mark(self) -> None:
        tag = self.folder / "CACHEDIR.TAG"
        if not tag.exists():
            tag.write_text(_TAG, encoding="ascii")


def _pieces(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
    else:
        with content.open("rb") as stream:
            yield from _chunks(stream, content.stat().st_size)


def _chunks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """The next `size` bytes of a stream; what a shorter stream lacks is not there."""
    while size > 0:
        chunk = stream.read(min(size, 1 << 20))
        if not chunk:
            return
        size -= len(chunk)
        yield chunk


def open_store() -> Store:
    """The user's cache: `FLASHC_CACHE_DIR`, or the platform's place for caches."""
    chosen = os.environ.get(_FOLDER_VARIABLE)
    if chosen:
        return Store(Path(chosen).absolute())
    from platformdirs import user_cache_path

    return Store(user_cache_path("flashc", appauthor=False))


def disabled_cache() -> Store:
    """Return a cache that holds nothing and keeps nothing."""
    return Store(Path(os.devnull), is_read_only=True)


def digest(*parts: bytes | str) -> str:
    """A key: the SHA-256 of parts, each behind its length."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big"))
        total.update(data)
    return total.hexdigest()
