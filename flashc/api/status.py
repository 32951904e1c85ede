"""Report the state of an environment's endpoints, once or repeatedly."""

from __future__ import annotations

import time
from collections.abc import Callable

from flashc.project.workspace import Workspace
from flashc_backends.deploy.status import Status, read_status
from flashc_core.diagnostics import Sink

from .asking import Answer, find_place, with_session
from .cloud import Session

_PAUSE = 2.0  # seconds between polls


def environment_status(workspace: Workspace, environment: str | None) -> Answer[Status]:
    """Return the state of an environment of the project's app; None selects the only environment."""

    def action(opened: Session, sink: Sink) -> Status:
        return _status(opened, workspace, environment, sink)

    return with_session(workspace, action)


def watch_status(
    workspace: Workspace, environment: str | None, show: Callable[[Status], None]
) -> Answer[Status]:
    """Poll the state of an environment and call `show` with it, until an error or an exception."""

    def action(opened: Session, sink: Sink) -> Status:
        while True:
            show(_status(opened, workspace, environment, sink))
            time.sleep(_PAUSE)

    return with_session(workspace, action)


def _status(opened: Session, workspace: Workspace, environment: str | None, sink: Sink) -> Status:
    place = find_place(opened, workspace, environment, sink)
    return read_status(opened.cloud, place.app, place.environment)
