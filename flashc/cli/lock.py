"""`flashc lock`: `flash.lock`, the exact packages that builds install from now on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flashc_backends.base import LOCK_FILE
from flashc_backends.dependencies.lock import Lock, render
from flashc_backends.dependencies.requirements import collect_request
from flashc_backends.dependencies.resolution import resolve
from flashc_backends.dependencies.tools import DependencyError
from flashc_backends.write import CannotWrite, reporting
from flashc_core.diagnostics import Sink
from flashc_core.files import write_file

from .common import (
    building_options,
    compile_folder,
    context_of,
    finish,
    format_option,
    project_argument,
    show,
)
from .progress import show_progress


@click.command("lock")
@project_argument
@click.option(
    "--upgrade", is_flag=True, help="Take the newest versions, not those of the old lock."
)
@building_options
@format_option
def command(project: Path, upgrade: bool, output_format: str, **flags: Any) -> None:
    """Resolve what the app in PROJECT asks for and write it to flash.lock, with hashes."""
    sink = Sink()
    root, options, program = compile_folder(project, flags, sink)
    lock: Lock | None = None
    if program is not None:
        try:
            with show_progress(output_format == "text") as progress:
                context = context_of(root, sink, options, progress=progress).dependencies
                request = collect_request(program, context.options, context.project.environment)
                lock = resolve(program, request, context, upgrade=upgrade)
            with reporting(root / LOCK_FILE, sink):
                write_file(root / LOCK_FILE, render(lock).encode())
        except (DependencyError, CannotWrite):
            lock = None  # reported
    show(sink, root, output_format)
    if lock is not None and output_format == "text":
        click.echo(f"{LOCK_FILE}: {len(lock.entries)} packages for Python {lock.python_version}")
    finish(sink)
