"""`flashc verify`: check that a finished artifact is complete and that a worker can run it."""

from __future__ import annotations

from pathlib import Path

import click

from flashc.api.verify import verify_artifact

from .common import exit_for, format_option, print_diagnostics


@click.command("verify")
@click.argument("artifact", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@format_option
def command(artifact: Path, output_format: str) -> None:
    """Read ARTIFACT and check that a worker can run it.

    Its locked packages are complete and made for the workers; every import of its modules resolves;
    handlers and manifest match; no file is outside the folder into which it is unpacked.
    """
    found = verify_artifact(artifact).diagnostics
    print_diagnostics(found, artifact.absolute().parent, lambda _path: None, output_format)
    if not found and output_format == "text":
        click.echo(f"{artifact.name}: no problem found")
    exit_for(found)
