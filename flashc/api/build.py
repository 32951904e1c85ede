"""Build the artifact of a project, or return the cached report if no input has changed."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from flashc.incremental.fingerprint import compiler_identity, memo_of, project_key
from flashc.project.inputs import tree_input, variable_input
from flashc.project.workspace import Workspace
from flashc_backends.base import (
    ARTIFACT_PATH,
    MANIFEST_PATH,
    PROVENANCE_PATH,
    RESOLUTION_MAX_AGE,
    SBOM_PATH,
    Progress,
)
from flashc_core import rules
from flashc_core.cache import Store, decoded
from flashc_core.diagnostics import Diagnostic, Sink
from flashc_core.files import digest_of, real_path
from flashc_core.source import WholeFile

from .result import Result

if TYPE_CHECKING:  # a cached result needs no dialect
    from flashc.frontend.dialect import Dialect

FOLDER = ".flash"
_RECORDS = (MANIFEST_PATH, SBOM_PATH, PROVENANCE_PATH)


class BuildResult(Result, frozen=True, kw_only=True):
    """The result of a build; if there are no errors, the files exist.

    Attributes:
        artifact: the absolute path of the artifact, None if the build failed.
        manifest: the absolute path of the manifest next to it, None if the build failed.
        digest: the SHA-256 of the artifact in hex, None if the build failed.
        summary: lines of text for people, none if the build failed.
    """

    artifact: Path | None = None
    manifest: Path | None = None
    digest: str | None = None
    summary: tuple[str, ...] = ()


class _Report(Struct, frozen=True):
    """The part of a build's result that is cached.

    `summary` are lines of text, none if the build failed.  `digests` are the SHA-256 of the
    artifact and of the records next to it, in hex.
    """

    diagnostics: tuple[Diagnostic, ...]
    summary: tuple[str, ...] = ()
    digests: tuple[str | None, ...] = ()


def _artifact_path(workspace: Workspace) -> Path:
    """Return the absolute path of the artifact that a build writes.

    The option `output` is this path if it ends in `.tar.gz` or `.tgz`, else the artifact's folder.
    """
    output = workspace.options.output
    if output is None:
        return workspace.root / FOLDER / ARTIFACT_PATH
    path = output.absolute()
    return path if path.name.endswith((".tar.gz", ".tgz")) else path / ARTIFACT_PATH


def _check_folder(workspace: Workspace) -> Diagnostic | None:
    """Return a diagnostic if a link leads the build's own folder out of the project; else None."""
    options = workspace.options
    is_used = options.output is None or options.keep_build
    if not is_used or real_path(workspace.root / FOLDER).is_relative_to(workspace.root):
        return None
    sink = Sink()
    sink.report(
        rules.OUTPUT_FAILED,
        WholeFile(FOLDER),
        f"`{FOLDER}` is a symbolic link that leaves the project, so flashc does not write there",
        help=("remove the link, or choose the location of the artifact with `--output`",),
    )
    return next(iter(sink))


def build_project(
    workspace: Workspace,
    *,
    dialects: tuple[Dialect, ...] | None = None,
    progress: Progress | None = None,
) -> BuildResult:
    """Compile an opened project and build its artifact.

    The option `output` is the path of the artifact if it ends in `.tar.gz` or `.tgz`, else the
    folder that the artifact is written to.

    Existing files are replaced only if the whole build succeeds.  If files can't be written, or the
    package index can't be reached, the result has diagnostics.

    Args:
        workspace: the project.
        dialects: the SDKs that the program may be written for; Flash if None.
        progress: gets reports of what the build does; see `flashc_backends.base.Progress`.
    """
    output = _artifact_path(workspace)
    problem = _check_folder(workspace)
    if problem is not None:
        return BuildResult(diagnostics=(*workspace.sink(), problem))
    report = _load_or_build(workspace, output, dialects, progress)
    if not report.digests:
        return BuildResult(diagnostics=report.diagnostics)
    return BuildResult(
        diagnostics=report.diagnostics,
        artifact=output,
        manifest=output.parent / MANIFEST_PATH,
        digest=report.digests[0],
        summary=report.summary,
    )


def _load_or_build(
    workspace: Workspace,
    output: Path,
    dialects: tuple[Dialect, ...] | None,
    progress: Progress | None,
) -> _Report:
    """Return the cached report if it is still valid; else build, and return a new report.

    It is valid if no input of the build has changed, it is not older than `RESOLUTION_MAX_AGE`, and the
    artifact and the records next to it still have the same digests.
    """
    options = workspace.options
    memo, key = memo_of(workspace), project_key(workspace, dialects)
    if options.keep_build or options.per_endpoint:
        # No cache: we do not check whether the files that these options add are unchanged.
        key = None
    if key is not None:
        cached = decoded(memo.load("builds", key, RESOLUTION_MAX_AGE), _Report)
        if cached is not None and cached.digests == _digests(output, _digest(output)):
            return cached
    report, inputs = _build(workspace, output, dialects, progress)
    if key is not None and report.digests:
        memo.save("builds", key, inputs, msgspec.msgpack.encode(report))
    return report


def _build(
    workspace: Workspace,
    output: Path,
    dialects: tuple[Dialect, ...] | None,
    progress: Progress | None,
) -> tuple[_Report, tuple[str, ...]]:
    """Build, and return the report with the inputs that decided the build."""
    # These imports take a while, and a cached report does not need them
    from flashc.compile import compile_for_build

    sink = workspace.sink()
    prepare = partial(_import_builder, workspace.cache)
    compiled = compile_for_build(workspace, sink, dialects=dialects, prepare_next=prepare)
    if compiled.program is None:
        return _Report(tuple(sink)), compiled.inputs
    from flashc.report.build_summary import summary
    from flashc_backends.artifact.artifact import build
    from flashc_ir.program import source_paths

    from .backend_context import backend_context

    environment = workspace.environment.recording()
    context = backend_context(workspace, sink, environment, progress)
    keep = workspace.root / FOLDER / ".build" if workspace.options.keep_build else None
    result = build(compiled.program, context, output, keep)
    if result is None:
        return _Report(tuple(sink)), compiled.inputs
    lines = tuple(summary(compiled.program, result, environment, context.dependency_options))
    trees = map(tree_input, source_paths(compiled.program))
    inputs = (*compiled.inputs, *trees, *map(variable_input, environment.asked))
    return _Report(tuple(sink), lines, _digests(output, result.digest)), inputs


def _import_builder(cache: Store) -> None:
    """Import the modules that build, and prepare the runtime; nothing of this depends on the compiled program."""
    for name in ("flashc.report.build_summary", "flashc_backends.artifact.artifact"):
        import_module(name)
    from flashc_backends.files.runtime_files import prepare_runtime

    prepare_runtime(cache, compiler_identity())


def _digests(output: Path, artifact: str | None) -> tuple[str | None, ...]:
    """Return the SHA-256 of the artifact and of each record next to it.

    The caller passes the artifact's digest.  The result has None for a missing record.
    """
    return (artifact, *(_digest(output.parent / name) for name in _RECORDS))


def _digest(file: Path) -> str | None:
    """Return the SHA-256 of a file; None if it can't be read."""
    try:
        return digest_of(file)
    except OSError:
        return None
