"""Compile projects that list requirements, and have one endpoint."""

from __future__ import annotations

from pathlib import Path

from tests.support.projects import Compiled, compile_files

WORKER = (
    'from runpod_flash import Endpoint\n\n@Endpoint(name="w")\nasync def run(x: int): return x\n'
)
PROJECT = '[project]\nname = "app"\nversion = "1"\n'


def compiled(root: Path, files: dict[str, str], **options: object) -> Compiled:
    """Return a project with these files and an endpoint, compiled."""
    return compile_files(root, {"worker.py": WORKER, **files}, **options)


def found(root: Path, files: dict[str, str], **options: object) -> list[str]:
    """Return the requirements that are found, as text."""
    return [str(each) for each in compiled(root, files, **options).valid.requirements]
