"""`flashc undeploy`: delete endpoints of an environment."""

from __future__ import annotations

from pathlib import Path

import click

from flashc.project.workspace import open_settings

from .common import place_option
from .operating import (
    Asker,
    app_option,
    finish,
    one_environment_option,
    output_option,
    removing_options,
)


@click.command("undeploy")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "all_", is_flag=True, help="Delete all endpoints of the environment.")
@one_environment_option
@place_option
@app_option
@removing_options
@output_option
def command(
    names: tuple[str, ...],
    *,
    all_: bool,
    environment: str | None,
    project: Path,
    app: str | None,
    yes: bool,
    dry_run: bool,
    output_format: str,
) -> None:
    """Delete endpoints, given by their names or ids.

    The environment, its builds and its secrets stay; `flashc env delete` deletes them.
    """
    if all_ == bool(names):
        raise click.UsageError("name endpoints, or use `--all` for all of the environment")
    from flashc.api.removal import undeploy
    from flashc.report.operations import removal_text

    workspace = open_settings(project, {"app": app})
    asker = Asker(quiet=output_format != "text", yes=yes)
    answer = undeploy(workspace, names, environment, asker, dry_run=dry_run)
    finish(answer, workspace, output_format, removal_text)
