"""Plan, show, confirm and execute the deployment of a candidate; report what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

from flashc.project.workspace import Workspace
from flashc_backends.base import Progress
from flashc_backends.cloud.errors import CloudError
from flashc_backends.cloud.pace import STANDARD, Pace
from flashc_backends.cloud.port import Cloud
from flashc_backends.deploy.apply import execute
from flashc_backends.deploy.deployment import Deployed, Deployment, NotRestored
from flashc_backends.deploy.lease import Busy, clear_dead, held
from flashc_backends.deploy.lease_state import Lease
from flashc_backends.deploy.plan import Plan
from flashc_backends.deploy.rollout import Outcome
from flashc_backends.deploy.variables import Target
from flashc_backends.manifest.manifest_model import Manifest
from flashc_backends.preview.calls import SampleCall
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile

from .candidate import (
    Candidate,
    Planned,
    check_places,
    choose_target,
    plan_candidate,
)
from .cloud import NoSession, Session, report_trouble, session
from .result import Result

_HERE = WholeFile(".")


class DeployOptions(Struct, frozen=True, kw_only=True):
    """The choices of the user.

    Attributes:
        environment: the name of the environment; None for the only one that the app has, or for
            `production` if it has none.
        prune: names or ids of endpoints to delete if the project does not declare them.
        seconds: the longest time to wait for workers; 0 does not wait.
        patience: the longest time to wait for another deployment of the environment, in seconds.
        pace: how long to wait for answers of the platform, and between attempts.
        saved: a plan that was shown before; nothing else is done.
        smoke: make the smoke calls of the project.
    """

    environment: str | None = None
    prune: frozenset[str] = frozenset()
    seconds: float = 600.0
    patience: float = 150.0  # a lease that its holder does not renew ends before
    pace: Pace = STANDARD
    saved: Plan | None = None
    smoke: bool = True


class Audience(Protocol):
    """Who watches a deployment: sees its plan, and is asked before something is deleted."""

    def show(self, plan: Plan) -> None:
        """Show a plan before it is executed."""
        ...

    def confirm(self, plan: Plan) -> bool:
        """Return whether the endpoints in `plan.destroys` may be deleted."""
        ...

    def wait(self, holder: str) -> None:
        """Say that another deployment has to end first."""
        ...


class DeployResult(Result, frozen=True, kw_only=True):
    """The result of a deployment.

    Attributes:
        plan: what was done, None if there were errors before.
        deployed: the endpoints, None if nothing was done or it was taken back.
        manifest: the manifest of the build that runs, None if `deployed` is None.
        calls: an example of a request for each endpoint of the project, by name.
    """

    plan: Plan | None = None
    deployed: Deployed | None = None
    manifest: Manifest | None = None
    calls: Mapping[str, SampleCall] = {}


def deploy_candidate(
    workspace: Workspace,
    options: DeployOptions,
    audience: Audience,
    candidate_of: Callable[[Session, Sink], Candidate | None],
    progress: Progress,
) -> DeployResult:
    """Plan, show, confirm and execute, with one session."""
    sink = workspace.sink()
    try:
        with session(workspace.environment, sink, pace=options.pace) as opened:
            opened.cloud.account()
            candidate = candidate_of(opened, sink)
            planned = make_candidate_plan(opened, candidate, workspace, options, sink)
            if planned is None or candidate is None:
                raise NoSession
            work = _Deploying(workspace, opened, candidate, options, audience, progress, sink)
            plan, deployed = work.run(planned)
    except NoSession:
        return DeployResult(diagnostics=tuple(sink))
    return DeployResult(
        diagnostics=tuple(sink), plan=plan, deployed=deployed, manifest=candidate.manifest
    )


def make_candidate_plan(
    opened: Session,
    candidate: Candidate | None,
    workspace: Workspace,
    options: DeployOptions,
    sink: Sink,
) -> Planned | None:
    """Return the plan for a candidate; None without a candidate, or if something is wrong, which is reported.

    Raises:
        CloudError: the platform can't be asked.
    """
    if candidate is None:
        return None
    name = candidate.manifest.project_name
    app = opened.cloud.app(name)
    target = choose_target(name, app, options.environment, sink)
    if target is None:
        return None
    return plan_candidate(
        opened, candidate, target, app, workspace.environment, options.prune, sink
    )


class _Deploying:
    """One deployment, from its plan to its report."""

    def __init__(
        self,
        workspace: Workspace,
        opened: Session,
        candidate: Candidate,
        options: DeployOptions,
        audience: Audience,
        progress: Progress,
        sink: Sink,
    ) -> None:
        self._workspace = workspace
        self._opened = opened
        self._candidate = candidate
        self._options = options
        self._audience = audience
        self._progress = progress
        self._sink = sink

    def run(self, planned: Planned) -> tuple[Plan, Deployed | None]:
        """Execute a plan under the lease of its environment; return what was done."""
        plan = planned.plan
        self._check_saved(plan)
        if plan.is_empty:
            clear_dead(self._opened.cloud, plan.target, planned.world.secrets or ())
            return plan, self._execute(self._opened.cloud, planned)
        check_places(self._opened.cloud, plan, self._sink)
        self._audience.show(plan)
        self._confirm(plan)
        try:
            with held(
                self._opened.cloud,
                plan.target,
                patience=self._options.patience,
                waiting=self._waiting,
                pace=self._options.pace,
            ) as cloud:
                return self._run_alone(cloud, plan)
        except Busy as busy:
            self._sink.report(
                rules.DEPLOYMENT_RUNS,
                _HERE,
                f"another deployment changes {plan.target}: {busy}",
                help=("wait for it, and type the command again",),
            )
            raise NoSession from busy

    def _run_alone(self, cloud: Cloud, shown: Plan) -> tuple[Plan, Deployed | None]:
        """Plan again, because another deployment may just have ended; then execute."""
        planned = make_candidate_plan(
            self._opened, self._candidate, self._workspace, self._options, self._sink
        )
        if planned is None:
            raise NoSession
        self._check_saved(planned.plan)
        if planned.plan != shown:
            self._audience.show(planned.plan)
            if _doomed(planned.plan) - _doomed(shown):
                self._confirm(planned.plan)
        return planned.plan, self._execute(cloud, planned)

    def _waiting(self, lease: Lease) -> None:
        self._audience.wait(str(lease))

    def _check_saved(self, plan: Plan) -> None:
        """Refuse to do anything that the saved plan does not say."""
        saved = self._options.saved
        if saved is None or saved == plan.masked():
            return
        self._sink.report(
            rules.PLAN_OUTDATED,
            _HERE,
            "the saved plan does not fit any more: the project or the platform has changed",
            help=("make a new plan with `flashc plan -o FILE`, and look at it",),
        )
        raise NoSession

    def _confirm(self, plan: Plan) -> None:
        if plan.destroys and not self._audience.confirm(plan):
            names = ", ".join(step.name for step in plan.destroys)
            self._sink.report(
                rules.NOT_CONFIRMED,
                _HERE,
                f"deleting endpoints needs a confirmation: {names}",
                help=("look at `flashc plan`, then type the command with `--yes`",),
            )
            raise NoSession

    def _execute(self, cloud: Cloud, planned: Planned) -> Deployed | None:
        """Execute a plan; report what went wrong, and return None if it was taken back."""
        deployment = Deployment(
            plan=planned.plan,
            world=planned.world,
            manifest=planned.document,
            artifact=self._candidate.artifact,
            build=self._candidate.build,
            secrets=planned.secrets,
            smoke=self._candidate.smoke if self._options.smoke else (),
            seconds=self._options.seconds,
            pace=self._options.pace,
        )
        try:
            deployed = execute(cloud, deployment, self._progress)
        except NotRestored as error:
            if isinstance(error.cause, CloudError):
                report_trouble(error.cause, self._opened.key, self._sink)
            self._sink.report(
                rules.NOT_RESTORED,
                _HERE,
                f"what ran before in {planned.plan.target} could not be restored: {error}",
                help=("type `flashc deploy` again, or `flashc rollback`",),
            )
            raise NoSession from error
        self._report_rollouts(planned.plan.target, deployed)
        self._report_smoke(planned.plan.target, deployed)
        return None if deployed.has_failed else deployed

    def _report_rollouts(self, target: Target, deployed: Deployed) -> None:
        for watched in deployed.rollouts:
            name = watched.endpoint.name
            if watched.outcome is Outcome.FAILED:
                self._sink.report(
                    rules.RELEASE_FAILED,
                    _HERE,
                    f"the workers of `{name}` end before they are ready; what ran before in "
                    f"{target} is restored",
                    notes=watched.lines,
                    help=("correct what the worker's last lines say, and deploy again",),
                )
            elif watched.outcome is not Outcome.DONE and not deployed.has_failed:
                late = watched.outcome is Outcome.LATE
                self._sink.report(
                    rules.RELEASE_LATE,
                    _HERE,
                    f"not every worker of `{name}` runs the new release yet"
                    if late
                    else f"the platform does not tell which release the workers of `{name}` run",
                    help=(f"look at `flashc status --env {target.environment}`",),
                )

    def _report_smoke(self, target: Target, deployed: Deployed) -> None:
        for result in deployed.smoke:
            if result.problem:
                self._sink.report(
                    rules.SMOKE_FAILED,
                    result.call.location,
                    f"a smoke call of `{result.call.resource}` failed: {result.problem}",
                    notes=(f"what ran before in {target} is restored",),
                    help=("correct the code or the table, and deploy again",),
                )


def _doomed(plan: Plan) -> set[str]:
    """Return the ids of the endpoints that a plan deletes."""
    return {step.id for step in plan.destroys}
