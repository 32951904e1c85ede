"""Describe a project: its modules and excluded files, how its files are read safely, and where Python finds an import."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum, unique
from functools import cached_property
from pathlib import Path

from msgspec import Struct, field

from flashc_core.credential_files import names_credentials
from flashc_core.diagnostics import Diagnostic
from flashc_core.source import Lines
from flashc_ir.modules import Origin
from flashc_ir.platform.worker_files import whose_module
from flashc_ir.program import Exclusion, ProjectFile

from .links import link_targets
from .project_texts import ProjectTexts
from .source_file import SourceFile
from .source_roots import AddedFolder

NOTHING_UNSAVED: Mapping[str, bytes] = {}
MAX_KEPT = 4_000_000  # bytes; the content of a larger file is not kept in memory


@unique
class Presence(StrEnum):
    """Where a file or folder exists.

    `SHIPPED` means that workers have it.  `ON_DISK` means that it exists, but that workers do not have
    it; often, an ignore rule excludes it.
    """

    SHIPPED = "shipped"
    ON_DISK = "on disk"
    ABSENT = ""


class Project(Struct, frozen=True, eq=False, dict=True, weakref=True, kw_only=True):
    """The files of a project as they were when it was opened.

    All files are read by `texts`, an object of the class that also reads them while the project is opened.

    `root` is absolute.  `modules` has the paths of modules, relative to the root, by dotted name.
    `findings` are those about the files themselves.  `folders_outside` are folders outside the
    project that its modules add to `sys.path`.  `unsaved` has, by path, the content of files
    that an editor has not saved.  `sources` are the files that `source` has
    returned so far, except those of more than `MAX_KEPT` bytes.
    `links` has, for the files that symbolic links lead to, what these lead to; see `link_targets`.
    `sdk_packages` are the top-level packages of the SDKs that the program may be written for.
    """

    root: Path
    files: tuple[ProjectFile, ...]
    modules: dict[str, str]
    packages: frozenset[str]
    exclusions: tuple[Exclusion, ...]
    findings: tuple[Diagnostic, ...] = ()
    folders_outside: tuple[AddedFolder, ...] = ()
    unsaved: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    sources: dict[str, SourceFile] = field(default_factory=dict[str, SourceFile])
    sdk_packages: frozenset[str] = frozenset()
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def read(self, path: str) -> bytes:
        """Return the content of a file; no link is followed out of the root.

        `path` is relative to the root.  It may name a file outside of the root, as `../shared` or an
        absolute path does.

        Raises:
            OSError: the file can't be read, or a link leads out of the project or to credentials that
                workers do not get.
        """
        known = self.sources.get(path)
        if known is not None:
            return known.data
        if path not in self.by_path and self._leads_to_credentials(path):
            raise PermissionError(errno.EPERM, "it is a symbolic link to a file with credentials")
        is_checked = path in self.by_path or path in self.names  # when the project was opened
        return self.texts.read(path, is_checked=is_checked)

    def has_text(self, path: str) -> bool:
        """Return whether there is a text to read: one of an editor, or a regular file."""
        return self.texts.has(path)

    def hides(self, path: str) -> bool:
        """Return whether reports must not show the text of a file, because of its name or that of a link's target."""
        return names_credentials(path) or self._leads_to_credentials(path)

    def _leads_to_credentials(self, path: str) -> bool:
        """Return whether a path with an ordinary name is a link to a file whose name suggests credentials."""
        if path in self.by_path:
            targets = self.links.get(path, ())
        elif names_credentials(path):
            return False
        else:
            targets = link_targets(os.path.realpath(self.root), path)
        return any(map(names_credentials, targets))

    def source(self, path: str) -> SourceFile:
        """Return a file with its text, lines and syntax tree; the same object each time.

        Raises:
            OSError: the file can't be read.
        """
        known = self.sources.get(path)
        if known is None:
            known = SourceFile(path, self.names.get(path, ""), self.read(path))
            if len(known.data) <= MAX_KEPT:
                self.sources[path] = known
        return known

    def lines(self, path: str) -> Lines | None:
        """Return the positions of the lines of a regular file; None if it can't be read or holds credentials."""
        if self.hides(path) or (path not in self.sources and not self.has_text(path)):
            return None
        try:
            return self.source(path).lines
        except OSError:
            return None

    def source_of_module(self, name: str) -> SourceFile:
        """Return the file of a module.

        Raises:
            OSError: the file can't be read.
            KeyError: the project has no such module.
        """
        return self.source(self.modules[name])

    @cached_property
    def texts(self) -> ProjectTexts:
        """The reader of the project's files."""
        return ProjectTexts(root=self.root, unsaved=self.unsaved)

    @cached_property
    def names(self) -> dict[str, str]:
        """The names of the modules by path."""
        return {path: name for name, path in self.modules.items()}

    @cached_property
    def by_path(self) -> dict[str, ProjectFile]:
        """The files that go into the artifact, by path."""
        return {file.path: file for file in self.files}

    def presence(self, path: str) -> Presence:
        """Return whether a file or folder of this path exists, and whether workers get it."""
        if path in self._shipped:
            return Presence.SHIPPED
        try:
            on_disk = os.path.lexists(self.root / path)
        except (OSError, ValueError):
            on_disk = False
        return Presence.ON_DISK if on_disk else Presence.ABSENT

    def exclusion_of(self, path: str) -> Exclusion | None:
        """Return the ignore rule that excludes a file, or one of its folders."""
        for rule in self.exclusions:
            if path == rule.path or (rule.path.endswith("/") and path.startswith(rule.path)):
                return Exclusion(path, rule.pattern, rule.source)
        return None

    @cached_property
    def _shipped(self) -> frozenset[str]:
        """The paths of the project's files and of their folders."""
        folders = {
            path.rsplit("/", depth)[0]
            for path in self.by_path
            for depth in range(1, path.count("/") + 1)
        }
        return frozenset(folders | self.by_path.keys())

    def has(self, name: str) -> bool:
        """Return whether the project has a module, package or namespace package of this name."""
        return name in self.modules or name in self.packages

    def is_namespace(self, name: str) -> bool:
        """Return whether a name is that of a folder with modules and without `__init__.py`.

        Python prefers every other package of this name, and a distribution may add to the folder.
        """
        return name in self.packages and name not in self.modules

    def _is_elsewhere(self, name: str, members: Iterable[str], top: str) -> bool:
        """Return whether the import of `members` from `name`, in the namespace package `top`, comes from outside the project.

        A folder `google` without `__init__.py` and the distributions that install `google.cloud` are
        one package to Python; and if there is a distribution `datasets`, Python does not see a
        folder `datasets` at all.
        """
        parts = name.split(".")
        prefixes = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
        if not self.is_namespace(top) or any(prefix in self.modules for prefix in prefixes):
            return False
        if members:
            return not any(self.has(f"{name}.{member}") for member in members)
        return not self.has(name) or (name == top and whose_module(top) is not None)

    @cached_property
    def own_package(self) -> str | None:
        """The project's name as a package, if its parent folder is on Python's path; None if it is not a package.

        It is a package if the root contains `__init__.py`, and no other module has the name of the root.
        """
        name = self.root.name
        taken = self.has(name) or name in sys.stdlib_module_names or name in self.sdk_packages
        return name if "__init__.py" in self.by_path and name.isidentifier() and not taken else None

    def without_own_package(self, name: str) -> str:
        """Remove the project's own package name from the front of `name`, if it is there and the rest is in the project."""
        top, _, rest = name.partition(".")
        return rest if top == self.own_package and self.has(rest) else name

    def origin(self, name: str, members: Iterable[str] = ()) -> Origin:
        """Return where a worker would find a module of this name, if `members` are imported from it."""
        top = name.partition(".")[0]
        if self.has(top) and not self._is_elsewhere(name, tuple(members), top):
            return Origin.PROJECT
        if top in self.sdk_packages:
            return Origin.SDK
        return Origin.STDLIB if top in sys.stdlib_module_names else Origin.EXTERNAL


def module_name(path: str) -> str | None:
    """Return the dotted name of a project file as a module; None if no import can reach it."""
    if not path.endswith(".py"):
        return None
    *folders, last = path.removesuffix(".py").split("/")
    parts = folders if last == "__init__" and folders else [*folders, last]
    return None if any("." in part for part in parts) else ".".join(parts)
