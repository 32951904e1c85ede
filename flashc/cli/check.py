"""`flashc check`: compile and report, write nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flashc_ir.diagnostics import Sink

from .common import compile_folder, compiling_options, finish, format_option, project_argument, show


@click.command("check")
@project_argument
@compiling_options
@format_option
def command(project: Path, output_format: str, **flags: Any) -> None:
    """Report what is wrong with the app in PROJECT, without running any of its code."""
    sink = Sink()
    root, _, program = compile_folder(project, flags, sink)
    show(sink, root, output_format)
    if program is not None and output_format == "text" and not len(sink):
        click.echo(f"{root.name}: {len(program.endpoints)} endpoints, nothing to report")
    finish(sink)
