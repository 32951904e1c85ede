"""Install the packages of the worker image (the worker SDK, FastAPI, uvicorn) into a folder of the cache.

The packages are installed once for each version of Python.  They are also compiled to bytecode, because otherwise each
worker would compile them again.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from uv import find_uv_bin

from flashc_core import rules

from .base import EngineError, Report
from .interpreters import find_interpreter

# The packages of the worker image.  Artifacts that `flash build` has built need `runpod-flash`.
REQUIREMENTS = (
    "runpod>=1.12,<1.13",
    "fastapi>=0.115",
    "uvicorn[standard]>=0.30",
    "runpod-flash>=1.21,<2",
)
LINUX = "x86_64-manylinux_2_28"
"""The platform of the wheels that containers need, as uv names it."""
HERE = LINUX if sys.platform == "linux" and platform.machine() == "x86_64" else None
"""The platform of the wheels that processes of this machine need; None leaves the choice to uv."""
_SECONDS = 900


def layer_folder(cache: Path, version: str, wheels: str | None) -> Path:
    """Return the folder for the packages of a version of Python; `wheels` is the platform of the wheels."""
    wanted = "\n".join((*REQUIREMENTS, version, wheels or ""))
    name = hashlib.sha256(wanted.encode()).hexdigest()[:12]
    return cache / "workers" / f"py{version}-{name}"


def ensure_layer(cache: Path, version: str, wheels: str | None, report: Report) -> Path:
    """Install the packages if they are not installed, and return their folder.

    The packages are compiled if this machine has a Python of this version.

    Raises:
        EngineError: the packages can't be installed.
    """
    folder = layer_folder(cache, version, wheels)
    if folder.is_dir():
        return folder
    report(f"installing the packages of the worker image for Python {version}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            _install(draft, version, wheels)
            _compile(draft, version)
            draft.chmod(0o755)
            with suppress(OSError):  # another flashc has made the folder in the meantime
                draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise EngineError(
            rules.DISK_FAILED,
            f"the packages of the worker image can't be written: {error.strerror}",
            notes=(f"flashc tried to write them to `{folder.parent}`",),
            help=("free some space, or set FLASHC_CACHE_DIR to a folder that can be written",),
        ) from error
    return folder


def _install(target: Path, version: str, wheels: str | None) -> None:
    """Install the packages of the worker image into `target` with uv."""
    command = [find_uv_bin(), "pip", "install", "--target", str(target), "--quiet"]
    command += ["--python-version", version, "--only-binary", ":all:"]
    if wheels is not None:
        command += ["--python-platform", wheels]
    done = subprocess.run(
        [*command, *REQUIREMENTS], capture_output=True, text=True, check=False, timeout=_SECONDS
    )
    if done.returncode:
        raise EngineError(
            rules.WORKER_PACKAGES_FAILED,
            f"the packages of the worker image can't be installed for Python {version}",
            notes=tuple(done.stderr.strip().splitlines()[-5:]),
            help=("check the network and the package index; uv reads UV_INDEX_URL",),
        )


def _compile(folder: Path, version: str) -> None:
    """Compile the modules to bytecode, if this machine has a Python of the version; workers then start faster."""
    interpreter = find_interpreter(version)
    if interpreter is None:
        return
    command = [interpreter.executable, "-I", "-m", "compileall", "-q", "-j", "0", str(folder)]
    subprocess.run(command, capture_output=True, check=False, timeout=_SECONDS)
    for name in (
        "bin",
        ".lock",
    ):  # the scripts in `bin` name an interpreter that workers may not have
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        elif os.path.lexists(path):
            path.unlink()
