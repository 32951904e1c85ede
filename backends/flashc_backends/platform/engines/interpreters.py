"""Find the Python interpreters of this machine that can run workers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from msgspec import Struct

from flashc_core import rules

from .base import EngineError

_ASK = (
    "import json, os, sys; print(json.dumps("
    "['%d.%d' % sys.version_info[:2], getattr(sys, '_base_executable', sys.executable), "
    "sys.base_prefix, os.path.dirname(os.__file__)]))"
)
_SECONDS = 20
_HOME_FOLDERS = {
    ".pyenv/versions": "{version}.*/bin/python{version}",
    ".local/share/uv/python": "cpython-{version}.*/bin/python{version}",
}


class Interpreter(Struct, frozen=True, kw_only=True):
    """A Python that is not in a virtual environment: its program, its folder, and the folder of its library."""

    executable: str
    prefix: Path
    library: Path


@cache
def find_interpreter(version: str) -> Interpreter | None:
    """Find a Python of a version, such as "3.12", on this machine; return None if there is none."""
    for candidate in _candidates(version):
        found = _inspect(candidate)
        if found is not None and found[0] == version:
            return found[1]
    return None


def require_interpreter(version: str) -> Interpreter:
    """Find a Python of a version on this machine.

    Raises:
        EngineError: this machine has no Python of this version.
    """
    found = find_interpreter(version)
    if found is None:
        raise EngineError(
            rules.NO_INTERPRETER,
            f"the app's workers run on Python {version}, and this machine has none",
            help=(
                f"install it, for example with `uv python install {version}`, or use "
                "`--engine docker`, whose images have their own",
                f"or pass `--python-version {sys.version_info.major}.{sys.version_info.minor}`, "
                "which this machine has",
            ),
        )
    return found


def _candidates(version: str) -> Iterator[str]:
    """Yield the programs on this machine that may be Python `version`."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        yield sys.executable
    on_path = shutil.which(f"python{version}")
    if on_path is not None:
        yield on_path
    for folder, pattern in _HOME_FOLDERS.items():
        found = Path.home().joinpath(folder).glob(pattern.format(version=version))
        yield from map(str, sorted(found, reverse=True))


def _inspect(executable: str) -> tuple[str, Interpreter] | None:
    """Start an interpreter to get its version and its folders; return None if it does not start, such as a shim."""
    try:
        done = subprocess.run(
            [executable, "-I", "-c", _ASK],
            capture_output=True,
            text=True,
            check=True,
            timeout=_SECONDS,
        )
        version, base, prefix, library = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    found = Interpreter(executable=base, prefix=Path(prefix), library=Path(library))
    return version, found
