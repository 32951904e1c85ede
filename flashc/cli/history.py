"""`flashc history`: list the builds of an app."""

from __future__ import annotations

from pathlib import Path

import click

from flashc.project.workspace import open_settings

from .common import exit_for, print_findings, project_argument
from .operating import app_option, output_option


@click.command("history")
@project_argument
@app_option
@output_option
def command(project: Path, *, app: str | None, output_format: str) -> None:
    """List the builds of the app in PROJECT, the newest first."""
    from flashc.api.deploy import list_builds
    from flashc.report.deployment import history_text
    from flashc.report.operations import as_json

    workspace = open_settings(project, {"app": app})
    result = list_builds(workspace)
    print_findings(result.diagnostics, workspace, "text")
    if not result.has_errors and output_format == "json":
        document = {"builds": result.builds, "environments": result.environments}
        click.echo(as_json(document), nl=False)
    elif not result.has_errors:
        click.echo(history_text(result.builds, result.environments), nl=False)
    exit_for(result.diagnostics)
