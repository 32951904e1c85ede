"""`flashc emit`: one thing that a program becomes, on standard output or in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flashc_backends.base import Draft
from flashc_backends.targets import TARGETS
from flashc_backends.write import CannotWrite, reporting, write_tree
from flashc_core.diagnostics import Sink

from .common import (
    building_options,
    compile_folder,
    context_of,
    finish,
    format_option,
    project_argument,
    show,
)


@click.command("emit")
@project_argument
@click.option(
    "--target", "-t", required=True, type=click.Choice(list(TARGETS)), help="What to make."
)
@click.option(
    "--output",
    "-o",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write to.  [default: print]",
)
@building_options
@format_option
def command(
    project: Path, target: str, folder: Path | None, output_format: str, **flags: Any
) -> None:
    """Show one thing that the app in PROJECT becomes.

    \b
    ir         the typed IR, as text and as JSON
    stubs      rewritten modules, and the stubs that they import
    handlers   the files by which worker images find the endpoints' code
    manifest   flash_manifest.json
    artifact   the complete archive, and the manifest beside it
    """
    sink = Sink()
    root, options, program = compile_folder(project, flags, sink)
    drafts: tuple[Draft, ...] = ()
    if program is not None:
        context = context_of(root, sink, options)
        drafts = TARGETS[target].emit(program, context)
    if folder is not None and not sink.has_errors():
        try:
            with reporting(folder, sink):
                write_tree(folder, drafts)
        except CannotWrite:
            pass  # reported; the exit code says it
    show(sink, root, output_format)
    if folder is None and output_format == "text":
        _print(drafts)
    finish(sink)


def _print(drafts: tuple[Draft, ...]) -> None:
    """The text drafts, JSON only where there is nothing else; a binary one goes to a folder only."""
    texts = [draft for draft in drafts if not draft.path.endswith((".gz", ".json"))]
    texts = texts or [draft for draft in drafts if draft.path.endswith(".json")]
    for draft in texts:
        if len(texts) > 1:
            click.echo(f"--- {draft.path}")
        click.echo(draft.read().decode("utf-8", "replace"), nl=False)
    for draft in drafts:
        if draft.path.endswith(".gz"):
            size = len(draft.read())
            click.echo(f"{draft.path}: {size:,} bytes; pass `-o FOLDER` to write it", err=True)
