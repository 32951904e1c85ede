"""Write files atomically, whole or not at all, and compute digests of files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = "flash.lock"
"""The name of the lock in the project's folder."""


@contextmanager
def replacing(target: Path, *, mode: int = 0o644) -> Generator[Path, None, None]:
    """Yield a path to write to; at the end, the file replaces `target`.

    The new file has the permissions `mode`.  If an exception ends the work, it is removed.

    The temporary file is in the folder of `target`, which is made if necessary, so that replacing
    is one atomic step.

    Raises:
        OSError: the folder or the file can't be written; `target` has not changed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # The name is random, as in `tempfile`; importing `tempfile` takes longer than a cached check.
    temporary = target.with_name(f".{target.name}.{os.urandom(8).hex()}")
    temporary.touch(mode=0o600, exist_ok=False)
    try:
        yield temporary
        temporary.chmod(mode)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(target: Path) -> Generator[Path, None, None]:
    """Yield a new empty folder to fill; at the end, it replaces `target`, whose content is removed.

    Replacing a folder takes two steps.  If the process is killed between them, there is no folder
    at `target`, and a hidden folder next to it contains the old and the new one.

    Raises:
        OSError: a folder can't be written; `target` has not changed.
    """
    import tempfile  # importing it takes longer than a cached check

    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as hidden:
        new, old = Path(hidden, "new"), Path(hidden, "old")
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
