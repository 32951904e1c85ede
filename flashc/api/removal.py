"""Delete endpoints, environments and apps from the platform, after a question."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from msgspec import Struct

from flashc.project.workspace import Workspace
from flashc_backends.cloud.model import App, Environment
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
    ask,
    environment_of,
    find_app,
    find_place,
    give_up,
    named_app,
    named_endpoints,
)
from .cloud import Session

_PATIENCE = 60.0  # seconds to wait for a deployment of the same environment


class Witness(Protocol):
    """Who watches a removal, and is asked before it."""

    def confirm(self, things: tuple[Thing, ...]) -> bool:
        """Return whether all these may be deleted."""
        ...

    def wait(self, holder: str) -> None:
        """Say that a deployment has to end first."""
        ...

    def removing(self, thing: Thing) -> None:
        """Say that something is being deleted."""
        ...


class Removal(Struct, frozen=True, kw_only=True):
    """What is to be deleted, in this order, and the environments that it belongs to."""

    things: tuple[Thing, ...]
    targets: tuple[Target, ...]


def undeploy(
    workspace: Workspace,
    names: tuple[str, ...],
    environment: str | None,
    witness: Witness,
    *,
    dry_run: bool = False,
) -> Answer[RemovalReport]:
    """Delete endpoints of an environment.

    Args:
        workspace: the project, for the name of the app.
        names: names or ids of endpoints; () for all of the environment.
        environment: the environment; None for the only one.
        witness: is asked before something is deleted.
        dry_run: only say what would be deleted.
    """

    def find(opened: Session, sink: Sink) -> Removal:
        place = find_place(opened, workspace, environment, sink)
        endpoints = opened.cloud.endpoints(place.environment.id)
        chosen = named_endpoints(endpoints, names, place.target, sink)
        return Removal(things=endpoints_to_remove(chosen), targets=(place.target,))

    return _removed(workspace, find, witness, dry_run=dry_run)


def delete_environment(
    workspace: Workspace, name: str, witness: Witness, *, dry_run: bool = False
) -> Answer[RemovalReport]:
    """Delete an environment of the project's app, with its endpoints and its secrets."""

    def find(opened: Session, sink: Sink) -> Removal:
        app = find_app(opened, workspace, sink)
        environment = environment_of(app, name, sink)
        return Removal(
            things=_parts(opened, app, environment), targets=(Target(app.name, environment.name),)
        )

    return _removed(workspace, find, witness, dry_run=dry_run)


def delete_app(
    workspace: Workspace, name: str, witness: Witness, *, dry_run: bool = False
) -> Answer[RemovalReport]:
    """Delete an app with its environments, their endpoints and their secrets."""

    def find(opened: Session, sink: Sink) -> Removal:
        app = named_app(opened, name, sink)
        parts = [thing for found in app.environments for thing in _parts(opened, app, found)]
        return Removal(
            things=app_to_remove(app, parts),
            targets=tuple(Target(app.name, found.name) for found in app.environments),
        )

    return _removed(workspace, find, witness, dry_run=dry_run)


def _parts(opened: Session, app: App, environment: Environment) -> tuple[Thing, ...]:
    """Return what is deleted with an environment."""
    return environment_to_remove(
        app.name,
        environment,
        opened.cloud.endpoints(environment.id),
        secrets_of(opened.cloud) or (),
    )


def _removed(
    workspace: Workspace,
    find: Callable[[Session, Sink], Removal],
    witness: Witness,
    *,
    dry_run: bool,
) -> Answer[RemovalReport]:
    """Find what is to be deleted, ask, and delete it while no deployment runs."""
    done: list[RemovalReport] = []

    def question(opened: Session, sink: Sink) -> RemovalReport:
        shown = find(opened, sink)
        if dry_run or not shown.things:
            return RemovalReport(things=shown.things)
        _confirm(shown.things, witness, sink)
        with _alone(opened, shown.targets, witness, sink):
            found = find(opened, sink)  # a deployment may just have ended
            if set(found.things) - set(shown.things):
                _confirm(found.things, witness, sink)
            removed = remove(opened.cloud, found.things, witness.removing)
            done.append(RemovalReport(things=found.things, removed=removed))
            _report_left(removed, sink)
        return done[0]

    answer = ask(workspace, question)
    # What was deleted is told, also if the lease could not be given back.
    return Answer(diagnostics=answer.diagnostics, value=done[0]) if done else answer


def _confirm(things: tuple[Thing, ...], witness: Witness, sink: Sink) -> None:
    if not witness.confirm(things):
        shown = ", ".join(map(str, things))
        message = f"deleting this needs a confirmation: {shown}"
        help = "look at what `--dry-run` prints, then type the command with `--yes`"
        raise give_up(rules.NOT_CONFIRMED, message, help, sink)


@contextmanager
def _alone(
    opened: Session, targets: tuple[Target, ...], witness: Witness, sink: Sink
) -> Generator[None]:
    """Hold the leases of environments."""
    with ExitStack() as stack:
        for target in sorted(targets):
            try:
                stack.enter_context(
                    held(
                        opened.cloud,
                        target,
                        patience=_PATIENCE,
                        waiting=lambda holder: witness.wait(str(holder or "another process")),
                    )
                )
            except Busy as busy:
                message = f"a deployment changes {target}: {busy}"
                help = "wait for it, and type the command again"
                raise give_up(rules.DEPLOYMENT_RUNS, message, help, sink) from busy
        yield


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
