"""`flashc`: define the group of commands, and import a command's module only when it runs."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress
from typing import NoReturn

import click

from flashc import __version__
from flashc_core.environment_failures import environment_failure
from flashc_core.processes import Prefork

EXIT_ENVIRONMENT = 3
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
_COMMANDS = (
    "init",
    "check",
    "build",
    "emit",
    "preview",
    "dev",
    "diff",
    "plan",
    "deploy",
    "rollback",
    "history",
    "undeploy",
    "status",
    "logs",
    "env",
    "app",
    "secret",
    "login",
    "logout",
    "whoami",
    "platform",
    "run",
    "call",
    "context",
    "lock",
    "size",
    "verify",
    "explain",
    "cache",
    "lsp",
    "mcp",
)


class _Lazy(click.Group):
    """A group that imports a command when it runs.

    Only `flashc --help` imports all commands, because it shows their first sentences.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command and return it; None if there is no such command."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"flashc.cli.{cmd_name}").command
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="flashc", message="%(prog)s %(version)s")
def cli() -> None:
    """Check and build Runpod Flash apps."""


def main(prefork: Prefork | None = None) -> None:
    """Run the command line and exit.

    The exit codes are 0 (no errors), 1 (errors), 2 (wrong usage), 3 (environment), 70 (a bug in
    flashc) and 130 (interrupted).

    `prefork` is the process that reads modules, if one was started.
    """
    try:
        sys.exit(cli.main(standalone_mode=False, obj=prefork))
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Exception as error:  # the machine is the reason, or it is a bug in flashc
        _report_unexpected(error)
    finally:
        if prefork is not None:
            prefork.close()


def _is_without_folder() -> bool:
    """Return whether the current folder was deleted."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _report_unexpected(error: Exception) -> NoReturn:
    """Say what the machine lacks if that is the reason for an exception, else ask for a report; and exit."""
    reason = environment_failure(error)
    if reason is None and isinstance(error, FileNotFoundError) and _is_without_folder():
        reason = "the current folder does not exist any more: change to another one"
    if reason is None or os.environ.get("FLASHC_TRACEBACK"):
        _report_bug(error)
    with suppress(OSError, MemoryError):
        os.write(2, f"{reason}\n".encode("utf-8", "replace"))
    # What standard output could not take is dropped; Python would try again and print a traceback.
    os._exit(EXIT_ENVIRONMENT)


def _report_bug(error: Exception) -> NoReturn:
    """Ask for a report of an exception that is a bug in flashc, and exit."""
    if os.environ.get("FLASHC_TRACEBACK"):
        raise error
    click.echo(
        f"this is a bug in flashc {__version__}: {type(error).__name__}: {error}\n"
        "please report it with the output of the same command under FLASHC_TRACEBACK=1",
        err=True,
    )
    sys.exit(EXIT_BUG)
