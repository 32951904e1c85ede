"""Measure the wall-clock time and peak memory of a command: medians of several runs."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """The medians over all runs of a command.

    `seconds` are wall-clock time, `megabytes` the peak resident memory of the largest process.
    """

    seconds: float
    megabytes: float

    def __str__(self) -> str:
        return f"{self.seconds:8.3f} s {self.megabytes:6.0f} MB"


def measure(
    command: Sequence[str],
    *,
    runs: int,
    before: Callable[[], object] = lambda: None,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
    may_fail: bool = False,
) -> Figure:
    """Run a command several times; `before` prepares each run and is not timed.

    `may_fail` says that the command may exit with 1, because it reports errors in its input.

    Raises:
        RuntimeError: the command failed, so that its time means nothing.
    """
    seconds: list[float] = []
    megabytes: list[float] = []
    for _ in range(runs):
        before()
        elapsed, peak = _run(
            command, cwd, {**os.environ, **(environ or {})}, (0, 1) if may_fail else (0,)
        )
        seconds.append(elapsed)
        megabytes.append(peak)
    return Figure(statistics.median(seconds), statistics.median(megabytes))


def _run(
    command: Sequence[str], cwd: Path | None, environ: dict[str, str], accepted: tuple[int, ...]
) -> tuple[float, float]:
    """Run a command once and return its seconds and the megabytes of its largest process."""
    reader, writer = os.pipe()
    start = time.perf_counter()
    child = os.fork()
    if child == 0:  # a process in between, whose children's peak is the command's alone
        os.close(reader)
        done = subprocess.run(
            command, cwd=cwd, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        elapsed = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        text = f"{done.returncode}\n{elapsed}\n{peak}\n" + done.stderr.decode("utf-8", "replace")
        os.write(writer, text[:4096].encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        code, elapsed_text, peak_text, errors = (
            stream.read().decode("utf-8", "replace").split("\n", 3)
        )
    os.waitpid(child, 0)
    if int(code) not in accepted:
        raise RuntimeError(f"{' '.join(command)} failed with {code}: {errors[-2000:]}")
    return float(elapsed_text), float(peak_text)
