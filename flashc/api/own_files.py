"""Write the files of an artifact that flashc makes itself, without the packages: enough to run its code in a test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flashc.compile import compile_project
from flashc.project.workspace import Workspace
from flashc_backends.artifact.parts import own_drafts
from flashc_backends.files.project_files import draft_project
from flashc_backends.manifest.documents import read_document
from flashc_backends.manifest.manifest import manifest_draft
from flashc_backends.manifest.manifest_model import Manifest
from flashc_backends.write import CannotWrite, report_write_failures, write_tree
from flashc_ir.program import Program

from .result import Result


class OwnFilesResult(Result, frozen=True, kw_only=True):
    """The files of an artifact in a folder; all attributes are None if there are errors.

    Attributes:
        program: the program.
        manifest: the manifest of the artifact.
        environ: the values of the environment variables to which the program may refer.
    """

    program: Program | None = None
    manifest: Manifest | None = None
    environ: Mapping[str, str] | None = None


def write_own_files(workspace: Workspace, folder: Path) -> OwnFilesResult:
    """Compile an opened project, and write its modules, handlers, stubs, runtime and manifest into `folder`."""
    sink = workspace.sink()
    program = compile_project(workspace, sink).program
    if program is None:
        return OwnFilesResult(diagnostics=tuple(sink))
    project = draft_project(program, workspace.root, sink)
    if project is None:
        return OwnFilesResult(diagnostics=tuple(sink))
    environment = workspace.environment.recording()
    manifest = manifest_draft(program, project.fingerprint, environment)
    try:
        with report_write_failures(folder, sink):
            write_tree(folder, (*own_drafts(program, project), manifest))
    except CannotWrite:
        return OwnFilesResult(diagnostics=tuple(sink))
    return OwnFilesResult(
        diagnostics=tuple(sink),
        program=program,
        manifest=read_document(manifest.read(), Manifest),
        environ=dict(workspace.environment),
    )
