"""`flashc status`: show the workers, releases and jobs of an environment."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flashc.project.workspace import open_settings

from .common import project_argument
from .operating import app_option, finish, one_environment_option, output_option

if TYPE_CHECKING:
    from flashc_backends.deploy.status import Status

_CLEAR = "\x1b[H\x1b[J"


@click.command("status")
@project_argument
@one_environment_option
@click.option("--watch", is_flag=True, help="Show it again when it changes, until Ctrl+C.")
@app_option
@output_option
def command(
    *, environment: str | None, watch: bool, project: Path, app: str | None, output_format: str
) -> None:
    """Show workers, releases, queues and errors of the app in PROJECT."""
    from flashc.api.status import environment_status, watch_status
    from flashc.report.operations import status_text

    workspace = open_settings(project, {"app": app})
    if not watch:
        answer = environment_status(workspace, environment)
        finish(answer, workspace, output_format, status_text)
    screen = _Screen(output_format)
    try:
        finish(
            watch_status(workspace, environment, screen.show), workspace, output_format, status_text
        )
    except KeyboardInterrupt:  # how a watch ends
        return


class _Screen:
    """Shows a state if it differs from the one before: on a terminal in its place, else below it."""

    def __init__(self, output_format: str) -> None:
        self._is_text = output_format == "text"
        self._before: Status | None = None

    def show(self, status: Status) -> None:
        """Show a state."""
        from flashc.report.operations import as_json_line, status_text

        if status == self._before:
            return
        self._before = status
        if not self._is_text:
            click.echo(as_json_line(status), nl=False)
            return
        clear = _CLEAR if sys.stdout.isatty() else ""
        click.echo(f"{clear}{status_text(status)}", nl=False)
