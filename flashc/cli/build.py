"""`flashc build`: build the artifact and its manifest, and print a summary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flashc.api.build import build_project
from flashc.project.workspace import open_workspace
from flashc_core.processes import Prefork

from .common import building_options, exit_for, format_option, print_findings, project_argument
from .progress import show_progress


@click.command("build")
@project_argument
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="Where to write the artifact: a folder, or a name that ends in .tar.gz.  [default: .flash]",
)
@click.option("--keep-build", is_flag=True, default=None, help="Also keep the unpacked artifact.")
@click.option(
    "--per-endpoint",
    is_flag=True,
    default=None,
    help="Also write one artifact per endpoint, with only the packages that it needs.",
)
@building_options
@format_option
@click.pass_obj
def command(prefork: Prefork | None, /, project: Path, output_format: str, **flags: Any) -> None:
    """Build the app in PROJECT, without running any of its code."""
    workspace = open_workspace(project, flags, prefork=prefork)
    with show_progress(output_format == "text", "compiling") as progress:
        result = build_project(workspace, progress=progress)
    print_findings(result.diagnostics, workspace, output_format)
    if result.artifact is not None and result.manifest is not None and output_format == "text":
        click.echo("\n".join(result.summary))
        click.echo(f"\n{_shown_path(result.artifact)}\n{_shown_path(result.manifest)}")
        if workspace.options.per_endpoint:
            from flashc_backends.artifact.artifact import ENDPOINTS

            click.echo(f"{_shown_path(result.artifact.parent / ENDPOINTS)}/")
    exit_for(result.diagnostics)


def _shown_path(path: Path) -> str:
    """Return a path for the output: relative to the working directory, if the path is below that directory."""
    here = Path.cwd()
    return str(path.relative_to(here)) if here in path.parents else str(path)
