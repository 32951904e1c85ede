"""Install the packages of a lock into a folder, with the same bytes on every machine."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from uv import find_uv_bin

from flashc_backends.base import Services

from .local_wheels import LocalWheel
from .lock import Locked
from .record import InvalidRecord, read_record, write_record
from .requirements import ResolutionRequest
from .resolvers import PLATFORM
from .tools import run

# Files that describe the installation itself, and so differ from machine to machine.
_HOST_FILES = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})


def install(
    entries: Sequence[Locked],
    request: ResolutionRequest,
    wheels: Mapping[str, LocalWheel],
    target: Path,
    services: Services,
) -> None:
    """Install entries of a lock below `target` for Linux x86_64 and the workers' Python.

    That Python need not be installed on this machine.  `wheels` has the wheels of the entries that
    come from no index.  An index that is named for a distribution is asked for no other one.  The
    progress counts packages.

    Raises:
        DependencyError: a package can't be installed; the finding is already reported.
    """
    target.mkdir(parents=True, exist_ok=True)
    access = request.access
    by_index: dict[str, list[Locked]] = {}
    for entry in entries:
        by_index.setdefault(access.pins.get(entry.name, ""), []).append(entry)
    for index, group in sorted(by_index.items()):
        config = target.parent / "uv.toml"
        config.write_text(access.config_of(index) if index else access.config(), encoding="utf-8")
        file = target.parent / "lock.txt"
        file.write_text(requirements_for_uv(group, wheels), encoding="utf-8")
        run(
            [
                *(find_uv_bin(), "pip", "install", "--target", str(target), "-r", str(file)),
                *("--require-hashes", "--no-deps", "--link-mode", "copy"),
                *(() if request.allow_build else ("--only-binary", ":all:")),
                *("--python-platform", PLATFORM, "--python-version", request.python_version),
                *("--python", sys.executable, "--no-python-downloads"),
                *("--config-file", str(config), "--quiet", "--color", "never"),
            ],
            services,
            count=lambda: sum(1 for _ in target.glob("*.dist-info")),
            environment=access.environment(only_pinned=bool(index)),
        )
    normalise(target)


def requirements_for_uv(entries: Sequence[Locked], wheels: Mapping[str, LocalWheel]) -> str:
    """Return entries of a lock as a requirements file, with the paths of wheels on this machine."""
    lines = (
        entry.with_source(wheels[entry.name].file.as_uri()).text
        if entry.name in wheels
        else entry.text
        for entry in entries
    )
    return "".join(f"{line}\n" for line in lines)


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
