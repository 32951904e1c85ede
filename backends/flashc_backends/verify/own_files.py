"""Check the files that flashc itself writes into an artifact: each has the bytes that its manifest asks for.

The identity in the manifest covers all files that are in no package, except the manifest itself:
adding, removing, renaming or changing a file changes the identity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256

import msgspec

from flashc_backends.archive import archive_mtime
from flashc_backends.base import MANIFEST_PATH
from flashc_backends.files.handlers import handler_text
from flashc_backends.files.identity import identity_of_files, without_identity
from flashc_backends.files.runtime_files import (
    APP_PATH,
    FILLED_IN,
    PACKAGE,
    PACKAGE_PATH,
    filled,
    runtime_module,
)
from flashc_backends.files.skeleton import constants_of
from flashc_backends.manifest.endpoint_record import ENDPOINT_RECORD_PATH, EndpointRecord
from flashc_backends.manifest.manifest_model import ManifestResource
from flashc_core.versions import version_of

from .contents import ArtifactContents
from .stub_files import FOLDER, stub_problem

_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


def check_own_files(artifact: ArtifactContents) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) for each file of flashc that differs from what flashc writes."""
    if artifact.manifest.to_json() != artifact.members[MANIFEST_PATH].content:
        yield MANIFEST_PATH, "its text is not the one that flashc writes for its values"
    if artifact.members[
        MANIFEST_PATH
    ].executable:  # the identity covers this bit for all other files
        yield MANIFEST_PATH, "it is executable"
    yield from _check_times(artifact)
    yield from _check_order(artifact)
    yield from _check_handlers(artifact)
    made_by = _version(artifact)
    if made_by is None:
        yield PACKAGE_PATH, "it does not name the version of flashc that made the artifact"
    elif made_by != version_of("flashc"):
        yield (
            PACKAGE_PATH,
            f"flashc {made_by} has made the artifact, and this is {version_of('flashc')}: only the version "
            "that made it can verify it",
        )
    else:
        yield from _check_runtime(artifact)
    yield from _check_identity(artifact)


def _check_times(artifact: ArtifactContents) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) for each file with another time than the manifest says."""
    text = artifact.manifest.generated_at
    expected = archive_mtime({})
    try:
        if text is not None:
            expected = int(datetime.fromisoformat(text).astimezone(UTC).timestamp())
    except (ValueError, OverflowError):
        yield MANIFEST_PATH, "its `generated_at` is not a time"
        return
    for path, member in artifact.members.items():
        if member.time not in (None, expected):
            yield path, "its modification time is not the one that the manifest gives"


def _check_order(artifact: ArtifactContents) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) for the first file that is not in its place: packages come first."""
    packages = [
        path
        for _, found in sorted(artifact.distributions.items())
        for path in sorted(file.path for file in found.files)
    ]
    others = sorted(artifact.members.keys() - set(packages))
    for path, expected in zip(artifact.members, (*packages, *others), strict=False):
        if path != expected:
            yield path, f"it is in the archive where `{expected}` should be"
            return


def _check_handlers(artifact: ArtifactContents) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) for each handler that is missing, or is not the one of the manifest."""
    for name, resource in artifact.manifest.resources.items():
        path = f"handler_{name}.py"
        if resource.client_mode:
            continue
        if path not in artifact.members:
            yield path, f"it is the handler of `{name}`, and the file is missing"
            continue
        if resource.handler_file not in (None, path):
            yield MANIFEST_PATH, f"`{resource.handler_file}` can't be the handler of `{name}`"
        modules = artifact.facts(path).handler_modules
        text = handler_text(
            name,
            modules,
            None if resource.is_load_balanced else resource.max_concurrency or 1,
            resource.system_dependencies or (),
        )
        if not _has_content(artifact, path, text.encode()):
            yield path, "it is not the handler that flashc writes for the manifest"
        elif not _modules_match(modules, resource):
            yield path, f"its `MODULES` are not those of the manifest for `{name}`"


def _modules_match(modules: tuple[str, ...], resource: ManifestResource) -> bool:
    """Return whether a handler's modules match the manifest, which names only the first one of a load balancer."""
    first = modules[:1] == (resource.module_path,)
    return first and (resource.is_load_balanced or len(modules) == 1)


def _version(artifact: ArtifactContents) -> str | None:
    """Return which version of flashc has made the artifact; None if it does not say."""
    named = _constants(artifact, PACKAGE_PATH).get("VERSION")
    return named if isinstance(named, str) and named else None


def _check_runtime(artifact: ArtifactContents) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) for each file of the runtime that has other bytes than this version's."""
    for path in artifact.members:
        if not path.startswith(f"{PACKAGE}/"):
            continue
        name = path.removeprefix(f"{PACKAGE}/")
        if path == ENDPOINT_RECORD_PATH:
            if not _is_record(artifact):
                yield path, "its text is not the one that flashc writes for its values"
        elif path.startswith(f"{FOLDER}/") and path != f"{FOLDER}/__init__.py":
            problem = stub_problem(artifact.text(path) or "")
            if problem is not None:
                yield path, problem
        elif not _is_file_of_runtime(artifact, path, name):
            yield path, f"it is not a file of the runtime of flashc {version_of('flashc')}"
    yield from _check_constants(artifact)


def _is_record(artifact: ArtifactContents) -> bool:
    """Return whether the record of an endpoint has the bytes that flashc writes."""
    content = artifact.members[ENDPOINT_RECORD_PATH].content or b""
    try:
        return msgspec.json.decode(content, type=EndpointRecord).to_json() == content
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _is_file_of_runtime(artifact: ArtifactContents, path: str, name: str) -> bool:
    """Return whether a file has the bytes of the runtime, with any values for the constants of the app."""
    try:
        if name not in FILLED_IN:
            return _has_content(artifact, path, runtime_module(name))
        found = _constants(artifact, path)
        given = {key: found[key] for key in constants_of(runtime_module(name).decode())}
        return _has_content(artifact, path, filled(name, given).encode())
    except (OSError, KeyError):
        return False


def _check_constants(artifact: ArtifactContents) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) for each constant of the app that the manifest contradicts."""
    constants, manifest = _constants(artifact, APP_PATH), artifact.manifest
    if constants.get("BUILD") != manifest.identity:
        yield APP_PATH, "it has another identity than the manifest"
    limits, names = constants.get("TIMEOUTS"), constants.get("NAMES")
    if not isinstance(limits, dict) or not isinstance(names, dict):
        yield APP_PATH, "its constants are no tables"
        return
    for name, resource in manifest.resources.items():
        given = resource.execution_timeout_ms
        if limits.get(name) != (given / 1000 if given else None):
            yield APP_PATH, f"it has another time limit for `{name}` than the manifest"
    is_whole = ENDPOINT_RECORD_PATH not in artifact.members
    if is_whole and not {*limits, *names.values()} <= manifest.resources.keys():
        yield APP_PATH, "it names a resource that the manifest does not have"


def _check_identity(artifact: ArtifactContents) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) if the files that are in no package are not those of the identity."""
    if artifact.manifest.identity is None:
        yield MANIFEST_PATH, "it has no identity"
        return
    if identity_of_contents(artifact) != artifact.manifest.identity:
        yield (
            MANIFEST_PATH,
            "its identity is not that of the files: a file was added, removed, renamed or changed",
        )


def identity_of_contents(artifact: ArtifactContents) -> str:
    """Return the identity of an artifact by the files that are in it."""
    packaged = {file.path: file for d in artifact.distributions.values() for file in d.files}
    own = {
        path: (path, member.executable, member.digest)
        for path, member in artifact.members.items()
        if path not in packaged and path != MANIFEST_PATH
    }
    if APP_PATH in own:
        try:
            text = without_identity(artifact.text(APP_PATH) or "")
        except _UNREADABLE:
            text = ""
        own[APP_PATH] = (APP_PATH, own[APP_PATH][1], sha256(text.encode()).hexdigest())
    executables = (path for path, file in packaged.items() if file.executable)
    return identity_of_files(own.values(), executables)


def _constants(artifact: ArtifactContents, path: str) -> Mapping[str, object]:
    """Return the constants of a module; none if it can't be parsed."""
    try:
        return constants_of(artifact.text(path) or "")
    except _UNREADABLE:
        return {}


def _has_content(artifact: ArtifactContents, path: str, content: bytes) -> bool:
    """Return whether a file has this content."""
    return artifact.members[path].digest == sha256(content).hexdigest()
