"""`flashc verify`: check that a finished artifact is complete and that a worker can run it."""

from __future__ import annotations

from pathlib import Path

import click

from flashc.api.verify import verify_artifact

from .common import exit_for, format_option, print_diagnostics

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("verify")
@click.argument("artifact", type=_FILE)
@click.option(
    "--provenance",
    type=_FILE,
    help="The provenance record of ARTIFACT.  [default: the `provenance.json` next to it, if it names ARTIFACT]",
)
@click.option("--lock", type=_FILE, help="A `flash.lock`: ARTIFACT must have its packages.")
@format_option
def command(artifact: Path, provenance: Path | None, lock: Path | None, output_format: str) -> None:
    """Read ARTIFACT and check that a worker can run it.

    Every file is expected and has the bytes that flashc writes; the locked packages are complete and made
    for the workers; every import of the modules resolves; no file is outside the folder into which
    ARTIFACT is unpacked. Without a provenance record, this does not show who made ARTIFACT.
    """
    result = verify_artifact(artifact, provenance=provenance, lock=lock)
    found = result.diagnostics
    print_diagnostics(found, artifact.absolute().parent, lambda _path: None, output_format)
    if not found and output_format == "text":
        record = result.provenance
        compared = "no provenance record" if record is None else f"`{record.name}` describes it"
        click.echo(f"{artifact.name}: no problem found; {compared}")
    exit_for(found)
