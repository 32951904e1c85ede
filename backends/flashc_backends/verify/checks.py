"""Verify an artifact: report everything that would keep a worker from running it.

The checks do not rely on the build: they read the archive again, and look for everything that its
manifest, its handlers and its lock name.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from flashc_backends.archive import has_seal
from flashc_backends.base import MANIFEST_PATH, WORKER_REQUIREMENTS_PATH, Services
from flashc_backends.dependencies.installed import InstalledDistribution
from flashc_backends.dependencies.layers import Layer
from flashc_backends.manifest.documents import InvalidDocument, read_document
from flashc_backends.manifest.endpoint_record import ENDPOINT_RECORD_PATH, EndpointRecord
from flashc_backends.manifest.manifest_model import Manifest, ManifestFunction
from flashc_core import rules
from flashc_core.credential_files import allowed_credentials, may_begin_with_key, why_credentials
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile
from flashc_ir.artifact_paths import files_with_files_below
from flashc_ir.platform.worker_files import is_own_module
from flashc_ir.spelling import Spelling

from .archive import ArchiveMember, load_nothing, read_members
from .contents import ArtifactContents
from .distributions import check_distributions, read_distributions
from .facts import ModuleFacts
from .modules import missing_imports, read_modules
from .own_files import check_own_files
from .pieces import Pieces
from .records import check_lock, check_provenance, read_provenance
from .runtime import check_runtime
from .starts import ANOTHER_VERSION, fatal_imports, unparsable_problem

_BUILD_AGAIN = "build the artifact again; a worker may fail with this one"
_FIND_OUT = "find out who changed the artifact or the other file, and build again"
_UNREADABLE = (OSError, EOFError, tarfile.TarError, zlib.error, ValueError)
_NOTHING_KNOWN: Mapping[str, ModuleFacts] = {}
_NO_SPELLING = Spelling()
_OLD_COMMENT = b"# left to other endpoints: "


def verify_artifact(
    artifact: Path,
    sink: Sink,
    *,
    provenance: Path | None = None,
    lock: Path | None = None,
    spelling: Spelling = _NO_SPELLING,
) -> None:
    """Read an artifact and report everything that would keep a worker from running it.

    It is also compared with a provenance record and with a `flash.lock`, if they are given.
    `spelling` is how the app is written.
    """
    contents = _verify_archive(artifact, spelling, sink)
    problems: list[tuple[str, str]] = []
    if provenance is not None:
        record = read_provenance(provenance)
        if isinstance(record, str):
            problems.append((provenance.name, record))
        else:
            problems += check_provenance(artifact, contents, record)
    if lock is not None and contents is not None:
        problems += check_lock(lock, contents)
    for path, problem in problems:
        _report_broken(sink, path, problem, _FIND_OUT)


def _verify_archive(artifact: Path, spelling: Spelling, sink: Sink) -> ArtifactContents | None:
    """Verify an artifact by itself; return what is in it, None if that can't be read."""
    try:
        if not artifact.is_file():  # a pipe or a device may never end
            raise ValueError("it is not a file")
        with artifact.open("rb") as stream:
            is_sealed = has_seal(stream)
            members, problems = read_members(stream)
    except _UNREADABLE as error:
        _report_broken(sink, artifact.name, f"the archive can't be read: {error}")
        return None
    if not is_sealed:
        _report_broken(
            sink,
            artifact.name,
            "its bytes are not those that flashc wrote: it was changed, or an older version of flashc made it",
        )
    distributions = {d.name: d for d in read_distributions(members)}
    return _verify(
        members, problems, distributions, frozenset(), sink, built=False, spelling=spelling
    )


def verify_build(
    artifact: Path,
    layers: Sequence[Layer],
    pieces: Sequence[int],
    services: Services,
    *,
    expects_packages: bool = True,
    spelling: Spelling = _NO_SPELLING,
) -> None:
    """Verify an artifact that was made just now, in a fraction of the time of `verify_artifact`.

    The archive begins with its layers, which were checked when they were made.  The pieces of the
    given sizes follow.  Only those are unpacked that were not verified before.  If the user wants
    no packages in the artifact, imports of packages are not reported.  `spelling` is how the app is
    written.
    """
    sink = services.sink
    members: dict[str, ArchiveMember] = {}
    own = Pieces(cache=services.cache, compiler=services.compiler)
    with artifact.open("rb") as stream:
        for layer in layers:
            if not layer.piece.matches_next_bytes(stream):
                _report_broken(
                    sink, artifact.name, f"`{layer.contents.name}` was not copied completely"
                )
                return
            for file in layer.contents.files:
                members[file.path] = ArchiveMember(
                    size=file.size, digest=file.digest, head=b"", load=load_nothing
                )
        try:
            own.read(stream, pieces)
        except _UNREADABLE as error:
            _report_broken(sink, artifact.name, f"the archive can't be read: {error}")
            return
    twice = own.members.keys() & members.keys()
    problems = [*own.problems, *((path, "it is in the archive twice") for path in twice)]
    distributions = {layer.contents.name: layer.contents for layer in layers}
    proven = frozenset(distributions)
    contents = _verify(
        members | own.members,
        problems,
        distributions,
        proven,
        sink,
        expects_packages,
        own.known,
        built=True,
        spelling=spelling,
    )
    own.save({} if contents is None else contents.parsed)


def _verify(
    members: dict[str, ArchiveMember],
    problems: list[tuple[str, str]],
    distributions: dict[str, InstalledDistribution],
    proven: frozenset[str],
    sink: Sink,
    expects_packages: bool = True,
    known: Mapping[str, ModuleFacts] = _NOTHING_KNOWN,
    *,
    built: bool,
    spelling: Spelling,
) -> ArtifactContents | None:
    """Report everything that is wrong with an artifact whose files are read; return what is in it.

    `known` are facts of modules that were found earlier.  The result is None without a manifest.
    `built` says that the artifact was built just now.  Of another one it is not known whether its
    packages come from elsewhere, so a missing package is no error.
    """
    for path, below in files_with_files_below(members):
        problems.append((path, f"it can't be unpacked: the archive has `{below}` too"))
    for path, problem in problems:
        _report_broken(sink, path, problem)
    manifest = _load_manifest(members, sink)
    if manifest is None:
        return None
    artifact = ArtifactContents(
        members=members,
        manifest=manifest,
        distributions=distributions,
        proven=proven,
        left_to_others=_load_left_to_others(members, sink),
        known=known,
    )
    functions = (f for resource in manifest.resources.values() for f in resource.functions)
    endpoints = (artifact.module_path(function.module) for function in functions)
    artifact.parse_many((*artifact.handlers, *endpoints))
    modules, problems = read_modules(artifact)
    _check_names(artifact, sink)
    for path, problem in (
        *problems,
        *check_own_files(artifact),
        *check_runtime(artifact),
        *check_distributions(artifact),
        *_check_handlers(artifact, modules),
    ):
        _report_broken(sink, path, problem)
    if expects_packages:
        _check_imports(artifact, modules, sink, spelling, built=built)
    return artifact


def _check_imports(
    artifact: ArtifactContents,
    modules: Mapping[str, ModuleFacts],
    sink: Sink,
    spelling: Spelling,
    *,
    built: bool,
) -> None:
    """Report imports of packages that fail on workers; errors are those that stop a worker."""
    fatal = list(fatal_imports(artifact, modules, spelling)) if built else []
    for each in fatal:
        sink.report(
            rules.IMPORT_FAILS_AT_START,
            WholeFile(each.path),
            f"workers of `{each.resource}` can't start: line {each.item.span.line} of `{each.path}` "
            f"imports `{each.item.module}`, and {each.problem}",
            help=(each.help,),
        )
    reported = {(each.path, each.item.module) for each in fatal}
    for path, item in missing_imports(artifact, modules):
        if (path, item.module) not in reported:
            sink.report(
                rules.IMPORT_NOT_IN_ARTIFACT,
                WholeFile(path),
                f"`{item.module.partition('.')[0]}` is imported in line {item.span.line} of `{path}`, "
                "and neither the artifact nor the image contains it",
                help=(f"add the package to {spelling.packages()}, or catch the ImportError",),
            )
    for path, module in modules.items():
        for item in module.imports:
            problem = (
                None if item.typing_only or item.guarded else unparsable_problem(artifact, item)
            )
            if problem is not None and (path, item.module) not in reported:
                sink.report(
                    rules.UNPARSABLE_PACKAGE,
                    WholeFile(path),
                    f"`{item.module}` is imported in line {item.span.line} of `{path}`, and {problem}",
                    help=(ANOTHER_VERSION,),
                )


def _report_broken(sink: Sink, path: str, problem: str, help: str = _BUILD_AGAIN) -> None:
    """Report what is wrong with a file of the artifact."""
    sink.report(rules.BROKEN_ARTIFACT, WholeFile(path), f"`{path}`: {problem}", help=(help,))


# Documents ----------------------------------------------------------------------------------------

_Model = TypeVar("_Model", bound=Struct)


def _load_manifest(members: Mapping[str, ArchiveMember], sink: Sink) -> Manifest | None:
    """Decode the manifest; report it and return None if it is missing or wrong."""
    if MANIFEST_PATH not in members:
        _report_broken(sink, MANIFEST_PATH, "the archive has no manifest")
        return None
    return _load_document(MANIFEST_PATH, members, Manifest, sink)


def _load_left_to_others(members: Mapping[str, ArchiveMember], sink: Sink) -> frozenset[str]:
    """Return the distributions that the artifact of one endpoint does not contain."""
    if ENDPOINT_RECORD_PATH in members:
        record = _load_document(ENDPOINT_RECORD_PATH, members, EndpointRecord, sink)
        return frozenset(record.left_to_others if record is not None else ())
    # Older versions of flashc wrote this list into a comment of the lock.
    lock = members.get(WORKER_REQUIREMENTS_PATH)
    first = (lock.content or b"" if lock is not None else b"").partition(b"\n")[0]
    return frozenset(
        first.removeprefix(_OLD_COMMENT).decode("utf-8", "replace").split()
        if first.startswith(_OLD_COMMENT)
        else ()
    )


def _load_document(
    path: str, members: Mapping[str, ArchiveMember], model: type[_Model], sink: Sink
) -> _Model | None:
    """Decode a JSON document of the artifact; report it and return None if it does not fit its schema."""
    try:
        return read_document(members[path].content or b"", model)
    except InvalidDocument as error:
        for where, problem in error.problems:
            _report_broken(sink, path, f"{problem} (at `{where}`)")
        return None


# Names --------------------------------------------------------------------------------------------


def _content(member: ArchiveMember) -> bytes:
    """Return the content of a file; nothing if it is not kept."""
    return member.content or b""


def _check_names(artifact: ArtifactContents, sink: Sink) -> None:
    """Report files whose names say that they must not be in an artifact."""
    installed = {file.path for d in artifact.distributions.values() for file in d.files}
    settings = artifact.members.get("pyproject.toml")
    allowed = allowed_credentials(_content(settings)) if settings is not None else frozenset[str]()
    for path, member in artifact.members.items():
        why = why_credentials(
            path,
            member.size,
            partial(_content, member),
            may_be_key=may_begin_with_key(member.head),
        )
        if why is not None and path not in installed and path not in allowed:
            _report_broken(
                sink, path, why, "keep the file out of the project, or list it in `.flashignore`"
            )
        if is_own_module(path):
            _report_broken(
                sink,
                path,
                "it would overwrite a module of the worker image",
                "rename the module, or move it into a package",
            )


# Handlers and manifest ----------------------------------------------------------------------------


def _check_handlers(
    artifact: ArtifactContents, modules: Mapping[str, ModuleFacts]
) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) for each resource without its handler, module or function."""
    resources = artifact.manifest.resources
    for resource, entry in resources.items():
        handler = entry.handler_file
        if handler is None:
            continue  # a prebuilt image or a client has no handler
        if handler not in artifact.members:
            yield (
                handler,
                f"the manifest names this handler of `{resource}`, and the file is missing",
            )
        elif artifact.facts(handler).handler_of != resource:
            yield handler, f"it is not the handler of `{resource}`"
        else:
            yield from _check_modules(artifact, handler)
            for function in entry.functions:
                yield from _check_function(artifact, resource, function, modules)
    for name, owner in artifact.manifest.function_registry.items():
        if owner not in resources:
            yield (
                MANIFEST_PATH,
                f"`{name}` belongs to the resource `{owner}`, which the manifest does not have",
            )


def _check_modules(artifact: ArtifactContents, handler: str) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) if a handler names no modules, or a missing one."""
    names = artifact.facts(handler).handler_modules
    if not names:
        yield handler, "its `MODULES` are not the names of modules"
    for name in names:
        if artifact.module_path(name) is None:
            yield handler, f"it imports the module `{name}`, which is not in the archive"


def _check_function(
    artifact: ArtifactContents,
    resource: str,
    function: ManifestFunction,
    modules: Mapping[str, ModuleFacts],
) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) if the artifact does not define a function of the manifest."""
    path = artifact.module_path(function.module)
    if path is None:
        yield (
            MANIFEST_PATH,
            f"`{resource}` needs the module `{function.module}`, which is missing in the archive",
        )
        return
    name = function.name.rpartition(".")[2]
    module = modules.get(path)
    if module is not None and name not in module.definitions:
        yield path, f"`{resource}` runs `{name}`, which is not defined there"
