"""`flashc login`: get an API key by a page in the browser."""

from __future__ import annotations

from pathlib import Path

import click

from flashc.project.workspace import open_settings

from .common import place_option
from .operating import finish, output_option


@click.command("login")
@click.option("--no-open", is_flag=True, help="Only print the link; do not open a browser.")
@click.option(
    "--timeout",
    "seconds",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    help="How many seconds to wait for the approval.",
)
@place_option
@output_option
def command(*, no_open: bool, seconds: float, project: Path, output_format: str) -> None:
    """Get an API key in the browser, and keep it for all tools.

    The key is written to ~/.runpod/config.toml, which only you can read.  Other keys in the file
    stay as they are.
    """
    from flashc.api.login import log_in
    from flashc.report.operations import logged_in_text

    def show(page: str) -> None:
        click.echo(f"approve the login in your browser: {page}", err=True)
        if not no_open:
            click.launch(page)

    workspace = open_settings(project)
    finish(log_in(workspace, show, seconds=seconds), workspace, output_format, logged_in_text)
