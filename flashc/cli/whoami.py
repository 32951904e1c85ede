"""`flashc whoami`: show whose API key is used."""

from __future__ import annotations

from pathlib import Path

import click

from flashc.project.workspace import open_settings

from .common import place_option
from .operating import finish, output_option


@click.command("whoami")
@place_option
@output_option
def command(project: Path, output_format: str) -> None:
    """Show the account of the API key, and where the key is from."""
    from flashc.api.login import who_am_i
    from flashc.report.operations import account_text

    workspace = open_settings(project)
    finish(who_am_i(workspace), workspace, output_format, account_text)
