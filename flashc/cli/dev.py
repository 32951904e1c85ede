"""`flashc dev`: run the app on this machine, and replace the workers that an edit concerns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flashc.project.workspace import open_workspace

from .common import building_options, exit_for, otlp_option, print_findings, project_argument
from .faults import faults_option, read_faults_option
from .output import open_output
from .preview import format_option
from .progress import show_progress


@click.command("dev")
@project_argument
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    envvar="FLASH_PORT",
    show_envvar=True,
    help="The platform's port.  [default: a free one]",
)
@faults_option
@otlp_option
@building_options
@format_option
def command(
    project: Path,
    port: int,
    faults: Path | None,
    otlp: str | None,
    output_format: str,
    **given: Any,
) -> None:
    """Run the app in a project while you edit it.

    The app in PROJECT runs on this machine until Ctrl+C.  When you save a file, flashc compiles the project and replaces
    only the workers that import the file or may open it.  The old code answers the requests that these workers have.  If the
    project has errors, nothing is replaced.
    """
    from flashc.api.dev import run_dev
    from flashc_backends.preview.preview import Settings

    from .dev_screen import JsonDevScreen, TextDevScreen
    from .preview_screen import missing_event, missing_text, phases_of

    asked = read_faults_option(faults)
    workspace = open_workspace(project, given)
    is_text = output_format == "text"
    with (
        show_progress(is_text, "compiling") as progress,
        open_output(missing_text if is_text else missing_event) as echo,
    ):
        screen = TextDevScreen(phases_of(progress), echo) if is_text else JsonDevScreen(echo)
        settings = Settings(
            engine="process",
            port=port,
            otlp=otlp,
            environ=dict(workspace.environment),
            faults=asked,
        )
        ended = run_dev(workspace, settings, screen, progress=progress)
    print_findings(ended.diagnostics, workspace, "text")
    if not ended.has_errors and is_text:
        click.echo("stopped; nothing of the session is left", err=True)
    exit_for(ended.diagnostics)
