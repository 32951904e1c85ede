"""Plan and execute the deployment of a project, and return to an earlier build."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import structs

from flashc.project.workspace import Workspace
from flashc_backends.base import Progress, Silent
from flashc_backends.cloud.model import Build, Environment
from flashc_backends.deploy.cleaning import was_deployed
from flashc_backends.deploy.plan import Plan
from flashc_backends.manifest.documents import read_document
from flashc_backends.manifest.manifest_model import Manifest
from flashc_backends.preview.calls import SampleCall
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile

from .build import build_project
from .candidate import (
    Candidate,
    candidate_of_build,
    check_places,
    choose_target,
)
from .cloud import NoSession, Session, session
from .deploying import (
    Audience,
    DeployOptions,
    DeployResult,
    deploy_candidate,
    make_candidate_plan,
)
from .preview_plan import plan_preview
from .result import Result

_HERE = WholeFile(".")


class PlanResult(Result, frozen=True, kw_only=True):
    """The result of planning; `plan` is None if there are errors."""

    plan: Plan | None = None


class HistoryResult(Result, frozen=True, kw_only=True):
    """The builds of an app, the newest first, and its environments."""

    builds: tuple[Build, ...] = ()
    environments: tuple[Environment, ...] = ()


def plan_project(
    workspace: Workspace, options: DeployOptions, *, progress: Progress | None = None
) -> PlanResult:
    """Build an opened project, and return what a deployment would do; nothing is changed.

    Args:
        workspace: the project.
        options: the choices of the user.
        progress: gets reports of long work.
    """
    sink = workspace.sink()
    try:
        with session(workspace.environment, sink, pace=options.pace) as opened:
            opened.cloud.account()
            candidate = _built(workspace, sink, progress)
            planned = make_candidate_plan(opened, candidate, workspace, options, sink)
            if planned is not None:
                check_places(opened.cloud, planned.plan, sink)
    except NoSession:
        planned = None
    return PlanResult(diagnostics=tuple(sink), plan=planned.plan if planned is not None else None)


def deploy_project(
    workspace: Workspace,
    options: DeployOptions,
    audience: Audience,
    *,
    progress: Progress | None = None,
) -> DeployResult:
    """Build an opened project and deploy it.

    If the new release does not start, or something else fails, what ran before is restored.

    Args:
        workspace: the project.
        options: the choices of the user.
        audience: sees the plan, and is asked before something is deleted.
        progress: gets reports of long work.
    """

    def candidate(_opened: Session, sink: Sink) -> Candidate | None:
        return _built(workspace, sink, progress)

    result = deploy_candidate(workspace, options, audience, candidate, progress or Silent())
    if result.deployed is None:
        return result
    return structs.replace(result, calls=_sample_calls(workspace))


def roll_back(
    workspace: Workspace,
    build: str | None,
    options: DeployOptions,
    audience: Audience,
    *,
    progress: Progress | None = None,
) -> DeployResult:
    """Let an environment run an earlier build, with the settings that the build was made with.

    Args:
        workspace: the project, for the name of the app.
        build: the id of the build; None for the one before the build that runs.
        options: the choices of the user.
        audience: sees the plan, and is asked before something is deleted.
        progress: gets reports of long work.
    """

    def candidate(opened: Session, sink: Sink) -> Candidate | None:
        found = build or _build_before(opened, workspace, options, sink)
        return None if found is None else candidate_of_build(opened.cloud, found, sink)

    return deploy_candidate(workspace, options, audience, candidate, progress or Silent())


def list_builds(workspace: Workspace) -> HistoryResult:
    """Return the builds of the project's app, and its environments."""
    sink = workspace.sink()
    try:
        with session(workspace.environment, sink) as opened:
            app = opened.cloud.app(app_name(workspace))
            if app is None:
                _report_no_app(app_name(workspace), sink)
                raise NoSession
            return HistoryResult(
                diagnostics=tuple(sink), builds=app.builds, environments=app.environments
            )
    except NoSession:
        return HistoryResult(diagnostics=tuple(sink))


def app_name(workspace: Workspace) -> str:
    """Return the name of the project's app: the option `app`, else the name of its folder."""
    return workspace.options.app or workspace.root.name


def _sample_calls(workspace: Workspace) -> Mapping[str, SampleCall]:
    """Return a request for each endpoint of a project; none if a file has changed after the build."""
    plan = plan_preview(workspace).plan
    endpoints = plan.endpoints if plan is not None else ()
    return {endpoint.name: endpoint.call for endpoint in endpoints if endpoint.call is not None}


def _built(workspace: Workspace, sink: Sink, progress: Progress | None) -> Candidate | None:
    """Build the project; return None if there are errors, which are in the sink."""
    built = build_project(workspace, progress=progress)
    for diagnostic in built.diagnostics:
        sink.add(diagnostic)
    if built.artifact is None or built.manifest is None or built.digest is None:
        return None
    manifest = read_document(built.manifest.read_bytes(), Manifest)
    return Candidate(
        manifest=manifest,
        digest=built.digest,
        artifact=built.artifact,
        smoke=workspace.options.smoke,
    )


def _build_before(
    opened: Session, workspace: Workspace, options: DeployOptions, sink: Sink
) -> str | None:
    """Return the id of the build before the one that runs; None if there is none, which is reported."""
    name = app_name(workspace)
    app = opened.cloud.app(name)
    if app is None:
        _report_no_app(name, sink)
        return None
    target = choose_target(name, app, options.environment, sink)
    environment = app.environment(target.environment) if target is not None else None
    if target is None:
        return None
    running = environment.build if environment is not None else ""
    ids = [build.id for build in app.builds]
    for build in ids[ids.index(running) + 1 :] if running in ids else ():
        # The list has the builds of all environments, and builds whose deployment failed.
        if was_deployed(opened.cloud.manifest(build), target.environment):
            return build
    sink.report(
        rules.NOT_DEPLOYED,
        _HERE,
        f"{target} has no build before the one that runs",
        help=("`flashc history` lists the builds",),
    )
    return None


def _report_no_app(name: str, sink: Sink) -> None:
    sink.report(
        rules.NOT_DEPLOYED,
        _HERE,
        f"the platform has no app `{name}`",
        help=("name another one with `--app`, or deploy the project first",),
    )
