"""List and create the apps and environments of an account."""

from __future__ import annotations

from flashc.project.workspace import Workspace
from flashc_backends.cloud.model import App, Environment
from flashc_backends.deploy.creating import create_once
from flashc_backends.deploy.status import EnvironmentView, read_environment
from flashc_core import rules
from flashc_core.diagnostics import Sink

from .asking import Answer, environment_of, find_app, give_up, named_app, with_session
from .cloud import Session
from .deploy import app_name


def list_apps(workspace: Workspace) -> Answer[tuple[App, ...]]:
    """Return all apps of the account, by name."""

    def action(opened: Session, _sink: Sink) -> tuple[App, ...]:
        return tuple(sorted(opened.cloud.apps(), key=lambda app: app.name))

    return with_session(workspace, action)


def get_app(workspace: Workspace, name: str) -> Answer[App]:
    """Return the app with a name."""
    return with_session(workspace, lambda opened, sink: named_app(opened, name, sink))


def create_app(workspace: Workspace, name: str) -> Answer[App]:
    """Create an app; report it if there is one with this name."""

    def action(opened: Session, sink: Sink) -> App:
        if opened.cloud.app(name) is not None:
            help = "choose another name"
            raise give_up(rules.NAME_TAKEN, f"an app `{name}` exists", help, sink)
        return _created_app(opened, name)

    return with_session(workspace, action)


def list_environments(workspace: Workspace) -> Answer[App]:
    """Return the project's app with its environments."""
    return with_session(workspace, lambda opened, sink: find_app(opened, workspace, sink))


def get_environment(workspace: Workspace, name: str) -> Answer[EnvironmentView]:
    """Return an environment of the project's app, with its endpoints."""

    def action(opened: Session, sink: Sink) -> EnvironmentView:
        app = find_app(opened, workspace, sink)
        return read_environment(opened.cloud, app, environment_of(app, name, sink))

    return with_session(workspace, action)


def create_environment(workspace: Workspace, name: str) -> Answer[App]:
    """Create an environment of the project's app, and the app if it does not exist.

    An environment with this name that exists already is reported.
    """

    def action(opened: Session, sink: Sink) -> App:
        wanted = app_name(workspace)
        app = opened.cloud.app(wanted) or _created_app(opened, wanted)
        if app.environment(name) is not None:
            message = f"the app `{app.name}` has an environment `{name}`"
            raise give_up(rules.NAME_TAKEN, message, "choose another name", sink)

        def found() -> Environment | None:
            again = opened.cloud.app(wanted)
            return again.environment(name) if again is not None else None

        create_once(lambda: opened.cloud.create_environment(app.id, name), found)
        return named_app(opened, wanted, sink)

    return with_session(workspace, action)


def _created_app(opened: Session, name: str) -> App:
    return create_once(lambda: opened.cloud.create_app(name), lambda: opened.cloud.app(name))
