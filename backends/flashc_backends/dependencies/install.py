"""Install the packages of a lock into a folder, with the same bytes on every machine."""

from __future__ import annotations

import shutil
import sys
from contextlib import suppress
from pathlib import Path

from uv import find_uv_bin

from flashc_backends.base import Services

from .record import InvalidRecord, read_record, write_record
from .resolvers import PLATFORM
from .tools import run

# Files that describe the installation itself, and so differ from machine to machine.
_HOST_FILES = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})


def install(
    lock: str,
    python_version: str,
    target: Path,
    services: Services,
    *,
    allow_build: bool = False,
) -> None:
    """Install a lock below `target` for Linux x86_64 and the given version of Python.

    That Python need not be installed on this machine.  The progress counts packages.

    Raises:
        DependencyError: a package can't be installed; the finding is already reported.
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
        count=lambda: sum(1 for _ in target.glob("*.dist-info")),
    )
    normalise(target)


def normalise(target: Path) -> None:
    """Remove files that differ from machine to machine.

    These are scripts (they contain the path of an interpreter), files that an installer wrote about
    the installation, and compiled modules.  A RECORD that can't be read is not changed; `installed`
    reports it.
    """
    shutil.rmtree(target / "bin", ignore_errors=True)
    for cache in list(target.rglob("__pycache__")):
        shutil.rmtree(cache)
    (target / ".lock").unlink(missing_ok=True)
    for info in target.glob("*.dist-info"):
        for name in _HOST_FILES:
            (info / name).unlink(missing_ok=True)
        record = info / "RECORD"
        if record.is_file():
            with suppress(UnicodeDecodeError, InvalidRecord):
                text = _kept_records(record.read_text(encoding="utf-8"))
                record.write_text(text, encoding="utf-8")


def _kept_records(text: str) -> str:
    """Return a RECORD without the files that `normalise` removes.

    Raises:
        InvalidRecord: the text is not a RECORD.
    """
    return write_record(
        entry
        for entry in read_record(text)
        if not entry.path.startswith(("../", "bin/"))
        and entry.path.rpartition("/")[2] not in _HOST_FILES
        and "__pycache__" not in entry.path
    )
