"""What this compiler is -> a key that changes whenever it might say something else."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

import flashc
import flashc_backends
import flashc_core
import flashc_ir
from flashc_core.cache import digest


@cache
def compiler_identity() -> str:
    """The compiler's own sources, its Python, and the packages beside it (their folders change when one
    comes or goes)."""
    parts = [flashc.__version__, sys.version]
    for package in (flashc, flashc_core, flashc_ir, flashc_backends):
        for file in sorted(Path(str(package.__file__)).parent.rglob("*.py")):
            status = file.stat()
            parts.append(f"{file}\0{status.st_size}\0{status.st_mtime_ns}")
    for folder in sys.path:
        if folder.endswith(("site-packages", "dist-packages")) and os.path.isdir(folder):
            parts.append(f"{folder}\0{os.stat(folder).st_mtime_ns}")
    return digest(*parts)
