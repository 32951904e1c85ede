"""`flashc run`: run one command with the variables that make it use the local platform."""

from __future__ import annotations

import os
from pathlib import Path

import click

from .platform import require_platform, state_option


@click.command("run", context_settings={"ignore_unknown_options": True})
@state_option
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
def command(state: Path | None, words: tuple[str, ...]) -> None:
    """Run COMMAND against the platform that `flashc platform` started.

    Type: flashc run -- flash deploy
    """
    from flashc_backends.platform.clients import command_environment

    environ = command_environment(require_platform(state))
    try:
        os.execvpe(words[0], words, environ)
    except OSError as error:
        raise click.ClickException(f"{words[0]} can't be run: {error.strerror}") from error
