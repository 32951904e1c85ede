"""Usage: python benchmarks/run.py [--runs N] [NAME...]

Measures flashc beside `runpod-flash` from PyPI, each in an environment of its own, in one run on one
machine, and prints the table of the README.  NAMES choose among the measurements; all by default.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import projects
from measure import Figure, measure

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Bench:
    """The environments and the folder that everything happens in."""

    folder: Path
    runs: int
    ours: Path  # the folders of the two environments' programs
    theirs: Path

    def flashc(self, *arguments: str, before: Callable[[], object] = lambda: None) -> Figure:
        return measure(
            [str(self.ours / "flashc"), *arguments],
            runs=self.runs,
            before=before,
            environ={"FLASHC_CACHE_DIR": str(self.cache)},
        )

    def flash(self, project: Path, *arguments: str, runs: int | None = None) -> Figure:
        return measure(
            [str(self.theirs / "flash"), *arguments], runs=runs or self.runs, cwd=project
        )

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def forget(self) -> None:
        """Empty flashc's cache."""
        shutil.rmtree(self.cache, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.  `mark` is what has to be reached, in words; `holds` whether it is."""

    what: str
    ours: str
    theirs: str
    ratio: str
    mark: str
    holds: bool


def faster(what: str, ours: Figure, theirs: Figure, mark: float) -> Row:
    ratio = theirs.seconds / ours.seconds
    return Row(
        what, str(ours), str(theirs), f"{ratio:.1f} x faster", f">= {mark:g} x", ratio >= mark
    )


def start_up(bench: Bench) -> Iterator[Row]:
    """`--version`, beside Python's own start."""
    python = measure([str(bench.ours / "python"), "-c", "pass"], runs=bench.runs * 3)
    version = measure([str(bench.ours / "flashc"), "--version"], runs=bench.runs * 3)
    ratio = version.seconds / python.seconds
    yield Row(
        "`flashc --version` / `python -c pass`",
        str(version),
        str(python),
        f"{ratio:.1f} x",
        "<= 5 x",
        ratio <= 5,
    )


def check(bench: Bench) -> Iterator[Row]:
    """`flashc check` on 1,000 modules, beside `flash build` (scan only) and `ruff check`."""
    project = projects.many(bench.folder / "many", 1000)
    python = measure([str(bench.ours / "python"), "-c", "pass"], runs=bench.runs)
    cold = bench.flashc("check", str(project), before=bench.forget)
    warm = bench.flashc("check", str(project))
    theirs = bench.flash(project, "build", "--no-deps")
    ruff = measure(
        [str(bench.ours / "ruff"), "check", "--no-cache", "--exit-zero", str(project)],
        runs=bench.runs,
    )
    yield faster("check, 1,000 modules, cold / `flash build --no-deps`", cold, theirs, 1)
    limit = 3 * python.seconds + 0.3
    yield Row(
        "check, 1,000 modules, warm / `python -c pass`",
        str(warm),
        str(python),
        f"{warm.seconds:.2f} s",
        f"<= {limit:.2f} s",
        warm.seconds <= limit,
    )
    yield Row(
        "check, 1,000 modules, cold / `ruff check --no-cache`",
        str(cold),
        str(ruff),
        f"{cold.seconds / ruff.seconds:.0f} x slower",
        "for orientation",
        True,
    )


MEASUREMENTS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "start-up": start_up,
    "check": check,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("names", nargs="*", choices=[*MEASUREMENTS, []], default=[])
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flashc-bench-") as name:
        folder = Path(name)
        bench = Bench(
            folder,
            chosen.runs,
            environment(folder / "ours", str(ROOT), "ruff"),
            environment(folder / "theirs", "runpod-flash"),
        )
        print("| what | flashc | peer | ratio | mark | |\n|---|---|---|---|---|---|")
        for each in chosen.names or MEASUREMENTS:
            for row in MEASUREMENTS[each](bench):
                verdict = "holds" if row.holds else "**missed**"
                print(
                    f"| {row.what} | {row.ours} | {row.theirs} | {row.ratio} | {row.mark} | {verdict} |",
                    flush=True,
                )


def environment(folder: Path, *requirements: str) -> Path:
    """A fresh environment; returns the folder of its programs."""
    subprocess.run(
        [str(ROOT / "scripts" / "environment"), str(folder), *requirements],
        check=True,
        env={**os.environ, "PYTHON": sys.executable},
    )
    return folder / "bin"


if __name__ == "__main__":
    main()
