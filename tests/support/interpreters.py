"""The Pythons for workers that this machine has; the runtime is run under the oldest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flashc_ir.platform.images import supported_pythons

REQUIRED = "FLASHC_OLDEST_PYTHON"
"""An environment variable: the version, such as `3.10`, that has to be found."""


@dataclass(frozen=True)
class Interpreter:
    """A Python of this machine, and the version that it says it has."""

    path: str
    version: str

    @property
    def minor(self) -> str:
        """The version without its last part."""
        return self.version.rpartition(".")[0]

    def __str__(self) -> str:
        return f"Python {self.version} ({self.path})"


@cache
def oldest_worker_python() -> Interpreter:
    """The oldest Python that workers may have and this machine has; at the worst the running one."""
    required = os.environ.get(REQUIRED)
    for found in worker_pythons():
        assert required in (None, "", found.minor), f"{REQUIRED}={required}, but found {found}"
        return found
    raise AssertionError(f"Python {sys.version} is none that workers have")


def worker_pythons() -> Iterator[Interpreter]:
    """Yield the Pythons that workers may have and this machine has, one of each version, the oldest first."""
    for wanted in supported_pythons():
        versions = ((path, _version(path)) for path in _candidates(wanted))
        found = next((each for each in versions if each[1].startswith(f"{wanted}.")), None)
        if found is not None:
            yield Interpreter(*found)


def _candidates(wanted: str) -> Iterator[str]:
    """Where a Python of this version may be: on the path, in pyenv's and uv's folders, or the running one."""
    if sys.version.startswith(f"{wanted}."):
        yield sys.executable
    on_path = shutil.which(f"python{wanted}")
    if on_path is not None:
        yield on_path
    home = Path.home()
    folders = {
        home / ".pyenv" / "versions": f"{wanted}.*/bin/python",
        home / ".local" / "share" / "uv" / "python": f"cpython-{wanted}.*/bin/python",
    }
    for folder, pattern in folders.items():
        yield from map(str, sorted(folder.glob(pattern)))


def _version(path: str) -> str:
    """What an interpreter says; empty for one that does not start, such as a shim without its Python."""
    command = [path, "-c", "import platform; print(platform.python_version())"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()
