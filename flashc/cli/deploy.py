"""`flashc deploy`: for now only `--preview`, the same as `flashc preview`."""

from __future__ import annotations

from typing import Any

import click

from .common import building_options, project_argument
from .preview import format_option, preview_options, run


@click.command("deploy")
@project_argument
@click.option("--preview", is_flag=True, help="Deploy to this machine; see `flashc preview`.")
@preview_options
@building_options
@format_option
def command(*, preview: bool, **given: Any) -> None:
    """Deploy the app in PROJECT to this machine, with --preview."""
    if not preview:
        raise click.UsageError(
            "flashc deploys to this machine only: pass --preview; "
            "`flash deploy` of runpod-flash deploys to the cloud"
        )
    run(**given)
