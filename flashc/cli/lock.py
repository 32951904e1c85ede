"""`flashc lock`: write `flash.lock`, the exact packages that builds install."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flashc.api.lock import lock_project
from flashc.project.workspace import open_workspace
from flashc_core.files import LOCK_FILE

from .common import building_options, exit_for, format_option, print_findings, project_argument
from .progress import show_progress


@click.command("lock")
@project_argument
@click.option("--upgrade", is_flag=True, help="Use the newest versions instead of the locked ones.")
@building_options
@format_option
def command(project: Path, upgrade: bool, output_format: str, **flags: Any) -> None:
    """Lock the exact packages of the app in PROJECT, with hashes.

    The result is the file flash.lock, from which builds install.
    """
    workspace = open_workspace(project, flags)
    with show_progress(output_format == "text") as progress:
        result = lock_project(workspace, upgrade=upgrade, progress=progress)
    print_findings(result.diagnostics, workspace, output_format)
    lock = result.lock
    if lock is not None and output_format == "text":
        click.echo(f"{LOCK_FILE}: {len(lock.entries)} packages for Python {lock.python_version}")
    exit_for(result.diagnostics)
