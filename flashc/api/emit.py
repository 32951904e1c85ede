"""Make one thing that a program can become."""

from __future__ import annotations

from dataclasses import dataclass

from flashc.compile import compile_project
from flashc.project.workspace import Workspace
from flashc_backends.base import Draft, Plan, Progress
from flashc_backends.targets import TARGETS
from flashc_core.diagnostics import Diagnostic

from .backend_context import backend_context


@dataclass(frozen=True, slots=True)
class Emission:
    """What a target made, nothing if there are errors: files that are to be written, or a plan."""

    drafts: tuple[Draft, ...]
    plan: Plan | None
    diagnostics: tuple[Diagnostic, ...]


def emit_target(workspace: Workspace, name: str, progress: Progress | None = None) -> Emission:
    """Compile an opened project and make a target.  Writes nothing.

    Raises:
        KeyError: there is no such target.
    """
    target = TARGETS[name]
    sink = workspace.sink()
    program = compile_project(workspace, sink).program
    drafts: tuple[Draft, ...] = ()
    plan: Plan | None = None
    if program is not None:
        environment = workspace.environment.recording()
        context = backend_context(workspace, sink, environment, progress)
        if target.makes == "drafts":
            drafts = target.emit(program, context)
        else:
            plan = target.emit(program, context)
    if sink.has_errors():
        return Emission((), None, tuple(sink))
    return Emission(drafts, plan, tuple(sink))
