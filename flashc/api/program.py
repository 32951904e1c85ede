"""Compile a project and return its typed program (the IR), for scripts and the language server."""

from __future__ import annotations

from flashc.compile import compile_project
from flashc.frontend.dialect import Dialect
from flashc.project.workspace import Workspace
from flashc_ir.program import Program

from .result import Result


class ProgramResult(Result, frozen=True, kw_only=True):
    """A program of the IR; see `flashc_ir.program`.

    Attributes:
        program: the program after the last pass that ran; parts may be missing because of errors.
    """

    program: Program


def inspect_program(
    workspace: Workspace, *, dialects: tuple[Dialect, ...] | None = None
) -> ProgramResult:
    """Compile an opened project, and return its program even if there are errors.

    The options `select` and `ignore` are not applied.

    Args:
        workspace: the project.
        dialects: the SDKs that the program may be written for; Flash if None.
    """
    latest: list[Program] = []

    def keep(_: str, program: Program) -> None:
        """Keep the program after a pass, in place of the one before."""
        latest[:] = [program]

    sink = workspace.sink()
    compile_project(workspace, sink, keep, dialects=dialects)
    return ProgramResult(diagnostics=tuple(sink), program=latest[0])
