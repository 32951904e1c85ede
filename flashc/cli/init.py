"""`flashc init`: start a new project."""

from __future__ import annotations

from pathlib import Path

import click

from .common import exit_for, print_diagnostics
from .operating import output_option


@click.command("init")
@click.argument("folder", metavar="[NAME]", default=".", type=click.Path(path_type=Path))
@click.option("--force", "-f", is_flag=True, help="Replace files that exist.")
@output_option
def command(folder: Path, *, force: bool, output_format: str) -> None:
    """Start a project in the folder NAME, with a test and AGENTS.md.

    Without NAME, the project is in the current folder.
    """
    from flashc.api.init import start_project
    from flashc.report.operations import as_json, new_project_text

    result = start_project(folder, force=force)
    print_diagnostics(result.diagnostics, result.folder, lambda _path: None, "text")
    if not result.has_errors:
        document = {"folder": str(result.folder), "files": result.files}
        shown = as_json(document).decode() if output_format == "json" else ""
        click.echo(shown or new_project_text(folder, result.files), nl=False)
    exit_for(result.diagnostics)
