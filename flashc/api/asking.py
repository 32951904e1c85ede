"""Ask the platform about the app of a project: open a session, and find the app and its environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from flashc.project.workspace import Workspace
from flashc_backends.cloud.model import App, Endpoint, Environment
from flashc_backends.deploy.variables import Target
from flashc_core import rules
from flashc_core.diagnostics import Rule, Severity, Sink
from flashc_core.source import WholeFile

from .cloud import NoSession, Session, session
from .deploy import app_name
from .result import Result

_T = TypeVar("_T")
HERE = WholeFile(".")


class Answer(Result, Generic[_T], frozen=True, kw_only=True):
    """What a function of this package found or did; `value` is None if an error ended it."""

    value: _T | None = None


class Place:
    """An environment of an app on the platform."""

    def __init__(self, app: App, environment: Environment) -> None:
        self.app = app
        self.environment = environment

    @property
    def target(self) -> Target:
        """The names of the app and of the environment."""
        return Target(self.app.name, self.environment.name)


def with_session(
    workspace: Workspace,
    action: Callable[[Session, Sink], _T],
    environ: Mapping[str, str] | None = None,
) -> Answer[_T]:
    """Call a function with a session; failures of the platform are in the result.

    If the project's configuration has errors, nothing is sent: another app could be meant.

    Args:
        workspace: the project.
        action: asks the platform; it may report findings, and raises `NoSession` to end.
        environ: the variables with the key and the addresses; None for those of the project.
    """
    sink = workspace.sink()
    if any(found.severity is Severity.ERROR for found in sink):
        return Answer(diagnostics=tuple(sink))
    try:
        with session(workspace.environment if environ is None else environ, sink) as opened:
            value = action(opened, sink)
    except NoSession:
        return Answer(diagnostics=tuple(sink))
    return Answer(diagnostics=tuple(sink), value=value)


def give_up(rule: Rule, message: str, help: str, sink: Sink) -> NoSession:
    """Report why an action can't go on; return the exception that ends it."""
    sink.report(rule, HERE, message, help=(help,))
    return NoSession()


def find_app(opened: Session, workspace: Workspace, sink: Sink) -> App:
    """Return the project's app.

    Raises:
        NoSession: the platform has no such app, which is reported.
    """
    return named_app(opened, app_name(workspace), sink)


def named_app(opened: Session, name: str, sink: Sink) -> App:
    """Return the app with a name.

    Raises:
        NoSession: the platform has no such app, which is reported.
    """
    app = opened.cloud.app(name)
    if app is None:
        help = "`flashc app list` lists the apps; `--app NAME` names another one"
        raise give_up(rules.NOT_DEPLOYED, f"the platform has no app `{name}`", help, sink)
    return app


def find_place(opened: Session, workspace: Workspace, name: str | None, sink: Sink) -> Place:
    """Return an environment of the project's app; without a name, the only one that the app has.

    Raises:
        NoSession: there is no such app or environment, or it is not clear which one; this is reported.
    """
    app = find_app(opened, workspace, sink)
    return Place(app, environment_of(app, name, sink))


def environment_of(app: App, name: str | None, sink: Sink) -> Environment:
    """Return an environment of an app; without a name, the only one that it has.

    Raises:
        NoSession: there is no such environment, or it is not clear which one; this is reported.
    """
    found = app.environment(name) if name is not None else None
    if name is None and len(app.environments) == 1:
        found = app.environments[0]
    if found is not None:
        return found
    names = sorted(environment.name for environment in app.environments)
    has = f"its environments: {', '.join(names)}" if names else "it has no environments"
    if name is not None:
        message = f"the app `{app.name}` has no environment `{name}`"
    elif names:
        message = f"the app `{app.name}` has {len(names)} environments"
    else:
        message = f"the app `{app.name}` has no environments"
    help = f"name one of them, such as `{names[0]}`" if names else "`flashc deploy` creates one"
    sink.report(rules.WHICH_ENVIRONMENT, HERE, message, notes=(has,) if names else (), help=(help,))
    raise NoSession


def named_endpoints(
    endpoints: tuple[Endpoint, ...], names: tuple[str, ...], target: Target, sink: Sink
) -> tuple[Endpoint, ...]:
    """Return the endpoints of an environment that are named, by their name or id; all if none is named.

    Raises:
        NoSession: a name is not that of an endpoint, which is reported.
    """
    unknown = [
        name for name in names if not any(name in (found.name, found.id) for found in endpoints)
    ]
    for name in unknown:
        known = ", ".join(found.name for found in endpoints) or "none"
        sink.report(
            rules.NOT_DEPLOYED,
            HERE,
            f"{target} has no endpoint `{name}`",
            notes=(f"its endpoints: {known}",),
            help=("correct the name, or choose another environment with `--env`",),
        )
    if unknown:
        raise NoSession
    if not names:
        return endpoints
    return tuple(found for found in endpoints if found.name in names or found.id in names)
