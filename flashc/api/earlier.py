"""Read what an earlier build offers: from a manifest, an artifact, a folder, a git revision, or an environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from flashc.compile import compile_project
from flashc.frontend.dialect import Dialect
from flashc.project.workspace import Workspace, open_workspace
from flashc_backends.base import MANIFEST_PATH
from flashc_backends.contracts.changes import manifest_of
from flashc_backends.dependencies.git import check_out, commit_in
from flashc_backends.deploy.world import read_world
from flashc_core import rules
from flashc_core.archives import InvalidArchive, read_member
from flashc_core.diagnostics import Sink
from flashc_core.documents import UnreadableDocument, parse_json
from flashc_core.source import WholeFile
from flashc_core.temporary import temporary_folder

from .candidate import choose_target
from .cloud import NoSession, session

_HERE = WholeFile(".")
_MOST = 64 * 1024**2  # bytes of a manifest
_ENVIRONMENT = "env:"
_Manifest = Mapping[str, Any]


class Earlier(Struct, frozen=True, kw_only=True):
    """What to compare with: the path of a file or folder, a git revision, or the name of an environment."""

    sort: Literal["file", "folder", "revision", "environment"]
    name: str


class NoEarlier(Exception):
    """There is nothing to compare with; the reason is in the sink."""


def earlier_of(text: str) -> Earlier:
    """Return what a text means: `env:NAME`, the path of a file or folder that exists, or a git revision."""
    if text.startswith(_ENVIRONMENT):
        return Earlier(sort="environment", name=text.removeprefix(_ENVIRONMENT))
    try:
        path = Path(text)
        if text and (path.is_file() or path.is_dir()):
            return Earlier(sort="file" if path.is_file() else "folder", name=text)
    except (OSError, ValueError):  # a text that can't be a path
        pass
    return Earlier(sort="revision", name=text)


def read_earlier(
    earlier: Earlier,
    workspace: Workspace,
    sink: Sink,
    dialects: tuple[Dialect, ...] | None,
) -> _Manifest:
    """Return the manifest of what is compared with.

    Raises:
        NoEarlier: there is none; the finding is in the sink.
    """
    match earlier.sort:
        case "file":
            return _of_file(Path(earlier.name), sink)
        case "folder":
            return _of_folder(Path(earlier.name), earlier.name, workspace, sink, dialects)
        case "environment":
            return _of_environment(earlier.name, workspace, sink)
        case "revision":
            return _of_revision(earlier.name, workspace, sink, dialects)


# Files ----------------------------------------------------------------------------------------------


def _of_file(path: Path, sink: Sink) -> _Manifest:
    """Return the manifest in a file, which is a manifest or an artifact."""
    try:
        with path.open("rb") as file:
            is_text = file.read(1) == b"{"
        data = _limited(path) if is_text else read_member(path, MANIFEST_PATH, _MOST)
        document = parse_json(data)
    except (OSError, InvalidArchive, UnreadableDocument, ValueError) as error:
        text = f"`{path}` is neither a manifest nor an artifact: {error}"
        raise _nothing(sink, text) from error
    if not isinstance(document, dict) or not isinstance(document.get("resources"), dict):
        raise _nothing(sink, f"`{path}` is no manifest: it has no `resources`")
    return document


def _limited(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        ValueError: it is too large for a manifest.
    """
    if path.stat().st_size > _MOST:
        raise ValueError("it is too large")
    return path.read_bytes()


# Projects -------------------------------------------------------------------------------------------


def _of_folder(
    folder: Path,
    name: str,
    workspace: Workspace,
    sink: Sink,
    dialects: tuple[Dialect, ...] | None,
) -> _Manifest:
    """Return the manifest of the project in a folder; `name` is what messages call it."""
    opened = open_workspace(folder, dict(workspace.flags))
    findings = opened.sink()
    program = compile_project(opened, findings, dialects=dialects).program
    if program is not None and not findings.has_errors():
        return manifest_of(program)
    errors = [each for each in findings if each.rule.exit]
    notes = tuple(f"{each.rule.code}: {each.message}" for each in errors[:5])
    raise _nothing(sink, f"the project at `{name}` has errors, so that it offers nothing", notes)


def _of_revision(
    revision: str,
    workspace: Workspace,
    sink: Sink,
    dialects: tuple[Dialect, ...] | None,
) -> _Manifest:
    """Return the manifest of the project at a revision of its git repository."""
    try:
        with temporary_folder("diff") as temporary:
            folder = temporary / workspace.root.name
            commit = commit_in(workspace.root, revision)
            if commit is None:
                raise _nothing(sink, f"there is no file, folder or git revision `{revision}`")
            check_out(workspace.root, commit, folder)
            return _of_folder(folder, revision, workspace, sink, dialects)
    except OSError as error:
        sink.report(
            rules.GIT_FAILED,
            _HERE,
            f"git can't give the project at `{revision}`: {error}",
            help=("install git, or name a manifest, an artifact or a folder",),
        )
        raise NoEarlier from error


def _of_environment(name: str, workspace: Workspace, sink: Sink) -> _Manifest:
    """Return the manifest of the build that an environment runs; `name` is "" for the only one."""
    app_name = workspace.options.app or workspace.root.name
    try:
        with session(workspace.environment, sink) as opened:
            app = opened.cloud.app(app_name)
            target = choose_target(app_name, app, name or None, sink)
            if target is None:
                raise NoEarlier
            world = read_world(opened.cloud, target, app, volumes=False)
    except NoSession as error:
        raise NoEarlier from error
    if not world.manifest:
        sink.report(
            rules.NOT_DEPLOYED,
            _HERE,
            f"{target} runs no build",
            help=("deploy the project first, or name another environment",),
        )
        raise NoEarlier
    return world.manifest


def _nothing(sink: Sink, text: str, notes: tuple[str, ...] = ()) -> NoEarlier:
    """Report that there is nothing to compare with, and return the exception to raise."""
    sink.report(
        rules.NOTHING_TO_COMPARE,
        _HERE,
        text,
        notes=notes,
        help=("name a manifest, an artifact, a folder, a git revision, or `env:NAME`",),
    )
    return NoEarlier(text)
