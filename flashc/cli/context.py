"""`flashc context`: show which app and environment a script calls, and why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .operating import output_option

if TYPE_CHECKING:
    from flashc.api.scripts import Described


@click.command("context")
@click.argument(
    "script", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@output_option
def command(script: Path | None, output_format: str) -> None:
    """Show which app and environment a script calls, and why.

    Without SCRIPT, it is what an interactive session or a notebook in this folder calls.  The exit code is 1 if
    no app was found.
    """
    from flashc.api.scripts import describe_context

    found = describe_context(script.resolve() if script is not None else None)
    if output_format == "json":
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        click.echo(_text(found), nl=False)
    sys.exit(1 if found.missing else 0)


def _text(found: Described) -> str:
    """Return the context as text, one line each."""
    rows = [
        ("app", found.app or "none", found.app_source or found.missing),
        ("environment", found.environment, found.environment_source),
        ("key", found.key or "none", found.key_source or "set RUNPOD_API_KEY, or `flashc login`"),
        ("endpoints at", found.url, ""),
    ]
    lines = [f"{name:<13} {value}{f' ({why})' if why else ''}" for name, value, why in rows]
    return "\n".join(lines) + "\n"
