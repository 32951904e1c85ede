"""Share options and output between the commands that ask the platform about an app."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from flashc.project.workspace import Workspace

from .common import exit_for, print_findings

if TYPE_CHECKING:  # `flashc --help` loads this module, and asks nothing
    from flashc.api.asking import Answer
    from flashc_backends.deploy.removal import Thing

_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])


def check_not_empty(
    _context: click.Context, _option: click.Parameter, given: str | None
) -> str | None:
    """Return a name; an empty one, such as of a variable that is not set, must not mean the default."""
    if given is not None and not given.strip():
        raise click.BadParameter("the name is empty")
    return given


app_option = click.option(
    "--app",
    "-a",
    metavar="NAME",
    callback=check_not_empty,
    help="The app.  [default: the folder's name]",
)
one_environment_option = click.option(
    "--env",
    "-e",
    "environment",
    metavar="NAME",
    callback=check_not_empty,
    help="The environment.  [default: the only one of the app]",
)
output_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How the result is printed.  Findings are text on standard error.",
)
_REMOVING = (
    click.option("--yes", "-y", is_flag=True, help="Do not ask before something is deleted."),
    click.option("--dry-run", is_flag=True, help="Only print what would be deleted."),
)


def removing_options(function: _F) -> _F:
    """Add the options of a command that deletes something."""
    for option in reversed(_REMOVING):
        function = option(function)
    return function


def finish(
    answer: Answer[_T], workspace: Workspace, output_format: str, text_of: Callable[[_T], str]
) -> NoReturn:
    """Print the findings and the result of a question to the platform, and exit.

    `text_of` returns the result as text, with a newline at the end.
    """
    print_findings(answer.diagnostics, workspace, "text")
    if answer.value is not None:
        if output_format == "json":
            from flashc.report.operations import as_json

            click.echo(as_json(answer.value), nl=False)
        else:
            click.echo(text_of(answer.value), nl=False)
    exit_for(answer.diagnostics)


class Asker:
    """Asks on the terminal before something is deleted; see `flashc.api.removal.RemovalCallbacks`."""

    def __init__(self, *, quiet: bool, yes: bool) -> None:
        self._quiet = quiet
        self._yes = yes

    def confirm(self, things: tuple[Thing, ...]) -> bool:
        """Show what would be deleted and ask; without a terminal, only `--yes` says so."""
        if self._yes:
            return True
        if self._quiet or not sys.stdin.isatty():
            return False
        from flashc.report.operations import things_text

        click.echo(things_text(things), nl=False, err=True)
        return click.confirm(f"delete {'it' if len(things) == 1 else 'them'}?", err=True)

    def wait(self, holder: str) -> None:
        """Say that a deployment has to end first."""
        click.echo(f"waiting for a deployment: {holder}", err=True)

    def removing(self, thing: Thing) -> None:
        """Say that something is being deleted."""
        if not self._quiet:
            click.echo(f"... deleting {thing}", err=True)
