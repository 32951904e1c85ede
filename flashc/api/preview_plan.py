"""Plan what a preview would run: nothing is started, and what runs previews is not imported."""

from __future__ import annotations

from pathlib import Path

from flashc.project.workspace import Workspace
from flashc_backends.base import Progress
from flashc_backends.preview.plan import PreviewPlan
from flashc_core import rules
from flashc_core.source import WholeFile

from .build import build_project
from .emit import emit_target
from .result import Result


class PlanResult(Result, frozen=True, kw_only=True):
    """The plan of a preview; after `build_preview` without errors, the artifact exists.

    Attributes:
        plan: the plan, None if there are errors.
        artifact: the absolute path of the artifact, None if there are errors or it was not built.
        manifest: the absolute path of the manifest; None if `artifact` is None.
    """

    plan: PreviewPlan | None = None
    artifact: Path | None = None
    manifest: Path | None = None


def plan_preview(workspace: Workspace, *, progress: Progress | None = None) -> PlanResult:
    """Return the plan of a preview; no file is written and nothing is started."""
    result = emit_target(workspace, "preview", progress=progress)
    plan = result.plan if isinstance(result.plan, PreviewPlan) else None
    return PlanResult(diagnostics=result.diagnostics, plan=plan)


def build_preview(workspace: Workspace, *, progress: Progress | None = None) -> PlanResult:
    """Build an opened project and return the plan of its preview."""
    built = build_project(workspace, progress=progress)
    if built.artifact is None or built.manifest is None:
        return PlanResult(diagnostics=built.diagnostics)
    planned = plan_preview(workspace, progress=progress)
    if planned.plan is None:  # a file was changed after the build
        return planned
    sink = workspace.sink()
    for diagnostic in built.diagnostics:
        sink.add(diagnostic)
    if not planned.plan.endpoints:
        sink.report(
            rules.NOTHING_TO_RUN,
            WholeFile("."),
            f"`{planned.plan.app}` has no endpoint that a preview can run",
            help=("declare a function, a class or routes as an endpoint",),
        )
    return PlanResult(
        diagnostics=tuple(sink),
        plan=planned.plan,
        artifact=built.artifact,
        manifest=built.manifest,
    )
