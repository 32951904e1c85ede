"""Find the files and modules of a project on disk.

Symbolic links that lead out of the root are not followed.  Only regular files are opened, because
reading a FIFO blocks.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import Struct, field

from flashc_core import rules
from flashc_core.credential_files import names_credentials
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile
from flashc_ir.program import Exclusion, ProjectFile

from .ignore import IGNORE_FILES, IgnoreRule, IgnoreRules
from .links import link_targets
from .project import MAX_KEPT, NOTHING_UNSAVED, Project, module_name
from .project_texts import ProjectTexts
from .source_file import SourceFile
from .source_roots import added_folders, source_roots

_COPY_FILE = "copy the file into the project, or exclude the link in `.flashignore`"
_COPY_IGNORE_FILE = "copy the file into the project; its patterns have no effect until then"
_MOST_LINKS = 2  # linked folders inside each other


def discover(
    root: Path,
    unsaved: Mapping[str, bytes] = NOTHING_UNSAVED,
    previous: Project | None = None,
) -> Project:
    """Find the files and modules of the project in the folder `root`, which is absolute.

    `unsaved` has the meaning that it has in `Project`.  Files that have not changed since
    `previous` was opened are taken from it, together with their syntax trees.
    """
    sink = Sink()
    known = {} if previous is None else previous.sources
    reader = ProjectTexts(root=root, unsaved=unsaved)
    walk = _Walk(
        root=root, real_root=Path(os.path.realpath(root)), sink=sink, reader=reader, known=known
    )
    try:
        walk.above = IgnoreRules.of(reader)
    except OSError as error:
        walk.report_unreadable("..", error)
    walk.walk_folder("", walk.above, (str(walk.real_root),))
    folders = {
        file.path.rsplit("/", depth)[0]
        for file in walk.files
        for depth in range(1, file.path.count("/") + 1)
    }
    added = added_folders(walk.texts)
    modules = _modules(walk.files, source_roots(added, walk.texts, folders), sink)
    packages = {
        name.rsplit(".", depth)[0] for name in modules for depth in range(1, name.count(".") + 1)
    }
    names = {path: name for name, path in modules.items()}
    return Project(
        root=root,
        files=tuple(sorted(walk.files, key=lambda file: file.path)),
        modules=modules,
        packages=frozenset(packages),
        exclusions=tuple(sorted(walk.exclusions, key=lambda e: e.path)),
        findings=tuple(sink),
        links=walk.links,
        folders_outside=tuple(each for each in added if each.is_outside),
        unsaved=unsaved,
        sources={
            path: _source(path, names.get(path, ""), data, known)
            for path, data in walk.texts.items()
        },
    )


def _source(path: str, module: str, data: bytes, known: Mapping[str, SourceFile]) -> SourceFile:
    """Return a file of the project; the one in `known` if the content is the same."""
    before = known.get(path)
    same = before is not None and before.data == data and before.module == module
    return before if same and before is not None else SourceFile(path, module, data)


def _modules(files: list[ProjectFile], roots: tuple[str, ...], sink: Sink) -> dict[str, str]:
    """Return the paths of the modules by name, and report modules that a package hides; `roots` are folders that are on `sys.path` too.

    If there are `a.py` and `a/__init__.py`, Python imports the package, so `a` has the path of the
    latter.
    """
    found: dict[str, str] = {}
    for path in sorted((file.path for file in files), key=lambda p: (not _is_package(p), p)):
        root = next((root for root in roots if path.startswith(f"{root}/")), "")
        name = module_name(path.removeprefix(f"{root}/") if root else path)
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
    """Return whether a file is the `__init__.py` of a package."""
    return path.endswith("/__init__.py")


class _Walk(Struct, kw_only=True):
    """Walks the folders of a project and collects its files, exclusions and findings."""

    root: Path
    real_root: Path
    sink: Sink
    reader: ProjectTexts
    known: Mapping[str, SourceFile]
    above: IgnoreRules = field(default_factory=IgnoreRules.built_in)
    links: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    files: list[ProjectFile] = field(default_factory=list[ProjectFile])
    exclusions: list[Exclusion] = field(default_factory=list[Exclusion])
    texts: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def walk_folder(self, folder: str, outer: IgnoreRules, linked: tuple[str, ...]) -> None:
        """Walk one folder in sorted order, with the ignore rules of its parent folders.

        `linked` are the real paths of the root and of the folders that a link led to on the way.
        """
        try:
            with os.scandir(self.root / folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
            rules_here = self._rules_inside(folder, outer, found)
        except OSError as error:
            self.report_unreadable(folder or ".", error)
            return
        for entry in found:
            path = f"{folder}/{entry.name}" if folder else entry.name
            self._add_entry(entry, path, rules_here, linked)

    def _rules_inside(
        self, folder: str, outer: IgnoreRules, entries: list[os.DirEntry[str]]
    ) -> IgnoreRules:
        """Return the rules in a folder; an ignore file that is a link out of the project is reported, and has no effect.

        Raises:
            OSError: an ignore file can't be read.
        """
        links = {e.name for e in entries if e.name in IGNORE_FILES and e.is_symlink()}
        here = {e.name for e in entries if e.name in IGNORE_FILES}
        found: list[str] = []
        for name in IGNORE_FILES:
            path = f"{folder}/{name}" if folder else name
            is_unsaved = path in self.reader.unsaved
            if not is_unsaved and (name not in here or not self.reader.has(path)):
                continue
            if is_unsaved or name not in links or self._is_inside(path, _COPY_IGNORE_FILE):
                found.append(path)
        return outer.inside(self.reader, folder, found)

    def _add_entry(
        self, entry: os.DirEntry[str], path: str, ignore: IgnoreRules, linked: tuple[str, ...]
    ) -> None:
        """Add one entry of a folder: a file, a folder to walk, or an exclusion."""
        try:
            path.encode("utf-8")
        except UnicodeEncodeError:
            shown = path.encode("utf-8", "replace").decode()
            self.sink.report(
                rules.UNREADABLE_FILE,
                WholeFile(shown),
                f"the name of `{shown}` is not UTF-8",
                help=("rename the file, or exclude it in `.flashignore`",),
            )
            return
        try:
            is_folder = entry.is_dir()
        except OSError as error:
            if not entry.is_symlink():
                self.report_unreadable(path, error)
                return
            is_folder = False  # a link to itself
        rule = ignore.match(path, is_folder=is_folder)
        if rule is not None:
            self._exclude(path + "/" if is_folder else path, rule)
        elif (entry.is_symlink() and not self._check_link(path)) or (
            (entry.is_symlink() or len(linked) > 1) and self._leads_to_excluded(path, is_folder)
        ):
            return
        elif is_folder and entry.is_symlink():
            self._walk_linked_folder(path, ignore, linked)
        elif is_folder:
            self.walk_folder(path, ignore, linked)
        else:
            self._add_file(path)

    def _walk_linked_folder(self, path: str, ignore: IgnoreRules, linked: tuple[str, ...]) -> None:
        """Walk a folder that a symbolic link leads to, because its files are in the project by this path too.

        A link to a folder that contains the link would never end, so it is not followed.
        """
        real = os.path.realpath(self._absolute(path))
        around = os.path.realpath(os.path.dirname(self._absolute(path)))
        returns = f"{around}/".startswith(f"{real}/") or real in linked
        if not returns and len(linked) <= _MOST_LINKS:
            self.walk_folder(path, ignore, (*linked, real))
            return
        why = (
            "leads back to a folder that contains it"
            if returns
            else "is inside other linked folders"
        )
        self._report_link(path, f"the symbolic link `{path}` {why}, so workers do not get it")

    def _leads_to_excluded(self, path: str, is_folder: bool) -> bool:
        """Exclude a path whose links lead to credentials that are excluded; return whether it is so.

        The rule of the target excludes the link too: `conf.txt` is what `.env` is if it is a link to it.
        """
        targets = link_targets(str(self.real_root), path)
        for target in targets:
            if names_credentials(f"{target}/" if is_folder else target):
                rule = self._rule_of(target, is_folder)
                if rule is not None:
                    self._exclude(path + "/" if is_folder else path, rule)
                    return True
        if not is_folder:
            self.links[path] = targets
        return False

    def _rule_of(self, path: str, is_folder: bool) -> IgnoreRule | None:
        """Return the rule that excludes the path of a link's target, or one of its folders."""
        ignore, parts = self.above, path.split("/")
        for depth in range(len(parts)):
            folder = "/".join(parts[:depth])
            with suppress(OSError), os.scandir(self._absolute(folder)) as entries:
                # What can't be read is reported when the folder is walked
                ignore = self._rules_inside(folder, ignore, list(entries))
            inner = depth + 1 < len(parts)
            rule = ignore.match("/".join(parts[: depth + 1]), is_folder=inner or is_folder)
            if rule is not None:
                return rule
        return None

    def _report_link(self, path: str, message: str) -> None:
        """Report a symbolic link that leads to no file of the project."""
        self.sink.report(
            rules.DANGLING_LINK,
            WholeFile(path),
            message,
            help=("remove the link, or exclude it in `.flashignore`",),
        )

    def _exclude(self, path: str, rule: IgnoreRule) -> None:
        """Record that an ignore rule excludes a file or folder."""
        self.exclusions.append(Exclusion(path, rule.pattern, rule.source))

    def _check_link(self, path: str) -> bool:
        """Report a symbolic link that leads to no file of the project; return whether it leads to one.

        A link that leads to another file is reported.
        """
        if not os.path.exists(self._absolute(path)):
            message = f"the symbolic link `{path}` leads to nothing, so workers do not get it"
            self._report_link(path, message)
            return False
        return self._is_inside(path, _COPY_FILE)

    def _is_inside(self, path: str, help: str) -> bool:
        """Report a symbolic link that leaves the project; return whether it leads to a file of the project."""
        real = Path(os.path.realpath(self._absolute(path)))
        inside = real == self.real_root or self.real_root in real.parents
        if not inside:
            self.sink.report(
                rules.SYMLINK_OUTSIDE,
                WholeFile(path),
                f"the symbolic link `{path}` leaves the project",
                help=(help,),
            )
        return inside

    def _add_file(self, path: str) -> None:
        """Add a regular file with its digest; report any other."""
        try:
            status = os.stat(self._absolute(path))
            if not stat.S_ISREG(status.st_mode):
                self.sink.report(
                    rules.UNREADABLE_FILE,
                    WholeFile(path),
                    f"`{path}` is not a regular file",
                    help=("exclude it in `.flashignore`",),
                )
                return
            digest = self._read_and_digest(path, status.st_size)
        except OSError as error:
            self.report_unreadable(path, error)
            return
        executable = bool(status.st_mode & stat.S_IXUSR)
        self.files.append(
            ProjectFile(path=path, size=status.st_size, digest=digest, executable=executable)
        )

    def _read_and_digest(self, path: str, size: int) -> str:
        """Return the SHA-256 of a file, or of its unsaved text; keep the text of a module."""
        if path.endswith(".py") and (size <= MAX_KEPT or path in self.reader.unsaved):
            self.texts[path] = data = self.reader.read(path, is_checked=True)
            return hashlib.sha256(data).hexdigest()
        return self.reader.digest(path, is_checked=True)

    def _absolute(self, path: str) -> str:
        """Return an absolute path as a string.

        Creating a `Path` would take longer than the system call.
        """
        return f"{self.root}/{path}"

    def report_unreadable(self, path: str, error: OSError) -> None:
        """Report a file or folder that can't be read."""
        self.sink.report(
            rules.UNREADABLE_FILE,
            WholeFile(path),
            f"`{path}` can't be read: {error.strerror or type(error).__name__}",
            help=("make it readable, or exclude it in `.flashignore`",),
        )
