"""Ask the package index how large the wheels of a lock are, before any download."""

from __future__ import annotations

import sys
import tomllib
from typing import Any, cast

from packaging.utils import canonicalize_name
from uv import find_uv_bin

from flashc_backends.base import Services
from flashc_core.diagnostics import Sink
from flashc_core.temporary import temporary_folder

from .lock import Lock
from .requirements import ResolutionRequest
from .tools import PLATFORM, DependencyError, run


def wheel_sizes(lock: Lock, request: ResolutionRequest, services: Services) -> dict[str, int]:
    """Return the size in bytes of each distribution's wheel, as far as the index tells it.

    uv resolves the locked versions once more, from data that it has cached.  If that fails, the
    result is empty.  Distributions with a source or an index of their own are left out.  Source of the form: packaging.python.org/en/latest/specifications/pylock-toml.
    """
    with temporary_folder("sizes") as folder:
        source, target = folder / "locked.txt", folder / "pylock.toml"
        asked = [
            entry.text
            for entry in lock.entries
            if entry.source is None and entry.name not in request.access.pins
        ]
        source.write_text("".join(f"{text}\n" for text in asked), encoding="utf-8")
        config = folder / "uv.toml"
        config.write_text(request.access.config(), encoding="utf-8")
        command = [
            *(find_uv_bin(), "pip", "compile", str(source), "--output-file", str(target)),
            *("--format", "pylock.toml", "--no-deps", "--no-header", "--quiet"),
            *("--python-platform", PLATFORM, "--python-version", lock.python_version),
            *("--python", sys.executable, "--no-python-downloads"),
            *("--config-file", str(config)),
            *(() if request.allow_build else ("--only-binary", ":all:")),
        ]
        quiet = Services(sink=Sink(), cache=services.cache, progress=services.progress)
        try:
            run(command, quiet, environment=request.access.environment())
        except DependencyError:  # the installation reports what is wrong
            return {}
        document = tomllib.loads(target.read_text(encoding="utf-8"))
    sizes: dict[str, int] = {}
    for package in cast("list[dict[str, Any]]", document.get("packages", [])):
        wheels = cast("list[dict[str, Any]]", package.get("wheels", []))
        known = [wheel["size"] for wheel in wheels if isinstance(wheel.get("size"), int)]
        if known:  # of several wheels, the smallest: the installed one is not smaller
            sizes[canonicalize_name(str(package["name"]))] = min(known)
    return sizes
