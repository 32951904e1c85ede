"""`flashc logs`: print what the workers of an environment print."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flashc.project.workspace import open_settings

from .common import place_option
from .operating import app_option, finish, one_environment_option, output_option

if TYPE_CHECKING:
    from flashc_backends.deploy.logs import WorkerLine

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _since(_context: click.Context, _option: click.Parameter, given: str | None) -> datetime | None:
    """Return a time that is given as such, or as how long ago it was."""
    if given is None:
        return None
    ago = re.fullmatch(r"(\d{1,9})([smhd])", given)
    try:
        if ago is not None:
            return datetime.now(UTC) - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
        return datetime.fromisoformat(given).astimezone()
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(
            f"{given!r} is neither like 90s, 10m, 2h, 1d nor like 2026-01-31T12:00"
        ) from error


@click.command("logs")
@click.argument("endpoints", nargs=-1, metavar="[ENDPOINT]...")
@one_environment_option
@click.option(
    "--follow", "-f", is_flag=True, help="Print new lines too, also of new workers, until Ctrl+C."
)
@click.option(
    "--since",
    metavar="TIME",
    callback=_since,
    help="Only lines that are not older: 90s, 10m, 2h, 1d, or a time such as 2026-01-31T12:00.",
)
@place_option
@app_option
@output_option
def command(
    endpoints: tuple[str, ...],
    *,
    environment: str | None,
    follow: bool,
    since: datetime | None,
    project: Path,
    app: str | None,
    output_format: str,
) -> None:
    """Print what workers print, of all endpoints or of some.

    With `--format json`, each line is one object.
    """
    from flashc.api.logs import LogOptions, worker_lines
    from flashc.report.operations import as_json_line, log_text

    def show(line: WorkerLine) -> None:
        click.echo(log_text(line) if output_format == "text" else as_json_line(line), nl=False)

    workspace = open_settings(project, {"app": app})
    options = LogOptions(environment=environment, endpoints=endpoints, since=since, follow=follow)
    try:
        finish(worker_lines(workspace, options, show), workspace, "text", _end)
    except KeyboardInterrupt:
        if not follow:  # else this is how it ends
            raise


def _end(workers: int) -> str:
    """Say that there were no lines, if there were none; else return no text, because they are printed."""
    if not workers:
        click.echo("no lines: no worker runs, or none has printed anything in this time", err=True)
    return ""
