"""Store results on disk by kind and key, in one cache for all builds of a user.

Every entry is written to a temporary file, which is then renamed, so that builds that run at the
same time or are killed leave no incomplete entry.  Each entry ends with a seal: a digest of its kind, its
key, its content and a secret of the folder.  So an entry that is damaged, that is in the place of another
one, or that was written by a program that does not know the secret, is treated as missing.  So is
everything that is not a regular file of the user.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec
from msgspec import Struct

from .files import RunningDigest, replacing

_T = TypeVar("_T")
LIMIT = 4 * 1024**3  # bytes; the least recently used entries are removed first
_FORMAT = "v1"
_PRUNE_INTERVAL = 24 * 3600  # seconds
_DIGEST_SIZE = 32
_SECRET = "secret"  # the name of a file in the folder, which only the user can read
_MOST_IN_MEMORY = 1024**3  # bytes of an entry that is read as a whole
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of flashc.\n"
_FOLDER_VARIABLE = "FLASHC_CACHE_DIR"


class Usage(Struct, frozen=True):
    """The number of entries of one kind, and their total size in bytes."""

    kind: str
    entries: int
    size: int


class _OpenFile:
    """A file that is open as long as this object lives, and can be read by several threads at once."""

    def __init__(self, path: str | Path) -> None:
        """Open the file.

        Raises:
            OSError: the file can't be read, is not a regular file, or belongs to another user.
        """
        self._file = -1
        # A link is not followed, and a pipe is not waited for.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        self._file = os.open(path, flags)
        status = os.fstat(self._file)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise OSError(errno.EPERM, "it is not a regular file of this user", str(path))
        self.size, self.changed = status.st_size, status.st_mtime

    def __del__(self) -> None:
        if self._file >= 0:
            os.close(self._file)

    def chunks(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `begin` up to `end`, or fewer if the file is shorter.

        Raises:
            OSError: the file can't be read.
        """
        while begin < end:
            chunk = os.pread(self._file, min(end - begin, 1 << 20), begin)
            if not chunk:
                return
            begin += len(chunk)
            yield chunk


class CachedFile(Struct, frozen=True, eq=False):
    """The content of a large entry: the bytes of an open file from its beginning up to `size`.

    The file is open, so that the bytes can be read although another process has removed the entry.
    `digest` is the SHA-256 of the bytes in hex.
    """

    file: _OpenFile
    size: int
    digest: str

    @classmethod
    def of(cls, path: Path) -> CachedFile:
        """Open a whole file.

        Raises:
            OSError: the file can't be read.
        """
        file = _OpenFile(path)
        total = hashlib.sha256()
        for chunk in file.chunks(0, file.size):
            total.update(chunk)
        return cls(file, file.size, total.hexdigest())

    def copy_to(self, target: BinaryIO) -> None:
        """Write these bytes to the stream `target`.

        Raises:
            OSError: the file can't be read, or the target can't be written to.
        """
        for chunk in self.file.chunks(0, self.size):
            target.write(chunk)

    def matches_next_bytes(self, stream: BinaryIO) -> bool:
        """Read up to `size` bytes from `stream`, and return whether they are equal to these bytes.

        Raises:
            OSError: the file or the stream can't be read.
        """
        return all(chunk == stream.read(len(chunk)) for chunk in self.file.chunks(0, self.size))


class Store(Struct, frozen=True, kw_only=True):
    """The entries below the absolute path `folder`, by kind and key; flashc itself chooses both.

    If the folder can't be read or written, all entries are missing; an error of the cache never
    stops a build.  With `is_write_only`, all entries are missing too, and are written again.
    """

    folder: Path
    limit: int = LIMIT
    is_read_only: bool = False
    is_write_only: bool = False

    def read(self, kind: str, key: str, max_age: float | None = None) -> bytes | None:
        """Return an entry; None if it is missing, damaged, over 1 GiB, or older than `max_age` seconds.

        Without `max_age`, reading an entry counts as a use.  With `max_age` it does not, so that the
        age is kept.
        """
        if self.is_write_only:
            return None
        try:
            file = _OpenFile(self._path(kind, key))
            is_old = max_age is not None and time.time() - file.changed > max_age
            if is_old or file.size > _MOST_IN_MEMORY:
                return None
            data = b"".join(file.chunks(0, file.size))
        except OSError:
            return None
        content, expected = data[:-_DIGEST_SIZE], data[-_DIGEST_SIZE:]
        total = _begin_digest(kind, key)
        total.update(content)
        if self._seal(total) != expected:
            return None
        if max_age is None:
            self._touch(kind, key)
        return content

    def write(self, kind: str, key: str, content: bytes | Path) -> None:
        """Write bytes, or a copy of a file, as an entry; do nothing if that fails."""
        if self.is_read_only:
            return
        path = Path(self._path(kind, key))
        with contextlib.suppress(OSError):  # a full disk, or a folder that can't be written
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._mark()
            _make_secret(self.folder)
            if path.is_dir() and not path.is_symlink():
                _remove_folder(path)  # flashc has not made it, and a file can't replace it
            with replacing(path, mode=0o600) as draft, draft.open("wb") as target:
                total = _begin_digest(kind, key)
                for chunk in _pieces(content):
                    total.update(chunk)
                    target.write(chunk)
                target.write(self._seal(total) or b"")
            self._prune_if_due()

    def find(self, kind: str, key: str) -> CachedFile | None:
        """Check a large entry, and return it as a file without reading it into memory.

        The result is None if the entry is missing, damaged, or larger than `limit`.
        """
        if self.is_write_only:
            return None
        try:
            file = _OpenFile(self._path(kind, key))
            size = file.size - _DIGEST_SIZE
            if size > self.limit:
                return None
            total, content = _begin_digest(kind, key), hashlib.sha256()
            for chunk in file.chunks(0, size):
                total.update(chunk)
                content.update(chunk)
            if b"".join(file.chunks(size, file.size)) != self._seal(total):
                return None
        except OSError:
            return None
        self._touch(kind, key)
        return CachedFile(file, size, content.hexdigest())

    def usage(self) -> list[Usage]:
        """Return the number and size of the entries, by kind.

        Raises:
            OSError: the folder can't be looked at.
        """
        with contextlib.suppress(FileNotFoundError):
            (self.folder / _FORMAT).stat()  # newer Pythons list nothing where they can't look
        found: dict[str, tuple[int, int]] = {}
        for path, status in self._entries():
            kind = path.relative_to(self.folder / _FORMAT).parts[0]
            entries, size = found.get(kind, (0, 0))
            found[kind] = (entries + 1, size + status.st_size)
        return [Usage(kind, *figures) for kind, figures in sorted(found.items())]

    def clear(self) -> None:
        """Remove all entries; other files in the folder stay.

        The entries get another name first, so that a build that runs at the same time sees all of them
        or none, and writes new ones to a new folder.

        Raises:
            OSError: an entry can't be removed.
        """
        removed = self.folder / f".removed.{os.urandom(8).hex()}"
        with contextlib.suppress(FileNotFoundError):
            (self.folder / _FORMAT).rename(removed)
        for old in (*self.folder.glob(".removed.*"), *self.folder.glob("v[0-9]*")):
            if old.name != _FORMAT:  # also what an earlier version or a killed run has left
                _remove_folder(old)  # another `clear` may remove it too
        if removed.exists():
            raise OSError(errno.EACCES, "an entry can't be removed", str(removed))

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

    def _path(self, kind: str, key: str) -> str:
        """Return the path of an entry's file as a string; making a `Path` takes as long as opening the file."""
        return f"{self.folder}/{_FORMAT}/{kind}/{key[:1]}/{key}"

    def _touch(self, kind: str, key: str) -> None:
        """Note that an entry was used now, so that it is removed later than others."""
        with contextlib.suppress(OSError):
            os.utime(self._path(kind, key), follow_symlinks=False)

    def _seal(self, total: RunningDigest) -> bytes | None:
        """Return the seal of an entry with this digest; None if the folder has no secret."""
        secret = _secret_of(self.folder)
        return None if secret is None else hashlib.sha256(secret + total.digest()).digest()

    def _mark(self) -> None:
        """Write `CACHEDIR.TAG`, which tells backup programs that the folder is a cache."""
        tag = self.folder / "CACHEDIR.TAG"
        if not tag.exists():
            tag.write_text(_TAG, encoding="ascii")


_secrets: dict[Path, bytes] = {}


def _secret_of(folder: Path) -> bytes | None:
    """Return the secret of a cache folder; None if there is none, or if another user has written it."""
    if folder not in _secrets:
        try:
            file = _OpenFile(folder / _SECRET)
            secret = b"".join(file.chunks(0, _DIGEST_SIZE + 1))
        except OSError:
            return None
        if len(secret) != _DIGEST_SIZE:
            return None
        _secrets[folder] = secret
    return _secrets[folder]


def _make_secret(folder: Path) -> None:
    """Write a secret for a cache folder if it has none; of several processes, the first one decides.

    Raises:
        OSError: the folder can't be written.
    """
    path = folder / _SECRET
    if _secret_of(folder) is not None:
        return
    if path.is_dir() and not path.is_symlink():
        _remove_folder(path)
    elif os.path.lexists(path):
        path.unlink()
    draft = folder / f".{_SECRET}.{os.urandom(8).hex()}"
    with open(draft, "xb", opener=_private) as stream:
        stream.write(os.urandom(_DIGEST_SIZE))
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _private(path: str, flags: int) -> int:
    """Open a new file that only the user can read."""
    return os.open(path, flags, 0o600)


def _remove_folder(folder: Path) -> None:
    """Remove a folder with all that it contains, as far as possible."""
    import shutil  # importing it takes longer than a cached check

    shutil.rmtree(folder, ignore_errors=True)


def _begin_digest(kind: str, key: str) -> RunningDigest:
    """Return the digest of an entry, to which its content has to be added."""
    return hashlib.sha256(f"{kind}\0{key}\0".encode())


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
        return Store(folder=Path(chosen).absolute())
    from platformdirs import user_cache_path

    return Store(folder=user_cache_path("flashc", appauthor=False))


def disabled_cache() -> Store:
    """Return a cache that contains no entries and stores none."""
    return Store(folder=Path(os.devnull), is_read_only=True)


def decoded(data: bytes | None, type_: type[_T]) -> _T | None:
    """Decode a msgpack entry as `type_`; None if `data` is None or not such a value."""
    if data is None:
        return None
    try:
        return msgspec.msgpack.decode(data, type=type_)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def digest(*parts: bytes | str) -> str:
    """Return the SHA-256 of the parts, each preceded by its length, as a key."""
    pieces: list[bytes] = []
    for part in parts:
        data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        pieces += (len(data).to_bytes(8, "big"), data)
    return hashlib.sha256(b"".join(pieces)).hexdigest()
