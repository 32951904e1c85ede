"""Build the app under test, and keep what flashc finds, so that a test run shows it once."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from flashc.api.own_files import write_own_files
from flashc.api.preview_plan import build_preview
from flashc.api.program import inspect_program
from flashc.api.result import Result, render_diagnostics
from flashc.project.workspace import Workspace, open_workspace
from flashc_backends.manifest.documents import read_document
from flashc_backends.manifest.manifest_model import Manifest
from flashc_backends.preview.plan import PreviewPlan
from flashc_ir.program import Program


class NotBuilt(Exception):
    """The app can't be built or started; `report` is what flashc finds, as text."""

    def __init__(self, report: str) -> None:
        super().__init__(report)
        self.report = report


class BuiltApp(Struct, frozen=True, kw_only=True):
    """An artifact with its plan, its manifest and its program."""

    workspace: Workspace
    program: Program
    plan: PreviewPlan
    manifest: Manifest
    artifact: Path


class UnpackedApp(Struct, frozen=True, kw_only=True):
    """The files of an artifact without packages, in the folder `tree`, with its manifest and its program.

    `environ` has the values of the environment variables to which the program may refer.
    """

    workspace: Workspace
    program: Program
    manifest: Manifest
    environ: dict[str, str]
    tree: Path


def build_app(folder: Path) -> BuiltApp:
    """Build the project in a folder.

    Raises:
        NotBuilt: the project has errors.
    """
    workspace = open_workspace(folder)
    built = build_preview(workspace)
    _refuse_errors(workspace, built)
    assert built.plan is not None
    assert built.artifact is not None
    assert built.manifest is not None
    return BuiltApp(
        workspace=workspace,
        program=inspect_program(workspace).program,
        plan=built.plan,
        manifest=read_document(built.manifest.read_bytes(), Manifest),
        artifact=built.artifact,
    )


def unpack_app(folder: Path, tree: Path) -> UnpackedApp:
    """Compile the project in a folder, and write the files of its artifact into `tree`.

    Raises:
        NotBuilt: the project has errors.
    """
    workspace = open_workspace(folder)
    written = write_own_files(workspace, tree)
    _refuse_errors(workspace, written)
    assert written.program is not None
    assert written.manifest is not None
    return UnpackedApp(
        workspace=workspace,
        program=written.program,
        manifest=written.manifest,
        environ=dict(written.environ or {}),
        tree=tree,
    )


def _refuse_errors(workspace: Workspace, result: Result) -> None:
    """Raise `NotBuilt` with the findings of a result if it has errors."""
    if result.has_errors:
        raise NotBuilt(render_diagnostics(workspace, result.diagnostics))
