"""The runtime's own files, filled in for one app -> drafts under `_flashc/`."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

from flashc_ir.program import Program

from .base import Draft
from .skeleton import fill, read_module

PACKAGE = "_flashc"


def runtime_drafts(program: Program) -> tuple[Draft, ...]:
    """The runtime as it travels: its modules, the catalogue of the IR, and what it knows of this app."""
    copied = [
        Draft(f"{PACKAGE}/{path}", content)
        for path, content in _modules(files("flashc_backends").joinpath("runtime"), "")
        if path != "app.py"
    ]
    catalogue = read_module("catalogue.py", package="flashc_ir")
    return (
        *copied,
        Draft(f"{PACKAGE}/app.py", app_source(program).encode()),
        Draft(f"{PACKAGE}/catalogue.py", catalogue.encode()),
    )


def _modules(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _modules(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".py"):
            yield prefix + entry.name, entry.read_bytes()


def app_source(program: Program) -> str:
    """The text of `_flashc/app.py`: names that differ from their resources, time limits in seconds."""
    names: dict[str, str] = {}
    timeouts: dict[str, float] = {}
    for endpoint in program.deployed():
        if endpoint.name != endpoint.resource:
            names[endpoint.name] = endpoint.resource
        limit = endpoint.configuration.resources.execution_timeout_ms
        if limit:
            timeouts[endpoint.resource] = limit / 1000
    return fill(read_module("runtime", "app.py"), {"NAMES": names, "TIMEOUTS": timeouts})
