"""Measure the first check of a large repository of which one module is a worker."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from measure import measure
from rows import Row

_MODULES = 1_200
_PACKAGES = 40
_FUNCTIONS = 47
_FUNCTION = '''

def step_{number}(values: list[int], limit: int = {number}) -> list[int]:
    """Return what is left of the values after step {number}."""
    found = [value * {number} for value in values if value < limit]
    if not found:
        return []
    return sorted(found)
'''
_WORKER = """from runpod_flash import Endpoint

from package_0.first import step_1


@Endpoint(name="worker", cpu="cpu3c-1-2")
def work(values: list[int]) -> list[int]:
    return step_1(values)
"""
_SCAN = """import sys
from pathlib import Path
from runpod_flash.cli.commands.build_utils.scanner import RuntimeScanner
RuntimeScanner(Path(sys.argv[1])).discover_remote_functions()
"""


def write_large(folder: Path) -> Path:
    """Write a repository of 1,200 modules with 450,000 lines, and a module with one endpoint."""
    functions = "".join(_FUNCTION.format(number=number) for number in range(_FUNCTIONS))
    for number in range(_MODULES):
        package = folder / f"package_{number % _PACKAGES}"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        is_first = number < _PACKAGES
        imports = "" if is_first else f"from package_{number % _PACKAGES} import first\n"
        name = "first" if is_first else f"module_{number}"
        (package / f"{name}.py").write_text((imports + functions).lstrip(), "utf-8")
    (folder / "worker.py").write_text(_WORKER, "utf-8")
    return folder


def _clear_bytecode(project: Path) -> None:
    """Remove what Python has compiled of a project, as before the first import."""
    for folder in project.rglob("__pycache__"):
        shutil.rmtree(folder)


def measure_large(
    ours: Path, theirs: Path, folder: Path, runs: int, repositories: Sequence[Path]
) -> Iterator[Row]:
    """Compare the first check with the scan of `runpod-flash`, and with `ruff check --no-cache`.

    Args:
        ours: the folder of flashc's programs; ruff is there too.
        theirs: the folder of the programs of `runpod-flash`.
        folder: a folder for files.
        runs: the number of runs of each command.
        repositories: checked-out repositories to measure besides the generated one.
    """
    cache = folder / "large-cache"
    for project in (write_large(folder / "large"), *repositories):
        check = measure(
            [str(ours / "flashc"), "check", str(project)],
            runs=runs,
            before=partial(shutil.rmtree, cache, ignore_errors=True),
            environ={"FLASHC_CACHE_DIR": str(cache)},
            may_fail=True,
        )
        scan = measure(
            [str(theirs / "python"), "-c", _SCAN, str(project)],
            runs=runs,
            before=partial(_clear_bytecode, project),
        )
        ruff = measure(
            [str(ours / "ruff"), "check", "--no-cache", "--exit-zero", str(project)], runs=runs
        )
        ratio = scan.seconds / check.seconds
        yield Row(
            what=f"first check of a large repository, {project.name} / the scan of `flash build`",
            ours=str(check),
            theirs=str(scan),
            ratio=f"{ratio:.1f} x faster",
            mark=">= 5 x",
            holds=ratio >= 5,
        )
        yield Row(
            what="... / `ruff check --no-cache`",
            ours=str(check),
            theirs=str(ruff),
            ratio=f"{check.seconds / ruff.seconds:.1f} x slower",
            mark="for orientation",
            holds=True,
        )
