"""A lock -> the installed distributions as files, the same on every machine."""

from __future__ import annotations

import csv
import io
import shutil
import sys
from pathlib import Path

from uv import find_uv_bin

from flashc_backends.base import Services

from .resolvers import PLATFORM
from .tools import run

# Files that tell how and where a distribution was installed: they differ from host to host.
_HOST_FILES = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})


def install(
    lock: str,
    python_version: str,
    target: Path,
    services: Services,
    *,
    allow_build: bool = False,
) -> None:
    """Install a lock below `target` for Linux x86_64 and a Python that need not be the host's.

    Raises:
        DependencyError: after reporting.
    """
    target.mkdir(parents=True, exist_ok=True)
    file = target.parent / "lock.txt"
    file.write_text(lock, encoding="utf-8")
    run(
        [
            *(find_uv_bin(), "pip", "install", "--target", str(target), "-r", str(file)),
            *("--require-hashes", "--no-deps", "--link-mode", "copy"),
            *(() if allow_build else ("--only-binary", ":all:")),
            *("--python-platform", PLATFORM, "--python-version", python_version),
            *("--python", sys.executable, "--no-python-downloads"),
            *("--no-config", "--quiet", "--color", "never"),
        ],
        services,
    )
    normalise(target)


def normalise(target: Path) -> None:
    """Take out what depends on the host: scripts with its interpreter's path, installers' notes, caches."""
    shutil.rmtree(target / "bin", ignore_errors=True)
    for cache in list(target.rglob("__pycache__")):
        shutil.rmtree(cache)
    (target / ".lock").unlink(missing_ok=True)
    for info in target.glob("*.dist-info"):
        for name in _HOST_FILES:
            (info / name).unlink(missing_ok=True)
        record = info / "RECORD"
        if record.is_file():
            record.write_text(_kept_records(record.read_text(encoding="utf-8")), encoding="utf-8")


def _kept_records(text: str) -> str:
    kept = io.StringIO()
    writer = csv.writer(kept, lineterminator="\n")
    for row in csv.reader(io.StringIO(text)):
        gone = row and (
            row[0].startswith(("../", "bin/"))
            or row[0].rpartition("/")[2] in _HOST_FILES
            or "__pycache__" in row[0]
        )
        if not gone:
            writer.writerow(row)
    return kept.getvalue()
