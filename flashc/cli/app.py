"""`flashc app`: list, show, create and delete the apps of an account."""

from __future__ import annotations

from pathlib import Path

import click

from flashc.project.workspace import open_settings

from .common import place_option
from .operating import Asker, finish, output_option, removing_options

name_argument = click.argument("name")


@click.group("app")
def command() -> None:
    """List, show, create and delete the apps of your account."""


@command.command("list")
@place_option
@output_option
def list_(project: Path, output_format: str) -> None:
    """List the apps of the account."""
    from flashc.api.apps import list_apps
    from flashc.report.operations import apps_text

    workspace = open_settings(project)
    finish(list_apps(workspace), workspace, output_format, apps_text)


@command.command("get")
@name_argument
@place_option
@output_option
def get(name: str, project: Path, output_format: str) -> None:
    """Show the app NAME with its environments."""
    from flashc.api.apps import get_app
    from flashc.report.operations import app_text

    workspace = open_settings(project)
    finish(get_app(workspace, name), workspace, output_format, app_text)


@command.command("create")
@name_argument
@place_option
@output_option
def create(name: str, project: Path, output_format: str) -> None:
    """Create the app NAME; `flashc deploy` does that too."""
    from flashc.api.apps import create_app
    from flashc.report.operations import app_text

    workspace = open_settings(project)
    finish(create_app(workspace, name), workspace, output_format, app_text)


@command.command("delete")
@name_argument
@place_option
@removing_options
@output_option
def delete(name: str, project: Path, *, yes: bool, dry_run: bool, output_format: str) -> None:
    """Delete the app NAME with its environments, endpoints and secrets."""
    from flashc.api.removal import delete_app
    from flashc.report.operations import removal_text

    workspace = open_settings(project)
    asker = Asker(quiet=output_format != "text", yes=yes)
    answer = delete_app(workspace, name, asker, dry_run=dry_run)
    finish(answer, workspace, output_format, removal_text)
