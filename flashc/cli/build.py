"""`flashc build`: the artifact and its manifest, and a summary of what went in."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from flashc_backends.artifact import ARTIFACT_PATH, BuildResult, build
from flashc_backends.base import Context
from flashc_ir.diagnostics import Sink

from .common import building_options, compile_folder, finish, format_option, project_argument, show
from .summary import summary

FOLDER = ".flash"


@click.command("build")
@project_argument
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="Where the artifact goes: a folder, or a name that ends in .tar.gz.  [default: .flash]",
)
@click.option("--keep-build", is_flag=True, default=None, help="Keep the unpacked artifact too.")
@building_options
@format_option
def command(project: Path, output_format: str, **flags: Any) -> None:
    """Build the app in PROJECT, without running any of its code."""
    sink = Sink()
    root, options, program = compile_folder(project, flags, sink)
    result: BuildResult | None = None
    if program is not None:
        with progress(output_format == "text") as tell:
            context = Context(
                root,
                sink,
                os.environ,
                options.exclude,
                options.no_deps,
                options.locker,
                progress=tell,
            )
            keep = root / FOLDER / ".build" if options.keep_build else None
            result = build(program, context, artifact_path(root, options.output), keep)
    show(sink, root, output_format)
    if program is not None and result is not None and output_format == "text":
        click.echo("\n".join(summary(program, result)))
    finish(sink)


def artifact_path(root: Path, output: Path | None) -> Path:
    """Where the artifact goes."""
    if output is None:
        return root / FOLDER / ARTIFACT_PATH
    whole = output.absolute()
    return whole if whole.name.endswith((".tar.gz", ".tgz")) else whole / ARTIFACT_PATH


@contextmanager
def progress(wanted: bool) -> Generator[Callable[[str], None], None, None]:
    """A spinner on a terminal, plain lines elsewhere; both on standard error."""
    if not wanted:
        yield lambda _message: None
    elif sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status("compiling") as status:
            yield lambda message: status.update(message)
    else:
        yield lambda message: click.echo(f"{message} ...", err=True)
