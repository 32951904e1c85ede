"""`flashc rollback`: let an environment run an earlier build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flashc.project.workspace import open_workspace

from .common import building_options, project_argument
from .deploying import environment_option, prune_option, wait_option, yes_option
from .preview import format_option
from .progress import show_progress


@click.command("rollback")
@project_argument
@environment_option
@click.option("--to", "build", metavar="BUILD", help="The build.  [default: the one before]")
@prune_option
@yes_option
@wait_option
@building_options
@format_option
def command(
    project: Path,
    *,
    environment: str | None,
    build: str | None,
    prune: tuple[str, ...],
    yes: bool,
    seconds: float,
    output_format: str,
    **flags: Any,
) -> None:
    """Let the app in PROJECT run an earlier build."""
    from flashc.api.deploy import roll_back
    from flashc.api.deploying import DeployOptions

    from .deploying import Terminal, finish, interruptible

    workspace = open_workspace(project, flags)
    options = DeployOptions(environment=environment, prune=frozenset(prune), seconds=seconds)
    is_text = output_format == "text"
    with interruptible(), show_progress(is_text) as progress:
        audience = Terminal(quiet=not is_text, yes=yes)
        result = roll_back(workspace, build, options, audience, progress=progress)
    finish(result, workspace, output_format)
