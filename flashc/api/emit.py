"""Compile a project and return the output of one target, such as the manifest or the IR."""

from __future__ import annotations

from flashc.compile import compile_project
from flashc.frontend.dialect import Dialect
from flashc.project.workspace import Workspace
from flashc_backends.base import Draft, Plan, Progress
from flashc_backends.targets import TARGETS

from .backend_context import backend_context
from .result import Result


class UnknownTargetError(ValueError):
    """There is no target of a name; the message lists the targets."""


class EmitResult(Result, frozen=True, kw_only=True):
    """The output of a target; both attributes are empty if there are errors.

    Attributes:
        drafts: the files that the target makes; `draft.read()` returns the bytes of the file at
            `draft.path`.
        plan: the steps of a target that changes something other than files; None for other targets.
    """

    drafts: tuple[Draft, ...] = ()
    plan: Plan | None = None


def emit_target(
    workspace: Workspace,
    name: str,
    *,
    dialects: tuple[Dialect, ...] | None = None,
    progress: Progress | None = None,
) -> EmitResult:
    """Compile an opened project and return the output of a target; no file is written.

    Args:
        workspace: the project.
        name: the target's name, as in `flashc emit --target`.
        dialects: the SDKs that the program may be written for; Flash if None.
        progress: gets reports of what is done; see `flashc_backends.base.Progress`.

    Raises:
        UnknownTargetError: there is no such target.
    """
    target = TARGETS.get(name)
    if target is None:
        raise UnknownTargetError(f"there is no target `{name}`; there are {', '.join(TARGETS)}")
    sink = workspace.sink()
    program = compile_project(workspace, sink, dialects=dialects).program
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
        return EmitResult(diagnostics=tuple(sink))
    return EmitResult(diagnostics=tuple(sink), drafts=drafts, plan=plan)
