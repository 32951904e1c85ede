"""`flashc secret`: list, set and delete the secrets of an account."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click

from flashc.project.workspace import open_settings

from .common import place_option
from .operating import finish, output_option


@click.group("secret")
def command() -> None:
    """List, set and delete the secrets of your account."""


@command.command("list")
@click.option("--all", "every", is_flag=True, help="Also those that deployments have made.")
@place_option
@output_option
def list_(*, every: bool, project: Path, output_format: str) -> None:
    """List the names of secrets; no program can read their values."""
    from flashc.api.account_secrets import list_secrets
    from flashc.report.operations import secrets_text

    workspace = open_settings(project)
    finish(list_secrets(workspace, every=every), workspace, output_format, secrets_text)


@command.command("set")
@click.argument("name")
@click.option(
    "--from-file",
    "file",
    type=click.File("rb"),
    help="Read the value from a file, `-` is standard input.  [default: ask, or standard input]",
)
@place_option
@output_option
def set_(name: str, file: BinaryIO | None, project: Path, output_format: str) -> None:
    """Create the secret NAME, or give it another value.

    The value is never an argument, because other programs can read arguments.  One newline at its
    end is left out.
    """
    from flashc.api.account_secrets import set_secret
    from flashc.report.operations import secret_set_text

    value = _value(name, file)
    workspace = open_settings(project)
    finish(set_secret(workspace, name, value), workspace, output_format, secret_set_text)


@command.command("delete")
@click.argument("name")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@place_option
@output_option
def delete(name: str, *, yes: bool, project: Path, output_format: str) -> None:
    """Delete the secret NAME."""
    from flashc.api.account_secrets import delete_secret

    workspace = open_settings(project)
    answer = delete_secret(workspace, name, lambda: yes or _asked(name, output_format))
    finish(answer, workspace, output_format, lambda secret: f"deleted {secret.name}\n")


def _asked(name: str, output_format: str) -> bool:
    """Ask on the terminal; without one, the answer is no."""
    if output_format != "text" or not sys.stdin.isatty():
        return False
    return click.confirm(f"delete the secret {name}?", err=True)


def _value(name: str, file: BinaryIO | None) -> str:
    """Return the value of a secret, from a file, from the terminal or from standard input.

    Raises:
        click.UsageError: the value is empty or not UTF-8.
    """
    if file is None and sys.stdin.isatty():
        value: str = click.prompt(f"value of {name}", hide_input=True, err=True)
    else:
        stream: BinaryIO = sys.stdin.buffer if file is None else file
        try:
            value = stream.read().decode("utf-8")
        except UnicodeDecodeError as error:
            raise click.UsageError("the value is not UTF-8") from error
        value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise click.UsageError("the value is empty")
    return value
