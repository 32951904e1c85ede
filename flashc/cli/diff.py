"""`flashc diff`: show which changes since an earlier build break calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flashc.project.workspace import open_workspace
from flashc_core.processes import Prefork

from .common import below_repository, compiling_options, exit_for, print_findings, project_argument

_BREAKS = 1  # the exit code if a change breaks calls


@click.command("diff")
@click.argument("old")
@project_argument
@compiling_options
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="How the changes are printed.",
)
@click.pass_obj
def command(
    prefork: Prefork | None,
    /,
    *,
    old: str,
    project: Path,
    output_format: str,
    **flags: Any,
) -> None:
    """Show which changes since OLD break calls of clients.

    OLD is a manifest, an artifact, the folder of a project, a git revision, or `env:NAME` for what the
    environment NAME runs.  The exit code is 1 if a change breaks calls.
    """
    from flashc.api.diff import diff_project
    from flashc.api.earlier import earlier_of
    from flashc.report.contracts import diff_github, diff_json, diff_text

    workspace = open_workspace(project, flags, prefork=prefork)
    result = diff_project(workspace, earlier_of(old))
    print_findings(result.diagnostics, workspace, "text")
    if result.changes is None:
        exit_for(result.diagnostics)
    match output_format:
        case "json":
            click.echo(diff_json(result.changes), nl=False)
        case "github":
            click.echo(diff_github(result.changes, below_repository(workspace.root)), nl=False)
        case _:
            click.echo(diff_text(result.changes, old), nl=False)
    raise click.exceptions.Exit(_BREAKS if result.breaks else 0)
