"""Compute cache keys from the compiler, the options, the SDKs and the project's files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

import flashc
import flashc_backends
import flashc_core
import flashc_ir
from flashc.project.inputs import InputDigests
from flashc.project.project import Project
from flashc.project.workspace import Workspace
from flashc_core.cache import digest
from flashc_core.files import LOCK_FILE
from flashc_ir.platform import facts
from flashc_ir.program import ProjectFile

from .memo import Memo

if TYPE_CHECKING:  # with a cached result, no dialect needs to be imported
    from flashc.frontend.dialect import Dialect


def _states(folder: str, ending: str = "") -> Iterator[str]:
    """Yield the paths, sizes and times of the files below a folder whose names have this ending.

    `Path.rglob` would take a third of the time of a cached check.  No folder is open while another one
    is looked at, because a process may open few files.
    """
    with os.scandir(folder) as listed:
        entries = list(listed)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if entry.name != "__pycache__":
                yield from _states(entry.path, ending)
        elif entry.name.endswith(ending):
            status = entry.stat()
            yield f"{entry.path}\0{status.st_size}\0{status.st_mtime_ns}"


@cache
def compiler_identity() -> str:
    """Return a key of the compiler: its files, its Python, and the packages installed next to it.

    The folder of the packages changes whenever one is installed or removed.
    """
    parts = [flashc.__version__, sys.version]
    for package in (flashc, flashc_core, flashc_ir, flashc_backends):
        folder = os.path.dirname(str(package.__file__))
        parts += sorted(_states(folder, ".py"))
        if package is flashc_ir:
            parts += sorted(_states(str(facts.FOLDER)))
        if package is flashc_core:
            parts += sorted(_states(f"{folder}/data"))
    for folder in sys.path:
        if folder.endswith(("site-packages", "dist-packages")) and os.path.isdir(folder):
            parts.append(f"{folder}\0{os.stat(folder).st_mtime_ns}")
    return digest(*parts)


def project_index(project: Project) -> str:
    """Return a key of the names of all modules, which decide how imports are resolved."""
    return digest(
        *(f"{name}\0{path}" for name, path in project.modules.items()),
        *sorted(project.packages),
        *sorted(project.sdk_packages),
    )


def dialects_key(dialects: Iterable[Dialect]) -> str:
    """Return a key of the dialects' names, their versions, and the files of their classes."""
    parts: list[str] = []
    for dialect in dialects:
        parts += [dialect.name, dialect.version]
        for kind in type(dialect).__mro__:
            file = getattr(sys.modules.get(kind.__module__), "__file__", None)
            if file is not None and os.path.isfile(file):
                status = os.stat(file)
                parts.append(f"{file}\0{status.st_size}\0{status.st_mtime_ns}")
    return digest(*parts)


def _without_modules(project: Project) -> Iterator[ProjectFile]:
    """Yield the files; a module has no digest, so that its text does not matter."""
    for file in project.files:
        yield structs.replace(file, digest="") if file.path in project.names else file


def memo_of(workspace: Workspace) -> Memo:
    """Return the cache of results of an opened project."""
    inputs = InputDigests(workspace.project, workspace.environment.recording())
    return Memo(workspace.cache, inputs.digest)


def project_key(
    workspace: Workspace, dialects: tuple[Dialect, ...] | None = None, modules: str | None = None
) -> str | None:
    """Return a key for the compiler, the dialects, the options and the files of an opened project.

    With None as `dialects`, the key is that of the default dialects, which are part of the
    compiler.  `modules` is a digest of what was read of the modules; it takes the place of their
    texts, so that the key stays the same after an edit that alters nothing of what was read.

    Environment variables are not part of the key, because only the compilation shows which of them
    matter.  The result is None if no result may be cached, because `--trace` runs the project's
    code.
    """
    project, options = workspace.project, workspace.options
    if options.trace:
        return None
    files = project.files if modules is None else _without_modules(project)
    lock = InputDigests(project, {}).of_file(LOCK_FILE)
    return digest(
        compiler_identity(),
        "" if dialects is None else dialects_key(dialects),
        project.root.name,
        repr(options),
        repr(sorted(name for name, value in workspace.flags.items() if value is not None)),
        "" if modules is None else f"{modules}\0{workspace.suppressions}",
        *(f"{f.path}\0{f.digest}\0{f.executable}" for f in files),
        *(f"{path}\0{target}" for path, targets in project.links.items() for target in targets),
        *(f"{e.path}\0{e.pattern}\0{e.source}" for e in project.exclusions),
        f"{LOCK_FILE}\0{lock}",
        msgspec.json.encode(workspace.findings),
    )
