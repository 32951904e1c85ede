"""`flashc history`: list the builds of an app."""

from __future__ import annotations

from pathlib import Path

import click

from flashc.project.workspace import open_workspace

from .common import exit_for, print_findings, project_argument


@click.command("history")
@project_argument
@click.option("--app", help="The app's name.  [default: the folder's name]")
def command(project: Path, *, app: str | None) -> None:
    """List the builds of the app in PROJECT, the newest first."""
    from flashc.api.deploy import list_builds
    from flashc.report.deployment import history_text

    workspace = open_workspace(project, {"app": app})
    result = list_builds(workspace)
    print_findings(result.diagnostics, workspace, "text")
    if not result.has_errors:
        click.echo(history_text(result.builds, result.environments), nl=False)
    exit_for(result.diagnostics)
