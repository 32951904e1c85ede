"""Virtual environments of their own for what tests run as other programs."""

from __future__ import annotations

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
