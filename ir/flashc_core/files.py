"""Write files atomically, whole or not at all, and compute digests of files."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from .temporary import folder_in, new_file, remove_abandoned


class RunningDigest(Protocol):
    """A SHA-256 to which more bytes can be added."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""
        ...

    def digest(self) -> bytes:
        """Return the digest of all bytes so far."""
        ...

    def hexdigest(self) -> str:
        """Return the digest of all bytes so far, in hex."""
        ...


MOST_READ = 256 * 1024**2  # bytes

_OF_A_FILE, _OF_A_FOLDER = re.compile(r"[0-9a-f]{16}"), re.compile(r"\w{8}")

LOCK_FILE = "flash.lock"
"""The name of the lock in the project's folder."""


@contextmanager
def replacing(target: Path, *, mode: int = 0o644) -> Generator[Path, None, None]:
    """Yield a path to write to; at the end, the file replaces `target`.

    The new file has the permissions `mode`.  If an exception ends the work, it is removed.

    The temporary file is in the folder of `target`, which is made if necessary, so that replacing
    is one atomic step.  Temporary files for `target` that killed runs have left are removed.

    Raises:
        OSError: the folder or the file can't be written; `target` has not changed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(target.parent, f".{target.name}.", _OF_A_FILE)
    # The name is random, as in `tempfile`; importing `tempfile` takes longer than a cached check.
    temporary = target.with_name(f".{target.name}.{os.urandom(8).hex()}")
    with new_file(temporary):
        try:
            yield temporary
            temporary.chmod(mode)
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def replacing_folder(target: Path) -> Generator[Path, None, None]:
    """Yield a new empty folder to fill; at the end, it replaces `target`, whose content is removed.

    Replacing a folder takes two steps.  If the process is killed between them, there is no folder
    at `target`, and a hidden folder next to it contains the old and the new one until the next run.

    Raises:
        OSError: a folder can't be written; `target` has not changed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(target.parent, f".{target.name}.", _OF_A_FOLDER)
    with folder_in(target.parent, f".{target.name}.") as hidden:
        new, old = hidden / "new", hidden / "old"
        new.mkdir()
        yield new
        if not os.path.lexists(target):
            new.rename(target)
            return
        target.rename(old)  # a folder that is not empty can't be replaced
        try:
            new.rename(target)
        except OSError:
            old.rename(target)
            raise


def real_path(path: Path) -> Path:
    """Return a path without links; one that is a link to itself stays as it is, in every Python."""
    return Path(os.path.realpath(path))


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex.

    Raises:
        OSError: the file can't be read.
    """
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_file(target: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write one file atomically.

    Raises:
        OSError: the file can't be written; an old file has not changed.
    """
    with replacing(target, mode=mode) as temporary:
        temporary.write_bytes(content)


def replace_content(file: Path, content: bytes) -> None:
    """Replace the content of an existing file atomically and keep its permissions.

    If the file is a symbolic link, the content of its target is replaced.

    Raises:
        OSError: the file does not exist or can't be written; it has not changed.
    """
    target = file.resolve()
    write_file(target, content, mode=target.stat().st_mode & 0o7777)


# What editors, version control and earlier builds leave in the folder of a package.
_NOT_SOURCE = frozenset(
    ".git .hg .svn .venv venv .tox .nox .mypy_cache .pytest_cache .ruff_cache .idea .vscode "
    "__pycache__ node_modules build dist .flash".split()
)


def source_files(folder: Path) -> Iterator[Path]:
    """Yield the files in the folder of a package, in an order that is the same everywhere.

    Files that version control, editors and builds made are left out, and so are links that lead
    nowhere.
    """
    for base, folders, files in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name not in _NOT_SOURCE and not name.endswith(".egg-info")
        )
        for name in sorted(files):
            path = Path(base, name)
            if not name.endswith((".pyc", ".pyo")) and path.is_file():
                yield path


def tree_digest(path: Path) -> str:
    """Return the SHA-256 of a file or of the files in a folder, in hex; "" if it can't be read."""
    try:
        if path.is_file():
            return digest_of(path)
        if not path.is_dir():
            return ""
        total = hashlib.sha256()
        for file in source_files(path):
            name = file.relative_to(path).as_posix()
            mode = "x" if os.access(file, os.X_OK) else ""
            total.update(f"{name}\0{mode}\0{digest_of(file)}\n".encode())
        return total.hexdigest()
    except OSError:
        return ""
