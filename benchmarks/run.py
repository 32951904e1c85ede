"""Compare the speed of flashc with `runpod-flash` from PyPI, and print the table of the README.

Usage: python benchmarks/run.py [--runs N] [--repository FOLDER] [NAME...]

flashc and `runpod-flash` run on the same machine, each in its own environment.  The arguments NAME
select measurements; without them, all measurements run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import deploy as deployments
import large
import platform_rows
import preview as previews
import projects
import reload
import sdk
from measure import Figure, measure
from rows import Row

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The environments of flashc and `runpod-flash`, and the folder that contains all files."""

    folder: Path
    runs: int
    ours: Path  # the folders of the two environments' programs
    theirs: Path
    repositories: tuple[Path, ...] = ()

    def flashc(self, *arguments: str, before: Callable[[], object] = lambda: None) -> Figure:
        """Measure a command of flashc."""
        return measure(
            [str(self.ours / "flashc"), *arguments],
            runs=self.runs,
            before=before,
            environ={"FLASHC_CACHE_DIR": str(self.cache)},
        )

    def flash(self, project: Path, *arguments: str, runs: int | None = None) -> Figure:
        """Measure a command of `runpod-flash` in a project."""
        return measure(
            [str(self.theirs / "flash"), *arguments], runs=runs or self.runs, cwd=project
        )

    @property
    def cache(self) -> Path:
        """The folder of flashc's cache."""
        return self.folder / "cache"

    def clear_cache(self) -> None:
        """Empty flashc's cache."""
        shutil.rmtree(self.cache, ignore_errors=True)


def faster(what: str, ours: Figure, theirs: Figure, mark: float) -> Row:
    """Return a row that compares two times; `mark` is the ratio that is the goal."""
    ratio = theirs.seconds / ours.seconds
    return Row(
        what=what,
        ours=str(ours),
        theirs=str(theirs),
        ratio=f"{ratio:.1f} x faster",
        mark=f">= {mark:g} x",
        holds=ratio >= mark,
    )


def measure_start_up(bench: Bench) -> Iterator[Row]:
    """Measure `flashc --version`, next to the start of Python itself."""
    python = measure([str(bench.ours / "python"), "-c", "pass"], runs=bench.runs * 3)
    version = measure([str(bench.ours / "flashc"), "--version"], runs=bench.runs * 3)
    ratio = version.seconds / python.seconds
    yield Row(
        what="`flashc --version` / `python -c pass`",
        ours=str(version),
        theirs=str(python),
        ratio=f"{ratio:.1f} x",
        mark="<= 5 x",
        holds=ratio <= 5,
    )


def measure_check(bench: Bench) -> Iterator[Row]:
    """Measure `flashc check` on 1,000 modules, next to `flash build` and `ruff check`."""
    project = projects.write_many(bench.folder / "many", 1000)
    python = measure([str(bench.ours / "python"), "-c", "pass"], runs=bench.runs)
    cold = bench.flashc("check", str(project), before=bench.clear_cache)
    warm = bench.flashc("check", str(project))
    theirs = bench.flash(project, "build", "--no-deps")
    ruff = measure(
        [str(bench.ours / "ruff"), "check", "--no-cache", "--exit-zero", str(project)],
        runs=bench.runs,
    )
    yield faster("check, 1,000 modules, cold / `flash build --no-deps`", cold, theirs, 1)
    limit = 3 * python.seconds + 0.3
    yield Row(
        what="check, 1,000 modules, warm / `python -c pass`",
        ours=str(warm),
        theirs=str(python),
        ratio=f"{warm.seconds:.2f} s",
        mark=f"<= {limit:.2f} s",
        holds=warm.seconds <= limit,
    )
    yield Row(
        what="check, 1,000 modules, cold / `ruff check --no-cache`",
        ours=str(cold),
        theirs=str(ruff),
        ratio=f"{cold.seconds / ruff.seconds:.0f} x slower",
        mark="for orientation",
        holds=True,
    )


def measure_scientific(bench: Bench) -> Iterator[Row]:
    """Measure a project that needs numpy, pandas and scipy, with warm package caches."""
    project = projects.write_scientific(bench.folder / "scientific")
    worker = project / "worker.py"
    arguments = ("build", str(project), "--python-version", "3.12")
    bench.flashc(*arguments)
    theirs = bench.flash(project, "build", "--python-version", "3.12")
    first = bench.flashc(*arguments, before=bench.clear_cache)
    again = bench.flashc(*arguments)

    def edit() -> None:
        """Add a line to the worker's module."""
        worker.write_text(worker.read_text("utf-8") + "# one line more\n", "utf-8")

    changed = bench.flashc(*arguments, before=edit)
    yield faster("numpy + pandas + scipy, first build", first, theirs, 8)
    yield faster("... nothing changed", again, theirs, 100)
    yield faster("... one line changed", changed, theirs, 60)
    yield Row(
        what="... peak memory of the first build",
        ours=f"{first.megabytes:.0f} MB",
        theirs=f"{theirs.megabytes:.0f} MB",
        ratio=f"{first.megabytes / theirs.megabytes:.1f} x",
        mark="<= 2 x",
        holds=first.megabytes <= 2 * theirs.megabytes,
    )


def measure_modules(bench: Bench) -> Iterator[Row]:
    """Measure builds of many modules without dependencies, and how the time grows."""
    small = projects.write_many(bench.folder / "hundred", 100)
    thousand = projects.write_many(bench.folder / "thousand", 1000)
    theirs = bench.flash(thousand, "build", "--no-deps")
    cold = bench.flashc("build", str(thousand), "--no-deps", before=bench.clear_cache)
    warm = bench.flashc("build", str(thousand), "--no-deps")
    hundred = bench.flashc("build", str(small), "--no-deps", before=bench.clear_cache)
    yield faster("1,000 modules, first build", cold, theirs, 3)
    yield faster("... nothing changed", warm, theirs, 10)
    growth = cold.seconds / hundred.seconds
    yield Row(
        what="1,000 modules / 100 modules",
        ours=str(cold),
        theirs=str(hundred),
        ratio=f"{growth:.1f} x",
        mark="<= 10 x",
        holds=growth <= 10,
    )


def measure_shared(bench: Bench) -> Iterator[Row]:
    """Measure 1,000 modules that import one `config.py`: the first time, and after an edit.

    One edit changes a line of a worker; the other changes a constant of `config.py` that no worker
    uses.
    """
    project = projects.write_shared(bench.folder / "shared", 1000)
    edits = (
        ("a worker", partial(projects.increase, project / "worker_500.py", "total")),
        ("`config.py`", partial(projects.increase, project / "config.py", "REVISION")),
    )
    theirs = bench.flash(project, "build", "--no-deps")
    for command, *options in (("check",), ("build", "--no-deps")):
        arguments = (command, str(project), *options)
        cold = bench.flashc(*arguments, before=bench.clear_cache)
        yield faster(
            f"{command}, 1,000 modules that share a `config.py`, cold / `flash build --no-deps`",
            cold,
            theirs,
            4,
        )
        for where, edit in edits:
            changed = bench.flashc(*arguments, before=edit)
            yield faster(f"... one line of {where} changed", changed, theirs, 20)


def measure_size(bench: Bench) -> Iterator[Row]:
    """Measure the artifact of an app with one endpoint and no dependencies."""
    project = projects.write_trivial(bench.folder / "trivial")
    bench.flashc("build", str(project))
    ours = (project / ".flash" / "artifact.tar.gz").stat().st_size
    shutil.rmtree(project / ".flash")
    bench.flash(project, "build", runs=1)
    theirs = (project / ".flash" / "artifact.tar.gz").stat().st_size
    ratio = theirs / ours
    yield Row(
        what="artifact of a trivial app",
        ours=f"{ours / 1000:.1f} kB",
        theirs=f"{theirs / 1000:.1f} kB",
        ratio=f"{ratio:.0f} x smaller",
        mark=">= 20 x",
        holds=ratio >= 20,
    )


_IMPORT = "import sys; sys.path.insert(0, {root!r}); import {module}"


def measure_cold_start(bench: Bench) -> Iterator[Row]:
    """Measure the import of a built handler, next to the import of the user's plain module."""
    project = projects.write_trivial(bench.folder / "cold")
    bench.flashc("build", str(project))
    app = bench.folder / "app"
    shutil.unpack_archive(project / ".flash" / "artifact.tar.gz", app)
    (project / "plain.py").write_text(
        "async def run(count: int, label: str = 'a') -> dict:\n    return {'label': label}\n",
        "utf-8",
    )
    python = str(bench.ours / "python")
    load = "import importlib; importlib.import_module('handler_worker-0')"
    handler = measure(
        [python, "-I", "-c", f"import sys; sys.path.insert(0, {str(app)!r}); {load}"],
        runs=bench.runs * 5,
    )
    plain = measure(
        [python, "-I", "-c", _IMPORT.format(root=str(project), module="plain")],
        runs=bench.runs * 5,
    )
    for what, ours, theirs, unit in (
        ("time", handler.seconds * 1000, plain.seconds * 1000, "ms"),
        ("memory", handler.megabytes, plain.megabytes, "MB"),
    ):
        yield Row(
            what=f"importing a built handler / the plain module: {what}",
            ours=f"{ours:.1f} {unit}",
            theirs=f"{theirs:.1f} {unit}",
            ratio=f"{ours / theirs:.2f} x",
            mark="<= 1.3 x",
            holds=ours <= 1.3 * theirs,
        )


def measure_save_to_answer(bench: Bench) -> Iterator[Row]:
    """Measure `flashc dev` from saving a file to the first new answer, next to `uvicorn --reload`."""
    plain = make_environment(bench.folder / "plain", "fastapi", "uvicorn[standard]")
    theirs = reload.measure_uvicorn(plain / "uvicorn", bench.folder / "plain-app", bench.runs)
    environ = {
        **os.environ,
        "FLASHC_CACHE_DIR": str(bench.cache),
        "FLASHC_STATE_DIR": str(bench.folder / "state"),
    }
    dev = bench.ours / "flashc"
    for kind, ours in reload.measure_dev(dev, bench.folder / "dev", bench.runs, environ).items():
        yield Row(
            what=f"save to answer, {kind}: `flashc dev` / `uvicorn --reload` of a plain app",
            ours=f"{ours:.2f} s",
            theirs=f"{theirs:.2f} s",
            ratio=f"{theirs / ours:.1f} x faster",
            mark="<= 0.5 s",
            holds=ours <= 0.5,
        )


def measure_platform(bench: Bench) -> Iterator[Row]:
    """Measure the local platform, next to the local server of the runpod SDK."""
    yield from platform_rows.measure_platform(bench.ours, bench.theirs, bench.folder, bench.runs)


def measure_preview(bench: Bench) -> Iterator[Row]:
    """Measure the start of previews, next to that of `flash deploy --preview`."""
    yield from previews.measure_previews(bench.ours, bench.theirs, bench.folder, bench.runs)


def measure_deploy(bench: Bench) -> Iterator[Row]:
    """Measure deployments to the local platform, next to those of `flash deploy`."""
    yield from deployments.measure_deployments(bench.ours, bench.theirs, bench.folder, bench.runs)


def measure_memory(bench: Bench) -> Iterator[Row]:
    """Measure whether the memory of workers grows with the calls that they serve."""
    program = [str(bench.ours / "python"), str(Path(__file__).parent / "memory.py")]
    done = subprocess.run(program, check=True, stdout=subprocess.PIPE, text=True)
    for line in done.stdout.splitlines():
        found = json.loads(line)
        yield Row(
            what=f"memory of a worker after {found['calls']:,} calls, {found['what']}",
            ours=f"{found['late'] / 1000:.1f} MB",
            theirs=f"{found['early'] / 1000:.1f} MB after a tenth",
            ratio=f"{found['late'] / found['early']:.3f} x",
            mark="<= 1.02 x + 1 MB",
            holds=found["is_flat"],
        )


def measure_sdk(bench: Bench) -> Iterator[Row]:
    """Measure the SDK in scripts, next to `runpod-flash` and to plain httpx."""
    yield from sdk.measure_sdk(bench.ours, bench.theirs, bench.folder, bench.runs)


def measure_large(bench: Bench) -> Iterator[Row]:
    """Measure the first check of large repositories, next to the scan of `flash build`."""
    yield from large.measure_large(
        bench.ours, bench.theirs, bench.folder, bench.runs, bench.repositories
    )


MEASUREMENTS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "start-up": measure_start_up,
    "check": measure_check,
    "scientific": measure_scientific,
    "modules": measure_modules,
    "shared": measure_shared,
    "size": measure_size,
    "cold-start": measure_cold_start,
    "save-to-answer": measure_save_to_answer,
    "platform": measure_platform,
    "preview": measure_preview,
    "deploy": measure_deploy,
    "sdk": measure_sdk,
    "large": measure_large,
    "memory": measure_memory,
}


def main() -> None:
    """Run the measurements that the command line names, and print a row for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--repository",
        type=lambda text: Path(text).resolve(),
        action="append",
        default=[],
        help="a checked-out repository that `large` measures too",
    )
    parser.add_argument("names", nargs="*", choices=[*MEASUREMENTS, []], default=[])
    chosen = parser.parse_args()
    # With this variable, Python would compile flashc and `runpod-flash` again in each run.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="flashc-bench-") as name:
        folder = Path(name)
        bench = Bench(
            folder=folder,
            runs=chosen.runs,
            ours=make_environment(folder / "ours", str(ROOT), "ruff"),
            theirs=make_environment(folder / "theirs", "runpod-flash"),
            repositories=tuple(chosen.repository),
        )
        print("| what | flashc | peer | ratio | mark | |\n|---|---|---|---|---|---|")
        for each in chosen.names or MEASUREMENTS:
            for row in MEASUREMENTS[each](bench):
                outcome = "holds" if row.holds else "**missed**"
                print(
                    f"| {row.what} | {row.ours} | {row.theirs} | {row.ratio} | {row.mark} | {outcome} |",
                    flush=True,
                )


def make_environment(folder: Path, *requirements: str) -> Path:
    """Create a virtual environment and return the folder of its programs."""
    subprocess.run(
        [str(ROOT / "scripts" / "environment"), str(folder), *requirements],
        check=True,
        env={**os.environ, "PYTHON": sys.executable},
    )
    return folder / "bin"


if __name__ == "__main__":
    main()
