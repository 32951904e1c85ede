"""Make temporary files and folders, and remove those that killed runs have left.

A process holds a lock of the kernel on each that it uses (`flock`).  The lock ends with the process, so
what is not locked belongs to no process.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "flashc-run-"
_PURPOSE = re.compile(r"[a-z]+-\w{8}")
_looked_at: set[tuple[str, str]] = set()


@contextmanager
def temporary_folder(purpose: str) -> Generator[Path, None, None]:
    """Yield a new folder among the system's temporary ones, and remove it at the end.

    `purpose` is a word for its name.  The first call in a process removes folders of killed runs.

    Raises:
        OSError: the folder can't be made.
    """
    import tempfile  # importing it takes longer than a cached check

    parent = Path(tempfile.gettempdir())
    remove_abandoned(parent, _PREFIX, _PURPOSE)
    with folder_in(parent, f"{_PREFIX}{purpose}-") as folder:
        yield folder


@contextmanager
def folder_in(parent: Path, prefix: str) -> Generator[Path, None, None]:
    """Yield a new folder in `parent` that this process holds, and remove it at the end.

    Raises:
        OSError: the folder can't be made.
    """
    import tempfile

    while True:
        with (
            tempfile.TemporaryDirectory(
                prefix=prefix, dir=parent, ignore_cleanup_errors=True
            ) as name,
            held(Path(name)) as is_there,
        ):
            if is_there:
                yield Path(name)
                return


@contextmanager
def new_file(path: Path) -> Generator[None, None, None]:
    """Make an empty file that only this user can read, and hold it for the `with` block.

    Raises:
        OSError: the file can't be made, or exists.
    """
    while True:
        path.touch(mode=0o600, exist_ok=False)
        with held(path) as is_there:
            if is_there:
                yield
                return


@contextmanager
def held(path: Path) -> Generator[bool, None, None]:
    """Hold a file or folder; yield False if another process has removed it before this one held it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield path.exists()
    finally:
        os.close(descriptor)


def remove_abandoned(parent: Path, prefix: str, random: re.Pattern[str]) -> None:
    """Remove the files and folders in `parent` that no process holds, once in the life of this process.

    Their names begin with `prefix`, and the rest matches `random`.
    """
    place = (str(parent), prefix + random.pattern)
    if place in _looked_at:
        return
    _looked_at.add(place)
    with suppress(OSError), os.scandir(parent) as entries:
        for name in [entry.name for entry in entries if entry.name.startswith(prefix)]:
            if random.fullmatch(name, len(prefix)):
                _remove_if_abandoned(parent / name)


def _remove_if_abandoned(path: Path) -> None:
    """Remove a file or folder of this user that no process holds."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if os.fstat(descriptor).st_uid != os.geteuid():
                return
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.is_dir():
                import shutil

                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        finally:
            os.close(descriptor)
