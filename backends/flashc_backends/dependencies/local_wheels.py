"""Make wheels of what requirements name outside of any index: paths, folders, git repositories.

A wheel that flashc has built is packed again with sorted names and without times, so that its bytes
depend only on its files.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec
from installer.records import RecordEntry
from msgspec import structs
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from uv import find_uv_bin

from flashc_backends.base import DependencyContext
from flashc_core import rules
from flashc_core.cache import digest
from flashc_core.files import digest_of, tree_digest
from flashc_core.source import Location
from flashc_ir.platform.markers import marker_holds
from flashc_ir.requirements import GitSource, PathSource

from .git import commit_of, fetch_commit
from .indexes import IndexAccess
from .record import InvalidRecord, hash_of, read_record, write_record
from .tools import DependencyError, run
from .tree_sources import OwnSource, advice, direct_requirement, own_sources
from .trees import InvalidTree, code_of_build, copy_tree, unpack_tree

_FORMAT = "2"  # changes if the same tree would give another wheel
_EPOCH = "315532800"  # seconds; the first time that a zip file can contain


@dataclass(frozen=True, slots=True)
class LocalWheel:
    """A wheel on this machine: its file, the SHA-256 of the file in hex, and where it comes from.

    `source` of a git repository names the commit.  `own_sources` are the requirements of a built
    package that have a source of their own.
    """

    file: Path
    digest: str
    source: PathSource | GitSource
    own_sources: tuple[OwnSource, ...] = ()


class _Tree(NamedTuple):
    """The folder of a package that is to be built, and its requirements with their own sources."""

    folder: Path
    own: tuple[OwnSource, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class WheelMaker:
    """Makes wheels in the folder `scratch`, or takes them from the cache.

    `sourced` are the distributions for which the project itself says where they come from.
    """

    context: DependencyContext
    access: IndexAccess
    scratch: Path
    sourced: frozenset[str]
    python_version: str

    def make(
        self,
        name: str,
        source: PathSource | GitSource,
        where: Location,
        extras: Set[str] = frozenset(),
    ) -> LocalWheel:
        """Return the wheel of the distribution `name` from its source.

        `extras` are those that are asked for.  Problems are reported at `where`.

        Raises:
            DependencyError: there is no such wheel; the finding is already reported.
        """
        try:
            found = self._of_git(source) if isinstance(source, GitSource) else self._of_path(source)
            built = _name_of(found.file)
        except InvalidTree as error:
            self._report(where, f"`{source}` can't be used: {error}")
            raise DependencyError from error
        except OSError as error:  # the network, git or the disk; the requirement may be right
            reason = error.strerror or str(error)
            self.context.services.sink.report(
                rules.RESOLVER_FAILED, where, f"`{source}` can't be fetched or built: {reason}"
            )
            raise DependencyError from error
        if built != name:
            self._report(where, f"`{source}` is the source of `{built}`, not of `{name}`")
            raise DependencyError
        for own in found.own_sources:
            if self._is_lost(own, extras):
                message = (
                    f"`{name}` takes `{own.name}` from {own.described}, which its wheel can't say"
                )
                self._report(where, message, advice(own, source))
                raise DependencyError
        return found

    def _is_lost(self, own: OwnSource, extras: Set[str]) -> bool:
        """Return whether workers need a requirement whose source the project does not say."""
        holds = all(marker_holds(marker, self.python_version) for marker in own.markers)
        is_asked = own.extra in {"", *map(canonicalize_name, extras)}
        return holds and is_asked and own.name not in self.sourced

    def _report(self, where: Location, message: str, help: str = "") -> None:
        """Report a source that can't be used."""
        sink = self.context.services.sink
        sink.report(rules.UNUSABLE_SOURCE, where, message, help=(help,) if help else ())

    def _of_path(self, source: PathSource) -> LocalWheel:
        """Return the wheel at a path, or build one from the source at the path.

        Raises:
            InvalidTree: there is no source of a package.
            OSError: a file can't be read or written.
        """
        path = self.context.project.root / source.path
        if path.name.endswith(".whl") and path.is_file():
            copy = self._folder() / path.name
            shutil.copyfile(path, copy)
            _check_wheel(copy)
            return LocalWheel(copy, digest_of(copy), source)
        if not path.exists():
            raise InvalidTree("it does not exist")

        def tree(target: Path) -> _Tree:
            if path.is_file():
                return _Tree(unpack_tree(path, target), ())
            copy_tree(path, target)
            return _Tree(target, ())  # the reader of the project follows the folder's sources

        return self._built(source, digest("path", tree_digest(path)), tree)

    def _of_git(self, source: GitSource) -> LocalWheel:
        """Return the wheel of a commit.

        Raises:
            InvalidTree: the repository has no such commit or no such folder.
            OSError: git is not installed, or a file can't be written.
        """
        reachable = structs.replace(source, url=self.access.expanded(source.url))
        commit = commit_of(reachable)
        exact = structs.replace(source, revision=commit)

        def tree(target: Path) -> _Tree:
            fetch_commit(structs.replace(reachable, revision=commit), target)
            folder = target / source.subdirectory
            if not folder.resolve().is_relative_to(target.resolve()) or not folder.is_dir():
                raise InvalidTree(f"it has no folder `{source.subdirectory}`")
            clean = target.with_name("clean")
            copy_tree(folder, clean)
            return _Tree(clean, tuple(own_sources(folder, target)))

        key = digest("git", source.url, commit, source.subdirectory)
        return self._built(exact, key, tree)

    def _built(
        self, source: PathSource | GitSource, key: str, tree: Callable[[Path], _Tree]
    ) -> LocalWheel:
        """Return the wheel of a source tree, from the cache if it was built before.

        Raises:
            InvalidTree: the tree has no package, or its build would run its code.
            OSError: a file can't be read or written.
        """
        cache, key = self.context.services.cache, digest(_FORMAT, key)
        name, content = cache.read("wheel-names", key), cache.read("wheels", key)
        own = _decoded(cache.read("wheel-sources", key))
        if name is None or content is None or own is None:
            folder, own = tree(self._folder() / "tree")
            program = code_of_build(folder)
            if program is not None and not self.context.options.allow_build:
                raise InvalidTree(
                    f"to build it, its code must run on this machine ({program}); "
                    "allow that with `--allow-build`"
                )
            wheel = self._build(folder)
            content, local = _packed_again(wheel, folder)
            name, own = wheel.name.encode(), (*own, *local)
            cache.write("wheel-sources", key, msgspec.json.encode(own))
            cache.write("wheel-names", key, name)
            cache.write("wheels", key, content)
        file = self._folder() / name.decode()
        file.write_bytes(content)
        return LocalWheel(file, hashlib.sha256(content).hexdigest(), source, own)

    def _build(self, folder: Path) -> Path:
        """Build a source tree and return the wheel.

        Raises:
            DependencyError: the build failed; the finding is already reported.
            InvalidTree: the wheel is not pure Python.
        """
        output = self._folder()
        config = output / "uv.toml"
        config.write_text(self.access.config(), encoding="utf-8")
        self.context.services.progress.start(f"building {folder.name}")
        environment = self.access.environment() or dict(os.environ)
        run(
            [
                *(find_uv_bin(), "build", "--wheel", str(folder), "--out-dir", str(output)),
                *("--config-file", str(config), "--python", sys.executable),
                *("--no-python-downloads", "--quiet", "--color", "never"),
            ],
            self.context.services,
            environment={**environment, "SOURCE_DATE_EPOCH": _EPOCH},
        )
        wheel = next(output.glob("*.whl"))
        if not wheel.name.endswith("-none-any.whl"):
            raise InvalidTree("it is not pure Python, and code built here may not run on workers")
        return wheel

    def _folder(self) -> Path:
        """Return a new folder in the scratch folder."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self.scratch))


def _name_of(wheel: Path) -> str:
    """Return the canonical name of the distribution in a wheel's file name.

    Raises:
        InvalidTree: it is not the name of a wheel.
    """
    try:
        return canonicalize_name(parse_wheel_filename(wheel.name)[0])
    except InvalidWheelFilename as error:
        raise InvalidTree(str(error)) from error


def _check_wheel(wheel: Path) -> None:
    """Check that a file is a wheel.

    Raises:
        InvalidTree: it is something else.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise InvalidTree("it is not a wheel") from error
    if not any(name.endswith(".dist-info/METADATA") for name in names):
        raise InvalidTree("it is a wheel without METADATA")


def _decoded(data: bytes | None) -> tuple[OwnSource, ...] | None:
    """Return sources from the cache; None if they are not there."""
    try:
        return None if data is None else msgspec.json.decode(data, type=tuple[OwnSource, ...])
    except msgspec.MsgspecError:  # another version or program has written the entry
        return None


def _packed_again(wheel: Path, folder: Path) -> tuple[bytes, tuple[OwnSource, ...]]:
    """Return the wheel in the order of the names, without times.

    Its METADATA names no path of this machine and no git repository; the requirements that did are
    returned too.  `folder` is the built tree.

    Raises:
        InvalidTree: the file is no wheel.
    """
    target = wheel.with_suffix(".packed")
    local: list[OwnSource] = []
    try:
        with (
            zipfile.ZipFile(wheel) as source,
            zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as packed,
        ):
            for name in sorted(source.namelist()):
                if name.endswith("/"):
                    continue
                info = zipfile.ZipInfo(name)
                executable = source.getinfo(name).external_attr >> 16 & 0o111
                info.external_attr = (0o755 if executable else 0o644) << 16
                content = source.read(name)
                if name.endswith(".dist-info/METADATA"):
                    content, found = _without_direct_sources(content, folder)
                    local += found
                elif name.endswith(".dist-info/RECORD"):
                    content = _with_new_hash(content, local, source, folder)
                packed.writestr(info, content)
        return target.read_bytes(), tuple(local)
    except (zipfile.BadZipFile, InvalidRecord, UnicodeDecodeError) as error:
        raise InvalidTree(f"its build made no wheel: {error}") from error
    finally:
        with suppress(OSError):
            target.unlink()


def _without_direct_sources(metadata: bytes, folder: Path) -> tuple[bytes, list[OwnSource]]:
    """Return METADATA whose requirements name no path and no repository, and those that did."""
    head, separator, body = metadata.decode("utf-8").partition("\n\n")
    lines: list[str] = []
    found: list[OwnSource] = []
    for line in head.split("\n"):
        local = direct_requirement(line, folder)
        lines.append(line if local is None else local[0])
        found += [] if local is None else [local[1]]
    text = "\n".join(lines) + separator + body
    return text.encode() if found else metadata, found


def _with_new_hash(
    record: bytes, local: list[OwnSource], source: zipfile.ZipFile, folder: Path
) -> bytes:
    """Return RECORD with the hash of METADATA, if this was changed.

    Raises:
        InvalidRecord: a line has another form.
    """
    if not local:
        return record
    entries: list[RecordEntry] = []
    for entry in read_record(record.decode("utf-8")):
        if entry.path.endswith(".dist-info/METADATA"):
            content, _ = _without_direct_sources(source.read(entry.path), folder)
            entry = RecordEntry(entry.path, hash_of(content), len(content))
        entries.append(entry)
    return write_record(entries).encode()
