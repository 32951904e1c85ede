"""Generated Flash projects to measure with."""

from __future__ import annotations

import shutil
from pathlib import Path

_MODULE = '''\
from runpod_flash import Endpoint


@Endpoint(name="worker-{number}", workers=3)
async def run_{number}(count: int, label: str = "a") -> dict:
    """Count."""
    total = 0
    for each in range(count):
        total += each
    return {{"label": label, "total": total}}
'''
_SCIENTIFIC = """\
from runpod_flash import Endpoint


@Endpoint(name="stats", cpu="cpu3c-1-2", dependencies=["numpy", "pandas", "scipy"])
async def describe(values: list) -> dict:
    import numpy
    import pandas
    import scipy.stats

    series = pandas.Series(numpy.asarray(values, dtype=float))
    return {"mean": series.mean(), "skew": float(scipy.stats.skew(series))}
"""


def many(folder: Path, count: int) -> Path:
    """`count` modules of one endpoint each, without dependencies."""
    return _write(folder, {f"worker_{n}.py": _MODULE.format(number=n) for n in range(count)})


def scientific(folder: Path) -> Path:
    """One endpoint that needs numpy, pandas and scipy."""
    return _write(folder, {"worker.py": _SCIENTIFIC})


def trivial(folder: Path) -> Path:
    """One endpoint that needs nothing."""
    return many(folder, 1)


def _write(folder: Path, files: dict[str, str]) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
