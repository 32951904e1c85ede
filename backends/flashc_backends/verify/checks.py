"""An artifact on disk -> proof that a worker can run it, or a report of what is wrong with it.

Nothing here trusts what made the artifact: the archive is read again, and everything that its manifest, its
handlers and its lock promise is looked for in it.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import posixpath
import re
import sys
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from packaging.utils import canonicalize_name

from flashc_backends.base import LEFT_TO_OTHERS, LOCK_PATH, MANIFEST_PATH
from flashc_backends.dependencies.layers import (
    InstalledDistribution,
    InstalledFile,
    Layer,
    binary_problem,
    record_hash,
)
from flashc_backends.dependencies.lock import parse_compiled
from flashc_backends.platform.worker_image import WORKER_MODULES
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile
from flashc_ir.imports.ast_imports import collect_tree_imports
from flashc_ir.modules import Import, Origin
from flashc_ir.platform.distributions import WORKER_DISTRIBUTIONS, distributions_of
from flashc_ir.platform.images import NEVER_BUNDLED

from .archive import ArchiveMember, ArtifactContents, read_members

_IMAGE_PACKAGES = NEVER_BUNDLED | {"numpy"}
# Names of files that hold credentials.
_SECRET_NAMES = re.compile(
    r"(^|/)(\.env(\..+)?|\.netrc|\.pypirc|id_rsa|id_ed25519|credentials|.*\.pem|.*\.p12)$|(^|/)\.(ssh|aws)/"
)


def verify_artifact(artifact: Path, sink: Sink) -> None:
    """Report everything that would keep a worker from running this artifact."""
    try:
        with artifact.open("rb") as stream:
            members, problems = read_members(stream)
    except (OSError, EOFError, tarfile.TarError, zlib.error, ValueError) as error:
        _report(sink, artifact.name, f"the archive can't be read: {error}")
        return
    _verify(members, problems, {d.name: d for d in _distributions(members)}, frozenset(), sink)


def verify_build(artifact: Path, layers: Sequence[Layer], sink: Sink) -> None:
    """The same for an artifact that was made just now, in a fraction of the time.

    The archive begins with its layers, byte for byte those that were checked when they were made, so that only
    what comes behind them is unpacked again.
    """
    members: dict[str, ArchiveMember] = {}
    with artifact.open("rb") as stream:
        for layer in layers:
            if not layer.piece.is_next_in(stream):
                _report(sink, artifact.name, f"`{layer.contents.name}` was not copied whole")
                return
            for file in layer.contents.files:
                members[file.path] = ArchiveMember(
                    size=file.size, digest=file.digest, head=b"", content=None
                )
        own, problems = read_members(stream)
    problems += [(path, "it is in the archive twice") for path in own.keys() & members.keys()]
    distributions = {layer.contents.name: layer.contents for layer in layers}
    _verify(members | own, problems, distributions, frozenset(distributions), sink)


def _verify(
    members: dict[str, ArchiveMember],
    problems: list[tuple[str, str]],
    distributions: dict[str, InstalledDistribution],
    proven: frozenset[str],
    sink: Sink,
) -> None:
    for path, problem in problems:
        _report(sink, path, problem)
    manifest = _manifest(members, sink)
    if manifest is None:
        return
    artifact = ArtifactContents(
        members=members, manifest=manifest, distributions=distributions, proven=proven
    )
    modules = _modules(artifact)
    found = (
        *_check_names(artifact),
        *_check_distributions(artifact),
        *_check_handlers(artifact, modules),
    )
    for path, problem in found:
        _report(sink, path, problem)
    for path, item in _missing_imports(artifact, modules):
        sink.report(
            rules.IMPORT_NOT_IN_ARTIFACT,
            WholeFile(path),
            f"`{item.module.partition('.')[0]}` is imported in line {item.span.line} of `{path}`, and "
            "neither the artifact nor the image brings it",
            help=("add the package to `dependencies`, or catch the ImportError",),
        )


def _report(sink: Sink, path: str, problem: str) -> None:
    sink.report(
        rules.BROKEN_ARTIFACT,
        WholeFile(path),
        f"`{path}`: {problem}",
        help=("build the artifact again; a worker may fail with this one",),
    )


def _manifest(members: Mapping[str, ArchiveMember], sink: Sink) -> dict[str, Any] | None:
    member = members.get(MANIFEST_PATH)
    try:
        loaded: object = json.loads((member.content or b"") if member is not None else b"")
    except ValueError:
        loaded = None
    if not isinstance(loaded, dict):
        _report(sink, MANIFEST_PATH, "the archive has no manifest that can be read")
        return None
    return cast("dict[str, Any]", loaded)


# Names --------------------------------------------------------------------------------------------


def _check_names(artifact: ArtifactContents) -> Iterator[tuple[str, str]]:
    for path in artifact.members:
        if _SECRET_NAMES.search(path) and not _is_of_a_distribution(path, artifact):
            yield path, "its name is that of a file with credentials"
        if path.endswith(".py") and path.removesuffix(".py") in WORKER_MODULES:
            yield path, "it would overwrite a module of the worker image"


def _is_of_a_distribution(path: str, artifact: ArtifactContents) -> bool:
    return any(path == f.path for d in artifact.distributions.values() for f in d.files)


# Distributions ------------------------------------------------------------------------------------


def _check_distributions(artifact: ArtifactContents) -> Iterator[tuple[str, str]]:
    """Each locked distribution is there, whole, and made for the workers."""
    locked = {entry.name: entry.version for entry in parse_compiled(artifact.text(LOCK_PATH) or "")}
    for name, version in locked.items():
        found = artifact.distributions.get(name)
        if found is None:
            yield LOCK_PATH, f"`{name}` is locked, and not in the archive"
        elif version and found.version != version:
            yield (
                LOCK_PATH,
                f"`{name}` is locked as {version}, and in the archive as {found.version}",
            )
    for name in artifact.distributions.keys() - locked.keys():
        yield name, "it is in the archive, and not locked"
    for path in artifact.members:
        if path.endswith(".dist-info/RECORD"):
            folder = path.removesuffix("/RECORD")
            if _name_of(folder) not in artifact.proven:
                yield from _check_record(artifact, folder)
    for path, member in artifact.members.items():
        problem = binary_problem(path, member.head, artifact.python_version)
        if problem is not None:
            yield path, problem


def _name_of(folder: str) -> str:
    return canonicalize_name(folder.removesuffix(".dist-info").rpartition("-")[0])


def _distributions(members: Mapping[str, ArchiveMember]) -> Iterator[InstalledDistribution]:
    """What the archive's RECORD files say."""
    for path, member in members.items():
        if path.endswith(".dist-info/RECORD") and member.content is not None:
            folder = path.removesuffix("/RECORD")
            version = folder.removesuffix(".dist-info").rpartition("-")[2]
            rows = csv.reader(io.StringIO(member.content.decode("utf-8", "replace")))
            files = tuple(
                InstalledFile(row[0], members[row[0]].size, members[row[0]].digest)
                for row in rows
                if row and row[0] in members
            )
            yield InstalledDistribution(_name_of(folder), version, files)


def _check_record(artifact: ArtifactContents, folder: str) -> Iterator[tuple[str, str]]:
    record = artifact.text(f"{folder}/RECORD")
    if record is None:
        yield folder, "it has no RECORD"
        return
    for row in csv.reader(io.StringIO(record)):
        if len(row) < 2:
            continue
        member = artifact.members.get(posixpath.normpath(row[0]))
        if member is None:
            yield row[0], f"`{folder}` lists it, and it is not there"
        elif row[1] and row[1] != record_hash(member.digest):
            yield row[0], f"its content is not the one that `{folder}` lists"


# Handlers and manifest ----------------------------------------------------------------------------


def _check_handlers(
    artifact: ArtifactContents, modules: Mapping[str, _Module]
) -> Iterator[tuple[str, str]]:
    """Each resource of the manifest has its handler, module and functions."""
    resources = _resources(artifact)
    for resource, entry in resources.items():
        handler = entry.get("handler_file")
        if handler is None:
            continue  # an image of the user's, or a client
        if str(handler) not in artifact.members:
            yield str(handler), f"the manifest names it as the handler of `{resource}`"
        elif artifact.handlers.get(str(handler), {}).get("RESOURCE") != resource:
            yield str(handler), f"it is not the handler of `{resource}`"
        else:
            for function in _functions(entry):
                yield from _check_function(artifact, resource, function, modules)
    registry = cast("dict[str, str]", artifact.manifest.get("function_registry") or {})
    for name, owner in registry.items():
        if owner not in resources:
            yield MANIFEST_PATH, f"`{name}` belongs to `{owner}`, which it does not have"


def _resources(artifact: ArtifactContents) -> dict[str, dict[str, Any]]:
    return cast("dict[str, dict[str, Any]]", artifact.manifest.get("resources") or {})


def _functions(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", entry.get("functions") or [])


def _check_function(
    artifact: ArtifactContents,
    resource: str,
    function: Mapping[str, Any],
    modules: Mapping[str, _Module],
) -> Iterator[tuple[str, str]]:
    path = _module_path(artifact, str(function.get("module")))
    if path is None:
        yield MANIFEST_PATH, f"`{resource}` needs the module `{function.get('module')}`"
        return
    name = str(function.get("name")).rpartition(".")[2]
    module = modules.get(path)
    if module is not None and name not in module.definitions:
        yield path, f"`{resource}` runs `{name}`, which is not defined there"


# Modules ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Module:
    """What is asked about a module: the names of its functions and classes, and its imports."""

    definitions: frozenset[str]
    imports: tuple[Import, ...]


@dataclass(frozen=True, slots=True)
class _Index:
    """What `collect_tree_imports` asks: which modules there are, and where others come from."""

    artifact: ArtifactContents

    def has(self, name: str) -> bool:
        return _module_path(self.artifact, name) is not None

    def origin(self, name: str) -> Origin:
        top = name.partition(".")[0]
        if top in self.artifact.top_level:
            return Origin.PROJECT
        return Origin.STDLIB if top in sys.stdlib_module_names else Origin.EXTERNAL


def _module_path(artifact: ArtifactContents, name: str) -> str | None:
    stem = name.replace(".", "/")
    return next((p for p in (f"{stem}.py", f"{stem}/__init__.py") if p in artifact.members), None)


def _modules(artifact: ArtifactContents) -> dict[str, _Module]:
    """The app's own modules that its handlers come to import, by path; but for those whose syntax is newer
    than this Python's."""
    index = _Index(artifact)
    third_party = _third_party(artifact)
    pending = [str(f.get("module")) for r in _resources(artifact).values() for f in _functions(r)]
    for found in artifact.handlers.values():
        pending += cast("tuple[str, ...]", found.get("MODULES", ()))
    seen: set[str] = set()
    modules: dict[str, _Module] = {}
    while pending:
        name = pending.pop()
        path = _module_path(artifact, name)
        if name in seen or path is None or path.split("/", 1)[0].removesuffix(".py") in third_party:
            continue
        seen.add(name)
        package = path.endswith("/__init__.py")
        text = artifact.text(path) or ""
        try:
            tree = ast.parse(text)
            imports, _ = collect_tree_imports(tree, path, name, package, text, index)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        modules[path] = _Module(frozenset(_definitions(tree.body)), imports)
        for item in imports:
            pending += [item.module, *(f"{item.module}.{n.name}" for n in item.names or ())]
    return modules


def _definitions(body: list[Any]) -> Iterator[str]:
    """The names of the functions and classes in a block, and in the blocks inside it."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            inside = getattr(node, block, None)
            if inside:
                yield from _definitions(inside)


def _missing_imports(
    artifact: ArtifactContents, modules: Mapping[str, _Module]
) -> Iterator[tuple[str, Import]]:
    """What the app's own modules import that is not in the archive, the image or the standard library."""
    for path, module in modules.items():
        yield from ((path, item) for item in module.imports if _is_missing(artifact, item))


def _third_party(artifact: ArtifactContents) -> frozenset[str]:
    """The top-level names that distributions brought."""
    tops = (d.top_level for d in artifact.distributions.values())
    return frozenset(name for names in tops for name in names)


def _left_to_others(artifact: ArtifactContents) -> set[str]:
    """The distributions of the app that an artifact of one endpoint does without."""
    first = (artifact.text(LOCK_PATH) or "").partition("\n")[0]
    return set(first.removeprefix(LEFT_TO_OTHERS).split()) if LEFT_TO_OTHERS in first else set()


def _is_missing(artifact: ArtifactContents, item: Import) -> bool:
    if item.typing_only or item.guarded or item.origin is not Origin.EXTERNAL:
        return False
    names = set(distributions_of(item.module))
    if item.scope and names & _left_to_others(artifact):
        return False  # code of another endpoint, in a module that both have
    return not names & (WORKER_DISTRIBUTIONS | _IMAGE_PACKAGES)
