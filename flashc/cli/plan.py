"""`flashc plan`: show what a deployment would change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flashc.api.build import FOLDER
from flashc.project.workspace import open_workspace
from flashc_core.files import replacing

from .common import building_options, exit_for, print_findings, project_argument
from .deploying import environment_option, prune_option
from .progress import show_progress


@click.command("plan")
@project_argument
@environment_option
@prune_option
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the plan to a file, for `flashc deploy --plan FILE`.",
)
@building_options
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="How the plan is printed.",
)
def command(
    project: Path,
    *,
    environment: str | None,
    prune: tuple[str, ...],
    output: Path | None,
    output_format: str,
    **flags: Any,
) -> None:
    """Show what `flashc deploy` would change."""
    from flashc.api.deploy import plan_project
    from flashc.api.deploying import DeployOptions
    from flashc.report.deployment import plan_markdown, plan_text

    workspace = open_workspace(project, flags)
    if output is not None and _is_of_app(output.absolute(), workspace.root):
        raise click.UsageError(
            f"{output} would be a file of the app, and change it: write to .flash/plan.json"
        )
    options = DeployOptions(environment=environment, prune=frozenset(prune))
    with show_progress(output_format == "text", "compiling") as progress:
        result = plan_project(workspace, options, progress=progress)
    print_findings(result.diagnostics, workspace, "text")
    plan = result.plan
    if plan is not None:
        match output_format:
            case "json":
                click.echo(plan.to_json(), nl=False)
            case "markdown":
                click.echo(plan_markdown(plan), nl=False)
            case _:
                click.echo(plan_text(plan), nl=False)
        if output is not None:
            _write(output, plan.to_json())
    exit_for(result.diagnostics)


def _is_of_app(file: Path, root: Path) -> bool:
    """Return whether a file would be a part of the artifact."""
    return root in file.parents and root / FOLDER not in file.parents


def _write(file: Path, content: bytes) -> None:
    try:
        with replacing(file) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"{file} can't be written: {error.strerror}") from error
