"""Pass on what the workers of an environment print."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from flashc.project.workspace import Workspace
from flashc_backends.deploy.logs import LogReader, WorkerLine
from flashc_core.diagnostics import Sink

from .asking import Answer, find_place, named_endpoints, with_session
from .cloud import Session


class LogOptions(Struct, frozen=True, kw_only=True):
    """Which lines are wanted.

    Attributes:
        environment: the environment; None for the only one.
        endpoints: names or ids of endpoints; () for all.
        since: only lines from this time on, None for all.
        follow: wait for more lines.
    """

    environment: str | None = None
    endpoints: tuple[str, ...] = ()
    since: datetime | None = None
    follow: bool = False


def worker_lines(
    workspace: Workspace, options: LogOptions, show: Callable[[WorkerLine], None]
) -> Answer[int]:
    """Pass on the lines of the workers of an environment; return how many workers had some.

    With `options.follow`, this ends only by an exception, such as `KeyboardInterrupt`.

    Args:
        workspace: the project, for the name of the app.
        options: which lines are wanted.
        show: gets each line.
    """

    def action(opened: Session, sink: Sink) -> int:
        place = find_place(opened, workspace, options.environment, sink)
        endpoints = named_endpoints(
            opened.cloud.endpoints(place.environment.id), options.endpoints, place.target, sink
        )
        reader = LogReader(opened.cloud, endpoints, options.since)
        if options.follow:
            reader.follow(show)
        return reader.read(show)

    return with_session(workspace, action)
