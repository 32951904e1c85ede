"""Delete endpoints, environments and apps from the platform, after the user confirms."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from msgspec import Struct

from flashc.project.workspace import Workspace
from flashc_backends.cloud.model import App, Environment
from flashc_backends.cloud.port import Cloud
from flashc_backends.deploy.lease import Busy, held
from flashc_backends.deploy.removal import (
    RemovalReport,
    Removed,
    Thing,
    app_to_remove,
    endpoints_to_remove,
    environment_to_remove,
    remove,
)
from flashc_backends.deploy.variables import Target
from flashc_backends.deploy.world import secrets_of
from flashc_core import rules
from flashc_core.diagnostics import Sink

from .asking import (
    HERE,
    Answer,
    environment_of,
    find_app,
    find_place,
    give_up,
    named_app,
    named_endpoints,
    with_session,
)
from .cloud import Session

# Seconds to wait for a deployment: longer than the life of a lease that is not renewed.
_LEASE_TIMEOUT = 150.0


class RemovalCallbacks(Protocol):
    """Callbacks: confirmation before a removal, progress during it."""

    def confirm(self, things: tuple[Thing, ...]) -> bool:
        """Return whether the user confirms that all these are deleted."""
        ...

    def wait(self, holder: str) -> None:
        """Say that a deployment has to end first."""
        ...

    def removing(self, thing: Thing) -> None:
        """Say that something is being deleted."""
        ...


class RemovalPlan(Struct, frozen=True, kw_only=True):
    """What is to be deleted, in this order, and the environments that it belongs to."""

    things: tuple[Thing, ...]
    targets: tuple[Target, ...]


def undeploy(
    workspace: Workspace,
    names: tuple[str, ...],
    environment: str | None,
    callbacks: RemovalCallbacks,
    *,
    dry_run: bool = False,
) -> Answer[RemovalReport]:
    """Delete endpoints of an environment.

    Args:
        workspace: the project, for the name of the app.
        names: names or ids of endpoints; () for all of the environment.
        environment: the environment; None for the only one.
        callbacks: ask for confirmation before something is deleted, and show the progress.
        dry_run: only say what would be deleted.
    """

    def find(opened: Session, sink: Sink) -> RemovalPlan:
        place = find_place(opened, workspace, environment, sink)
        endpoints = opened.cloud.endpoints(place.environment.id)
        chosen = named_endpoints(endpoints, names, place.target, sink)
        return RemovalPlan(things=endpoints_to_remove(chosen), targets=(place.target,))

    return _confirm_and_delete(workspace, find, callbacks, dry_run=dry_run)


def delete_environment(
    workspace: Workspace, name: str, callbacks: RemovalCallbacks, *, dry_run: bool = False
) -> Answer[RemovalReport]:
    """Delete an environment of the project's app, with its endpoints and its secrets."""

    def find(opened: Session, sink: Sink) -> RemovalPlan:
        app = find_app(opened, workspace, sink)
        environment = environment_of(app, name, sink)
        return RemovalPlan(
            things=_parts(opened, app, environment), targets=(Target(app.name, environment.name),)
        )

    return _confirm_and_delete(workspace, find, callbacks, dry_run=dry_run)


def delete_app(
    workspace: Workspace, name: str, callbacks: RemovalCallbacks, *, dry_run: bool = False
) -> Answer[RemovalReport]:
    """Delete an app with its environments, their endpoints and their secrets."""

    def find(opened: Session, sink: Sink) -> RemovalPlan:
        app = named_app(opened, name, sink)
        parts = [thing for found in app.environments for thing in _parts(opened, app, found)]
        return RemovalPlan(
            things=app_to_remove(app, parts),
            targets=tuple(Target(app.name, found.name) for found in app.environments),
        )

    return _confirm_and_delete(workspace, find, callbacks, dry_run=dry_run)


def _parts(opened: Session, app: App, environment: Environment) -> tuple[Thing, ...]:
    """Return what is deleted with an environment."""
    return environment_to_remove(
        app.name,
        environment,
        opened.cloud.endpoints(environment.id),
        secrets_of(opened.cloud) or (),
    )


def _confirm_and_delete(
    workspace: Workspace,
    find: Callable[[Session, Sink], RemovalPlan],
    callbacks: RemovalCallbacks,
    *,
    dry_run: bool,
) -> Answer[RemovalReport]:
    """Find what is to be deleted, ask, and delete it while no deployment runs."""
    done: list[RemovalReport] = []

    def action(opened: Session, sink: Sink) -> RemovalReport:
        shown = find(opened, sink)
        if dry_run or not shown.things:
            return RemovalReport(things=shown.things)
        _confirm(shown.things, callbacks, sink)
        with _holding_leases(opened, shown.targets, callbacks, sink) as cloud:
            found = find(
                opened, sink
            )  # a deployment that ended meanwhile may have changed the list
            if set(found.things) - set(shown.things):
                _confirm(found.things, callbacks, sink)
            removed = remove(cloud, found.things, callbacks.removing)
            done.append(RemovalReport(things=found.things, removed=removed))
            _report_left(removed, sink)
        return done[0]

    answer = with_session(workspace, action)
    # Return the report even if releasing the lease failed.
    return Answer(diagnostics=answer.diagnostics, value=done[0]) if done else answer


def _confirm(things: tuple[Thing, ...], callbacks: RemovalCallbacks, sink: Sink) -> None:
    if not callbacks.confirm(things):
        shown = ", ".join(map(str, things))
        message = f"deleting this needs a confirmation: {shown}"
        help = "look at what `--dry-run` prints, then type the command with `--yes`"
        raise give_up(rules.NOT_CONFIRMED, message, help, sink)


@contextmanager
def _holding_leases(
    opened: Session, targets: tuple[Target, ...], callbacks: RemovalCallbacks, sink: Sink
) -> Generator[Cloud]:
    """Hold the leases, and yield a client that may make changes while they are held."""
    cloud: Cloud = opened.cloud
    with ExitStack() as stack:
        for target in sorted(targets):
            try:
                cloud = stack.enter_context(
                    held(
                        cloud,
                        target,
                        patience=_LEASE_TIMEOUT,
                        waiting=lambda lease: callbacks.wait(str(lease)),
                    )
                )
            except Busy as busy:
                message = f"a deployment of {target} is running: {busy}"
                help = "wait for it, and type the command again"
                raise give_up(rules.DEPLOYMENT_RUNS, message, help, sink) from busy
        yield cloud


def _report_left(removed: Removed, sink: Sink) -> None:
    if not removed.left:
        return
    count = len(removed.left)
    sink.report(
        rules.NOT_REMOVED,
        HERE,
        f"{count} of {count + len(removed.deleted)} could not be deleted",
        notes=tuple(f"{left.thing}: {left.reason}" for left in removed.left),
        help=("type the command again: it deletes what is left",),
    )
