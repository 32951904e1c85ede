"""`flashc run`: run a script or a command that calls the endpoints of an app."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import click

from .operating import check_not_empty
from .platform import exit_without_platform, state_option


@click.command(
    "run",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option(
    "--env",
    "-e",
    "environment",
    metavar="NAME",
    callback=check_not_empty,
    help="Call the app's environment NAME.  [default: FLASH_ENV, else production]",
)
@click.option(
    "--app",
    "-a",
    metavar="NAME",
    callback=check_not_empty,
    help="The app.  [default: that of the script's project]",
)
@click.option(
    "--local",
    is_flag=True,
    help="Use the preview of the project, else the platform that `flashc platform` runs.  "
    "This is the default for commands without `--env`.",
)
@state_option
@click.argument(
    "words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="SCRIPT|COMMAND..."
)
def command(
    environment: str | None,
    app: str | None,
    local: bool,
    state: Path | None,
    words: tuple[str, ...],
) -> None:
    """Run a script or a command that calls an app's endpoints.

    A SCRIPT (FILE.py) runs with flashc's Python, and calls what is deployed.  It may import
    `runpod_flash`; flashc takes its place if it is not installed.  A COMMAND, such as `flash deploy`,
    uses the platform of this machine unless `--env` is given.
    """
    from flashc.api.scripts import Choices, NoPlatform, command_of, is_script, variables_for

    script = Path(words[0]).resolve() if is_script(words[0]) else None
    if script is not None and not script.is_file():
        raise click.UsageError(f"there is no script `{words[0]}`")
    is_local = local or (script is None and environment is None)
    choices = Choices(app=app, environment=environment, local=is_local, state=state)
    try:
        variables = variables_for(script, choices)
    except NoPlatform:
        exit_without_platform()
    _become(command_of(words), {**os.environ, **variables})


def _become(words: tuple[str, ...], environ: dict[str, str]) -> NoReturn:
    """Become another program: its output, its exit code and the signals are its own."""
    try:
        os.execvpe(words[0], words, environ)
    except OSError as error:
        raise click.ClickException(f"{words[0]} can't be run: {error.strerror}") from error
