"""Measure the artifact of a project, package by package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flashc.compile import compile_project
from flashc.project.workspace import Workspace
from flashc_backends.artifact.artifact import measure
from flashc_backends.base import Progress
from flashc_backends.dependencies.lock import Lock
from flashc_backends.dependencies.sizes import DistributionSize
from flashc_core.diagnostics import Diagnostic
from flashc_ir.program import Program

from .backend_context import backend_context


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The packages of an artifact with their sizes, and the lock that says why each is there."""

    program: Program
    lock: Lock
    parts: list[DistributionSize]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SizeResult:
    """The sizes, None if there are errors."""

    sizes: Sizes | None
    diagnostics: tuple[Diagnostic, ...]


def measure_project(workspace: Workspace, progress: Progress | None = None) -> SizeResult:
    """Compile an opened project and build its artifact to measure it.  Keeps no file."""
    sink = workspace.sink()
    program = compile_project(workspace, sink).program
    if program is None:
        return SizeResult(None, tuple(sink))
    environment = workspace.environment.recording()
    measured = measure(program, backend_context(workspace, sink, environment, progress))
    if measured is None:
        return SizeResult(None, tuple(sink))
    lock, parts = measured
    sizes = Sizes(program=program, lock=lock, parts=parts, environment=environment)
    return SizeResult(sizes, tuple(sink))
