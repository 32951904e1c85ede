"""Share options and output between the commands that change what is deployed."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flashc.project.workspace import Workspace

from .common import exit_for, print_findings

if TYPE_CHECKING:  # `flashc --help` loads this module, and deploys nothing
    from flashc.api.deploying import DeployResult
    from flashc_backends.deploy.plan import Plan

_F = TypeVar("_F", bound=Callable[..., Any])

environment_option = click.option(
    "--env",
    "-e",
    "environment",
    metavar="NAME",
    help="The environment.  [default: the only one of the app, or production]",
)
prune_option = click.option(
    "--prune",
    multiple=True,
    metavar="NAME",
    help="Delete this endpoint of the environment, which the project does not declare; repeatable.",
)
yes_option = click.option(
    "--yes", "-y", is_flag=True, help="Do not ask before endpoints are deleted."
)
wait_option = click.option(
    "--wait",
    "seconds",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    help="How many seconds to wait for workers with the new release; 0 does not wait.",
)


class Terminal:
    """Shows plans on standard output and asks on the terminal; see `flashc.api.deploy.Audience`."""

    def __init__(self, *, quiet: bool, yes: bool) -> None:
        self._quiet = quiet
        self._yes = yes

    def show(self, plan: Plan) -> None:
        """Show a plan before it is executed."""
        if not self._quiet:
            from flashc.report.deployment import plan_text

            click.echo(plan_text(plan), nl=False)

    def confirm(self, plan: Plan) -> bool:
        """Return whether endpoints may be deleted; without a terminal, only `--yes` says so."""
        if self._yes:
            return True
        if self._quiet or not sys.stdin.isatty():
            return False
        names = ", ".join(step.name for step in plan.destroys)
        return click.confirm(f"delete {names}?", err=True)

    def wait(self, holder: str) -> None:
        """Say that another deployment has to end first."""
        click.echo(f"waiting for another deployment: {holder}", err=True)


@contextmanager
def interruptible() -> Generator[None]:
    """Let the signal with which CI ends processes interrupt a deployment as Ctrl-C does.

    An interrupted deployment restores what ran before.  Python gives signals to the main thread
    only, so that in another thread the signal keeps its meaning.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def finish(result: DeployResult, workspace: Workspace, output_format: str) -> None:
    """Print the result of a deployment, and exit."""
    from flashc.report.deployment import deployed_json, deployed_text

    print_findings(result.diagnostics, workspace, "text")
    if output_format == "json":
        click.echo(deployed_json(result.plan, result.deployed, result.manifest), nl=False)
    elif result.deployed is not None and result.manifest is not None:
        if result.plan is not None and result.plan.is_empty:
            click.echo(f"{result.plan.target}: nothing to do")
        click.echo(deployed_text(result.manifest, result.deployed, result.calls), nl=False)
    exit_for(result.diagnostics)
