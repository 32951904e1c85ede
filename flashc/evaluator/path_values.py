"""Define the values for paths: those inside the project, and those that only a worker has."""

from __future__ import annotations

import posixpath
from pathlib import PurePosixPath

from msgspec import Struct

from flashc_core.source import Span

from .values import Known, Unknown, Value


class ProjectPath(Struct, frozen=True):
    """A path inside the project, relative to its root, which is ".".

    `text` says that the program's path is a str, as `os.path` makes it, not a `Path`.  `normalised`
    says that `path` lacks a part `..` that the program's path has.
    """

    path: str
    text: bool = False
    normalised: bool = False

    def joined(self, name: str) -> ProjectPath | None:
        """Return the path `self / name`; None if it is outside the project."""
        joined = posixpath.normpath(posixpath.join(self.path, name))
        if joined.startswith("/") or joined.split("/")[0] == "..":
            return None
        return ProjectPath(joined, self.text, self.normalised or ".." in name.split("/"))

    @property
    def parent(self) -> ProjectPath | None:
        """The folder that contains the path; None if it is not known or outside the project."""
        if self.path == "." or self.normalised:
            return None
        return ProjectPath(posixpath.dirname(self.path) or ".", self.text)


def join_path(path: ProjectPath, name: str, span: Span) -> Value:
    """Return `path / name`; an `Unknown` if it is outside the project."""
    joined = path.joined(name)
    if joined is None:
        return Unknown(reason="the path is outside the project", origin=span)
    return Known(joined, span)


def folder_above(path: ProjectPath, index: int, span: Span) -> Value:
    """Return `path.parents[index]`."""
    folder: ProjectPath | None = path if index >= 0 else None
    for _ in range(min(index, path.path.count("/") + 1) + 1):
        folder = folder.parent if folder is not None else None
    if folder is None:
        return Unknown(reason="the path is outside the project", origin=span)
    return Known(folder, span)


class WorkerPath(PurePosixPath):
    """A `pathlib.Path` that is not inside the project, as a worker has it."""

    def __repr__(self) -> str:
        """Return the text that Python shows on Linux."""
        return f"PosixPath({self.as_posix()!r})"
