"""Measure how much each package adds to the artifact of a project."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from flashc.compile import compile_project
from flashc.frontend.dialect import Dialect
from flashc.project.workspace import Workspace
from flashc_backends.artifact.artifact import measure
from flashc_backends.base import Progress
from flashc_backends.dependencies.lock import Lock
from flashc_backends.dependencies.sizes import DistributionSize
from flashc_ir.program import Program

from .backend_context import backend_context
from .result import Result


class Sizes(Struct, frozen=True, kw_only=True):
    """The sizes of the packages in an artifact, and the reasons why the packages are in it.

    Attributes:
        program: the program; the sizes of its own files are in `program.files`, in bytes.
        lock: the locked packages; it says why each package is in the artifact.
        parts: the packages with their sizes in bytes, the largest first.
        environment: the variables that the build reads.
    """

    program: Program
    lock: Lock
    parts: tuple[DistributionSize, ...]
    environment: Mapping[str, str]


class SizeResult(Result, frozen=True, kw_only=True):
    """The result of measuring a project's artifact.

    Attributes:
        sizes: the sizes, None if there are errors.
    """

    sizes: Sizes | None


def measure_project(
    workspace: Workspace,
    *,
    dialects: tuple[Dialect, ...] | None = None,
    progress: Progress | None = None,
) -> SizeResult:
    """Compile an opened project and build its artifact to measure it; no file is kept.

    Args:
        workspace: the project.
        dialects: the SDKs that the program may be written for; Flash if None.
        progress: gets reports of what is done; see `flashc_backends.base.Progress`.
    """
    sink = workspace.sink()
    program = compile_project(workspace, sink, dialects=dialects).program
    if program is None:
        return SizeResult(diagnostics=tuple(sink), sizes=None)
    environment = workspace.environment.recording()
    measured = measure(program, backend_context(workspace, sink, environment, progress))
    if measured is None:
        return SizeResult(diagnostics=tuple(sink), sizes=None)
    lock, parts = measured
    sizes = Sizes(program=program, lock=lock, parts=tuple(parts), environment=environment)
    return SizeResult(diagnostics=tuple(sink), sizes=sizes)
