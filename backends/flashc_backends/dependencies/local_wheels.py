"""Make wheels for requirements that come from no index: paths, folders, git repositories.

A wheel that flashc has built is packed again with sorted names and without times, so that its bytes
depend only on its files.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Set
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct, structs
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from uv import find_uv_bin

from flashc_backends.base import DependencyContext
from flashc_core import rules
from flashc_core.cache import decoded, digest
from flashc_core.files import digest_of, real_path, tree_digest
from flashc_core.source import Location
from flashc_ir.platform.markers import marker_holds
from flashc_ir.requirements import GitSource, PathSource

from .built_packages import report_built_package
from .git import commit_of, fetch_commit
from .indexes import IndexAccess
from .tools import DependencyError, run
from .tree_sources import OwnSource, advice, own_sources
from .trees import InvalidTree, code_of_build, copy_tree, unpack_tree
from .wheel_files import check_wheel, pack_again

_FORMAT = "3"  # increase it when the same tree gives another wheel
_WHEEL_NAME = re.compile(rb"[\w.+-]+\.whl")
_EPOCH = "315532800"  # seconds; the first time that a zip file can contain


class LocalWheel(Struct, frozen=True, kw_only=True):
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


class WheelMaker(Struct, frozen=True, eq=False, kw_only=True):
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
        found, built = self._made(source, where)
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

    def name_of(self, source: GitSource, where: Location) -> str:
        """Return the name of the distribution in a repository; problems are reported at `where`.

        Raises:
            DependencyError: the repository has no package; the finding is already reported.
        """
        return self._made(source, where)[1]

    def _made(self, source: PathSource | GitSource, where: Location) -> tuple[LocalWheel, str]:
        """Return the wheel of a source and the name of its distribution; raises what `make` raises."""
        try:
            found = (
                self._of_git(source, where)
                if isinstance(source, GitSource)
                else self._of_path(source, where)
            )
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
        return found, built

    def _is_lost(self, own: OwnSource, extras: Set[str]) -> bool:
        """Return whether workers need a requirement for which the project names no source."""
        holds = all(marker_holds(marker, self.python_version) for marker in own.markers)
        is_asked = own.extra in {"", *map(canonicalize_name, extras)}
        return holds and is_asked and own.name not in self.sourced

    def _report(self, where: Location, message: str, help: str = "") -> None:
        """Report a source that can't be used."""
        sink = self.context.services.sink
        sink.report(rules.UNUSABLE_SOURCE, where, message, help=(help,) if help else ())

    def _of_path(self, source: PathSource, where: Location) -> LocalWheel:
        """Return the wheel at a path, or build one from the source at the path.

        Raises:
            InvalidTree: there is no package at the path, or it can't be used.
            DependencyError: the build of the package fails.
            OSError: a file can't be read or written.
        """
        path = self.context.project.root / source.path
        if path.name.endswith(".whl") and path.is_file():
            copy = self._new_folder() / path.name
            shutil.copyfile(path, copy)
            check_wheel(copy)
            return LocalWheel(file=copy, digest=digest_of(copy), source=source)
        if not path.exists():
            raise InvalidTree("it does not exist")

        def tree(target: Path) -> _Tree:
            if path.is_file():
                return _Tree(unpack_tree(path, target), ())
            copy_tree(path, target, _repository_of(path))
            # the sources that the folder itself names are followed when the project is read
            return _Tree(target, ())

        return self._cached_or_built(source, digest("path", tree_digest(path)), tree, where)

    def _of_git(self, source: GitSource, where: Location) -> LocalWheel:
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
            if not real_path(folder).is_relative_to(real_path(target)) or not folder.is_dir():
                raise InvalidTree(f"it has no folder `{source.subdirectory}`")
            clean = target.with_name("clean")
            copy_tree(folder, clean, target)
            return _Tree(clean, tuple(own_sources(folder, target)))

        key = digest("git", source.url, commit, source.subdirectory)
        return self._cached_or_built(exact, key, tree, where)

    def _cached_or_built(
        self,
        source: PathSource | GitSource,
        key: str,
        tree: Callable[[Path], _Tree],
        where: Location,
    ) -> LocalWheel:
        """Return the wheel of a source tree, from the cache if it was built before.

        Code that runs for the build is reported at `where`.

        Raises:
            InvalidTree: the tree has no package, or its build would run its code without `--allow-build`.
            OSError: a file can't be read or written.
        """
        services = self.context.services
        cache, key = services.cache, digest(_FORMAT, key)
        name, content = cache.read("wheel-names", key), cache.read("wheels", key)
        own = decoded(cache.read("wheel-sources", key), tuple[OwnSource, ...])
        if name is None or content is None or own is None or not _WHEEL_NAME.fullmatch(name):
            folder, own = tree(self._new_folder() / "tree")
            program = code_of_build(folder)
            if program is not None and not self.context.options.allow_build:
                raise InvalidTree(
                    f"to build it, its code must run on this machine ({program}); "
                    "allow that with `--allow-build`"
                )
            if program is not None:
                shown = source.path if isinstance(source, PathSource) else source.url
                services.progress.start(f"running the build code of {shown} ({program})")
            wheel = self._run_build(folder)
            if program is not None:
                report_built_package(_name_of(wheel), where, services.sink)
            content, local = pack_again(wheel, folder)
            name, own = wheel.name.encode(), (*own, *local)
            cache.write("wheel-sources", key, msgspec.msgpack.encode(own))
            cache.write("wheel-names", key, name)
            cache.write("wheels", key, content)
        file = self._new_folder() / name.decode()
        file.write_bytes(content)
        return LocalWheel(
            file=file, digest=hashlib.sha256(content).hexdigest(), source=source, own_sources=own
        )

    def _run_build(self, folder: Path) -> Path:
        """Build a source tree and return the wheel.

        Raises:
            DependencyError: the build failed; the finding is already reported.
            InvalidTree: the wheel is not pure Python.
        """
        output = self._new_folder()
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
            may_run_code=True,
        )
        wheel = next(output.glob("*.whl"))
        if not wheel.name.endswith("-none-any.whl"):
            raise InvalidTree("it is not pure Python, and code built here may not run on workers")
        return wheel

    def _new_folder(self) -> Path:
        """Return a new folder in the scratch folder."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self.scratch))


def _repository_of(folder: Path) -> Path:
    """Return the repository that contains a folder; the folder itself if there is none."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)


def _name_of(wheel: Path) -> str:
    """Return the canonical name of the distribution in a wheel's file name.

    Raises:
        InvalidTree: it is not the name of a wheel.
    """
    try:
        return canonicalize_name(parse_wheel_filename(wheel.name)[0])
    except InvalidWheelFilename as error:
        raise InvalidTree(str(error)) from error
