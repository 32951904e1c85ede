"""Install the packages of a lock into a folder, with the same bytes on every machine."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import Distribution
from pathlib import Path

from installer.records import RecordEntry
from uv import find_uv_bin

from flashc_backends.base import Services
from flashc_core.files import real_path
from flashc_ir.requirements import UrlSource

from .built_packages import report_built
from .local_wheels import LocalWheel
from .lock import Locked
from .record import InvalidRecord, has_hash, hash_of, is_record, read_record, write_record
from .requirements import ResolutionRequest
from .tools import PLATFORM, run

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
        file.write_text(requirements_for_uv(group, wheels, access.expanded), encoding="utf-8")
        output = run(
            [
                *(find_uv_bin(), "pip", "install", "--target", str(target), "-r", str(file)),
                *("--require-hashes", "--no-deps", "--link-mode", "copy"),
                *(() if request.allow_build else ("--quiet", "--only-binary", ":all:")),
                *("--python-platform", PLATFORM, "--python-version", request.python_version),
                *("--python", sys.executable, "--no-python-downloads"),
                *("--config-file", str(config), "--color", "never"),
            ],
            services,
            count=lambda: sum(1 for _ in target.glob("*.dist-info")),
            environment=access.environment(only_pinned=bool(index)),
            may_run_code=request.allow_build,
        )
        report_built(output, request.requirements, services.sink)
    normalise(target)


def requirements_for_uv(
    entries: Sequence[Locked], wheels: Mapping[str, LocalWheel], expanded: Callable[[str], str]
) -> str:
    """Return entries of a lock as a requirements file, with the paths of wheels on this machine.

    `expanded` puts the values of environment variables into a URL.
    """
    lines: list[str] = []
    for entry in entries:
        if entry.name in wheels:
            entry = entry.with_source(wheels[entry.name].file.as_uri())
        elif isinstance(entry.source, UrlSource):
            entry = entry.with_source(expanded(entry.source.url))
        lines.append(entry.text)
    return "".join(f"{line}\n" for line in lines)


def normalise(target: Path) -> None:
    """Remove what differs from machine to machine, and keep what wheels contain.

    Removed are launchers of entry points, which the installer makes, files that it wrote about the
    installation, and compiled modules.  A wheel's own scripts stay; they name any `python3` instead
    of the interpreter of this machine.  A RECORD that can't be read is not changed; `installed`
    reports it.
    """
    for cache in list(target.rglob("__pycache__")):
        shutil.rmtree(cache)
    (target / ".lock").unlink(missing_ok=True)
    for info in target.glob("*.dist-info"):
        for name in _HOST_FILES:
            (info / name).unlink(missing_ok=True)
        record = info / "RECORD"
        if record.is_file():
            with suppress(UnicodeDecodeError, InvalidRecord):
                entries = _kept_entries(read_record(record.read_text(encoding="utf-8")), info)
                record.write_text(write_record(entries), encoding="utf-8")
                _remove_launchers(info)


def _kept_entries(entries: Iterable[RecordEntry], info: Path) -> Iterator[RecordEntry]:
    """Yield the entries of a RECORD without the files that `normalise` removes."""
    launchers = {f"bin/{name}" for name in _launchers(info)}
    for entry in entries:
        is_host_file = entry.path.rpartition("/")[2] in _HOST_FILES
        if is_host_file or "__pycache__" in entry.path or entry.path in launchers:
            continue
        if entry.path.startswith("bin/"):
            yield _with_hash(_portable_script(entry, info.parent), info.parent)
        elif not entry.path.startswith("../"):
            yield _with_hash(entry, info.parent)


def _with_hash(entry: RecordEntry, target: Path) -> RecordEntry:
    """Return the entry of a file with its SHA-256 if it lists no hash, or a stronger one that is right."""
    path = target / entry.path
    is_known = entry.hash_ is not None and entry.hash_.name == "sha256"
    inside = path.resolve().is_relative_to(target.resolve()) and path.is_file()
    if is_known or is_record(entry.path) or not inside:
        return entry
    if entry.hash_ is not None and not has_hash(entry, "", path):
        return entry
    content = path.read_bytes()
    return RecordEntry(entry.path, hash_of(content), len(content))


def _launchers(info: Path) -> list[str]:
    """Return the names of the entry points that the installer has made scripts for."""
    points = Distribution.at(info).entry_points
    return [point.name for point in points if point.group in ("console_scripts", "gui_scripts")]


def _remove_launchers(info: Path) -> None:
    """Remove the scripts of a distribution's entry points, and the folder if it is empty then."""
    scripts = info.parent / "bin"
    for name in _launchers(info):
        (scripts / name).unlink(missing_ok=True)
    with suppress(OSError):  # it is not empty, or there is none
        scripts.rmdir()


def _portable_script(entry: RecordEntry, target: Path) -> RecordEntry:
    """Write the first line of a Python script for any machine, and return its new entry."""
    path = target / entry.path
    if not real_path(path).is_relative_to(real_path(target)) or not path.is_file():
        return entry
    first, separator, rest = path.read_bytes().partition(b"\n")
    if not first.startswith(b"#!") or b"python" not in first.rpartition(b"/")[2]:
        return entry
    content = b"#!/usr/bin/env python3" + separator + rest
    path.write_bytes(content)
    return RecordEntry(entry.path, hash_of(content), len(content))
