"""A project's root folder -> its files, modules and what was left out.

Nothing is followed out of the root, and only regular files are opened: a FIFO would block for ever.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile
from flashc_ir.modules import Origin
from flashc_ir.program import Exclusion, ProjectFile

from .ignore import IgnoreRule, IgnoreRules

_KEPT = 4_000_000  # bytes; a larger module is read again by whoever needs it
NOTHING_UNSAVED: Mapping[str, bytes] = MappingProxyType({})
SDK_PACKAGES = frozenset({"runpod_flash", "flashc", "_flashc"})


@unique
class Presence(StrEnum):
    """Where a file or folder is.  What is on the disk only is ignored, so no worker has it."""

    SHIPPED = "shipped"
    ON_DISK = "on disk"
    ABSENT = ""


@dataclass(frozen=True, eq=False, kw_only=True)
class Tree:
    """What a project consists of.  `modules` maps dotted names to paths, relative to the root.

    `unsaved` are the files that an editor holds in another state than the disk, by path.  `texts` are the
    modules' contents as they were when their digests were taken, but for very large ones.
    """

    root: Path
    files: tuple[ProjectFile, ...]
    modules: dict[str, str]
    packages: frozenset[str]
    exclusions: tuple[Exclusion, ...]
    unsaved: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    texts: Mapping[str, bytes] = field(default_factory=dict[str, bytes])

    def read(self, path: str) -> bytes:
        """The content of one of the project's files.

        Raises:
            OSError: it can't be read any more.
        """
        found = self.texts.get(path, self.unsaved.get(path))
        return (self.root / path).read_bytes() if found is None else found

    def presence(self, path: str) -> Presence:
        """Whether there is a file or folder of this name."""
        if path in self._places:
            return Presence.SHIPPED
        try:
            on_disk = os.path.lexists(self.root / path)
        except (OSError, ValueError):
            on_disk = False
        return Presence.ON_DISK if on_disk else Presence.ABSENT

    @cached_property
    def _places(self) -> frozenset[str]:
        """The files of the project, and the folders that they are in."""
        folders = {
            file.path.rsplit("/", depth)[0]
            for file in self.files
            for depth in range(1, file.path.count("/") + 1)
        }
        return frozenset(folders | {file.path for file in self.files})

    def has(self, name: str) -> bool:
        """Whether the project has a module or package (namespace packages too) of this name."""
        return name in self.modules or name in self.packages

    def origin(self, name: str) -> Origin:
        """Where Python would look for a module of this name on a worker."""
        top = name.partition(".")[0]
        if self.has(top):
            return Origin.PROJECT
        if top in SDK_PACKAGES:
            return Origin.SDK
        return Origin.STDLIB if top in sys.stdlib_module_names else Origin.EXTERNAL


def discover(root: Path, sink: Sink, unsaved: Mapping[str, bytes] = NOTHING_UNSAVED) -> Tree:
    """Walk the project at `root` (absolute), in sorted order; `unsaved` as in `Tree`."""
    walk = _Walk(root=root, real_root=Path(os.path.realpath(root)), sink=sink, unsaved=unsaved)
    walk.folder("", IgnoreRules.built_in())
    modules = _modules(walk.files, sink)
    packages = {
        name.rsplit(".", depth)[0] for name in modules for depth in range(1, name.count(".") + 1)
    }
    return Tree(
        root=root,
        files=tuple(sorted(walk.files, key=lambda file: file.path)),
        modules=modules,
        packages=frozenset(packages),
        exclusions=tuple(sorted(walk.exclusions, key=lambda e: e.path)),
        unsaved=unsaved,
        texts=walk.texts,
    )


def module_name(path: str) -> str | None:
    """The dotted name of a project file as a module; None for one that no import can reach."""
    if not path.endswith(".py"):
        return None
    *folders, last = path.removesuffix(".py").split("/")
    parts = folders if last == "__init__" and folders else [*folders, last]
    return None if any("." in part for part in parts) else ".".join(parts)


def _modules(files: list[ProjectFile], sink: Sink) -> dict[str, str]:
    """Module names -> paths; of `a.py` and `a/__init__.py` Python takes the package."""
    found: dict[str, str] = {}
    for path in sorted((file.path for file in files), key=lambda p: (not _is_package(p), p)):
        name = module_name(path)
        if name is None:
            continue
        if name in found:
            sink.report(
                rules.AMBIGUOUS_MODULE,
                WholeFile(path),
                f"`{path}` is never imported: `{found[name]}` is the same module `{name}`",
                help=("rename one of the two",),
            )
        else:
            found[name] = path
    return dict(sorted(found.items()))


def _is_package(path: str) -> bool:
    return path.endswith("/__init__.py")


@dataclass(slots=True, kw_only=True)
class _Walk:
    root: Path
    real_root: Path
    sink: Sink
    unsaved: Mapping[str, bytes]
    files: list[ProjectFile] = field(default_factory=list[ProjectFile])
    exclusions: list[Exclusion] = field(default_factory=list[Exclusion])
    texts: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def folder(self, folder: str, outer: IgnoreRules) -> None:
        try:
            rules_here = outer.inside(self.root, folder)
            with os.scandir(self.root / folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self._unreadable(folder or ".", error)
            return
        for entry in found:
            path = f"{folder}/{entry.name}" if folder else entry.name
            self._entry(entry, path, rules_here)

    def _entry(self, entry: os.DirEntry[str], path: str, ignore: IgnoreRules) -> None:
        try:
            path.encode("utf-8")
        except UnicodeEncodeError:
            shown = path.encode("utf-8", "replace").decode()
            self.sink.report(
                rules.UNREADABLE_FILE,
                WholeFile(shown),
                f"the name of `{shown}` is not UTF-8",
                help=("rename the file, or keep it out with a `.flashignore`",),
            )
            return
        try:
            is_folder = entry.is_dir()
        except OSError as error:
            self._unreadable(path, error)
            return
        rule = ignore.match(path, is_folder=is_folder)
        if rule is not None:
            self._exclude(path + "/" if is_folder else path, rule)
        elif entry.is_symlink() and not self._stays_inside(path):
            return
        elif is_folder:
            if not entry.is_symlink():  # a linked folder is reached by its real path already
                self.folder(path, ignore)
        else:
            self._file(path)

    def _exclude(self, path: str, rule: IgnoreRule) -> None:
        self.exclusions.append(Exclusion(path, rule.pattern, rule.source))

    def _stays_inside(self, path: str) -> bool:
        real = Path(os.path.realpath(self.root / path))
        inside = real == self.real_root or self.real_root in real.parents
        if not inside:
            self.sink.report(
                rules.SYMLINK_OUTSIDE,
                WholeFile(path),
                f"the symbolic link `{path}` leaves the project",
                help=(
                    "copy the file into the project, or keep the link out with a `.flashignore`",
                ),
            )
        return inside

    def _file(self, path: str) -> None:
        try:
            status = os.stat(self._place(path))
            if not stat.S_ISREG(status.st_mode):
                self.sink.report(
                    rules.UNREADABLE_FILE,
                    WholeFile(path),
                    f"`{path}` is not a regular file",
                    help=("keep it out with a `.flashignore`",),
                )
                return
            digest = self._digest(path, status.st_size)
        except OSError as error:
            self._unreadable(path, error)
            return
        executable = bool(status.st_mode & stat.S_IXUSR)
        self.files.append(
            ProjectFile(path=path, size=status.st_size, digest=digest, executable=executable)
        )

    def _digest(self, path: str, size: int) -> str:
        if path in self.unsaved:
            return hashlib.sha256(self.unsaved[path]).hexdigest()
        with open(self._place(path), "rb") as stream:
            if not path.endswith(".py") or size > _KEPT:
                return hashlib.file_digest(stream, "sha256").hexdigest()
            self.texts[path] = stream.read()
        return hashlib.sha256(self.texts[path]).hexdigest()

    def _place(self, path: str) -> str:
        """An absolute path; `Path` takes longer than the system's call."""
        return f"{self.root}/{path}"

    def _unreadable(self, path: str, error: OSError) -> None:
        self.sink.report(
            rules.UNREADABLE_FILE,
            WholeFile(path),
            f"`{path}` can't be read: {error.strerror or type(error).__name__}",
            help=("make it readable, or keep it out with a `.flashignore`",),
        )
