"""Define the option `--faults FILE` of the commands that run an app on this machine."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import exit_for, print_diagnostics

if TYPE_CHECKING:
    from flashc_backends.platform.faults import Faults

faults_option = click.option(
    "--faults",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A TOML file of faults to make happen: deaths of workers, lost results, and others.",
)


def read_faults_option(path: Path | None, endpoints: Collection[str] | None = None) -> Faults:
    """Read the faults in a file; report its mistakes and exit if it has any.  Without a file, there are no faults.

    `endpoints` are the names of the app's endpoints; None if they are not known.
    """
    from flashc.api.faults import read_fault_file
    from flashc_backends.platform.faults import Faults

    if path is None:
        return Faults()
    read = read_fault_file(path, endpoints)
    if read.faults is None:
        print_diagnostics(read.diagnostics, Path.cwd(), lambda _path: read.lines, "text")
        exit_for(read.diagnostics)
    return read.faults
