"""`flashc env`: list, show, create and delete the environments of an app."""

from __future__ import annotations

from pathlib import Path

import click

from flashc.project.workspace import open_settings

from .common import place_option
from .operating import Asker, app_option, finish, output_option, removing_options

name_argument = click.argument("name")


@click.group("env")
def command() -> None:
    """List, show, create and delete the environments of an app."""


@command.command("list")
@place_option
@app_option
@output_option
def list_(project: Path, app: str | None, output_format: str) -> None:
    """List the environments of the app."""
    from flashc.api.apps import list_environments
    from flashc.report.operations import app_text

    workspace = open_settings(project, {"app": app})
    finish(list_environments(workspace), workspace, output_format, app_text)


@command.command("get")
@name_argument
@place_option
@app_option
@output_option
def get(name: str, project: Path, app: str | None, output_format: str) -> None:
    """Show the environment NAME with its endpoints."""
    from flashc.api.apps import get_environment
    from flashc.report.operations import environment_text

    workspace = open_settings(project, {"app": app})
    finish(get_environment(workspace, name), workspace, output_format, environment_text)


@command.command("create")
@name_argument
@place_option
@app_option
@output_option
def create(name: str, project: Path, app: str | None, output_format: str) -> None:
    """Create the environment NAME, and the app if it does not exist; `flashc deploy` does that too."""
    from flashc.api.apps import create_environment
    from flashc.report.operations import app_text

    workspace = open_settings(project, {"app": app})
    finish(create_environment(workspace, name), workspace, output_format, app_text)


@command.command("delete")
@name_argument
@place_option
@app_option
@removing_options
@output_option
def delete(
    name: str, project: Path, app: str | None, *, yes: bool, dry_run: bool, output_format: str
) -> None:
    """Delete the environment NAME: its endpoints, itself, then its secrets."""
    from flashc.api.removal import delete_environment
    from flashc.report.operations import removal_text

    workspace = open_settings(project, {"app": app})
    asker = Asker(quiet=output_format != "text", yes=yes)
    answer = delete_environment(workspace, name, asker, dry_run=dry_run)
    finish(answer, workspace, output_format, removal_text)
