"""Read the files of a project: the text that an editor has not saved, else the file on disk.

No other module of the compiler opens files of a project, so that these rules hold for all of them:
unsaved text counts, no link is followed out of the root, and only regular files are opened, because
reading a named pipe may not end.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from msgspec import Struct, field

from flashc_core.files import MOST_READ, real_path


class ProjectTexts(Struct, frozen=True, eq=False, kw_only=True):
    """The reader of the files of the project in the folder `root`; `unsaved` has the editor's texts by path.

    Paths are relative to the root.  A path may name a file outside of the root, as `../shared` or an
    absolute path does.
    """

    root: Path
    unsaved: Mapping[str, bytes]
    # One for all files: touching new memory takes longer than hashing.
    _buffer: bytearray = field(default_factory=partial(bytearray, 1 << 18))

    def has(self, path: str) -> bool:
        """Return whether there is a text to read: an unsaved one, or a regular file."""
        return path in self.unsaved or os.path.isfile(self._absolute(path))

    def read(self, path: str, *, is_checked: bool = False) -> bytes:
        """Return the content of a file; `is_checked` says that it is known to be a regular file inside of the root.

        Raises:
            OSError: the file can't be read, is too large, or a link leads out of the project.
        """
        unsaved = self.unsaved.get(path)
        if unsaved is not None:
            return unsaved
        if not is_checked:
            self._check(path)
        with open(self._absolute(path), "rb", buffering=0) as stream:
            if os.fstat(stream.fileno()).st_size > MOST_READ:
                raise OSError(errno.EFBIG, f"it is larger than {MOST_READ // 1024**2} MiB", path)
            return stream.readall()

    def digest(self, path: str, *, is_checked: bool = False) -> str:
        """Return the SHA-256 of a file of any size, in hex; the meaning of `is_checked` is that of `read`.

        Raises:
            OSError: the file can't be read, or a link leads out of the project.
        """
        unsaved = self.unsaved.get(path)
        if unsaved is not None:
            return hashlib.sha256(unsaved).hexdigest()
        if not is_checked:
            self._check(path)
        total = hashlib.sha256()
        with open(self._absolute(path), "rb", buffering=0) as stream:
            while count := stream.readinto(self._buffer):
                total.update(memoryview(self._buffer)[:count])
        return total.hexdigest()

    def _absolute(self, path: str) -> str:
        """Return an absolute path as a string; creating a `Path` would take longer than the system call."""
        return os.path.join(self.root, path)

    def _check(self, path: str) -> None:
        """Check that a path is that of a regular file, and that no link leads it out of the project.

        Raises:
            OSError: it is something else.
        """
        target = real_path(self.root / path)
        is_named = os.path.normpath(path).startswith(("..", "/"))
        if not is_named and not target.is_relative_to(real_path(self.root)):
            raise PermissionError(errno.EPERM, "it is a symbolic link that leaves the project")
        if target.exists() and not target.is_file():
            raise OSError(errno.EINVAL, "it is not a file")
