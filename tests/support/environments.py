"""Virtual environments of their own for what tests run as other programs."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

from uv import find_uv_bin


def make_environment(folder: Path, *requirements: str, python: str | None = None) -> Path:
    """A fresh virtual environment with these requirements; returns its interpreter."""
    uv = find_uv_bin()
    subprocess.run(
        [uv, "venv", "--quiet", "--python", python or sys.executable, str(folder)], check=True
    )
    interpreter = folder / "bin" / "python"
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", str(interpreter), *requirements], check=True
    )
    return interpreter


def shared_environment(folder: Path, *requirements: str) -> Path:
    """A virtual environment that the processes of a test run share; returns its interpreter.

    The first process that needs it makes it, and the others wait.
    """
    whole = folder.with_suffix(".whole")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            make_environment(folder, *requirements)
            whole.touch()
    return folder / "bin" / "python"
