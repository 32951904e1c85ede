"""`flashc logout`: remove the API key."""

from __future__ import annotations

from pathlib import Path

import click

from flashc.project.workspace import open_settings

from .common import place_option
from .operating import finish, output_option


@click.command("logout")
@place_option
@output_option
def command(project: Path, output_format: str) -> None:
    """Remove the API key from ~/.runpod/config.toml, for all tools."""
    from flashc.api.login import log_out
    from flashc.report.operations import logged_out_text

    workspace = open_settings(project)
    finish(log_out(workspace), workspace, output_format, logged_out_text)
