"""A lock -> how large the wheels of its distributions are, from the package index's own words."""

from __future__ import annotations

import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any, cast

from packaging.utils import canonicalize_name
from uv import find_uv_bin

from flashc_backends.base import Context
from flashc_core.diagnostics import Sink

from .lock import Lock
from .resolvers import PLATFORM, LockFailed, run


def wheel_sizes(lock: Lock, context: Context) -> dict[str, int]:
    """Bytes of the wheel of each distribution; without those whose size the index does not tell.

    The resolver asks the index for the locked versions once more, which it remembers.  Source of the form:
    packaging.python.org/en/latest/specifications/pylock-toml.
    """
    with tempfile.TemporaryDirectory(prefix="flashc-sizes-") as name:
        source, target = Path(name, "locked.txt"), Path(name, "pylock.toml")
        source.write_text(lock.requirements, encoding="utf-8")
        command = [
            *(find_uv_bin(), "pip", "compile", str(source), "--output-file", str(target)),
            *("--format", "pylock.toml", "--no-deps", "--no-header", "--quiet"),
            *("--python-platform", PLATFORM, "--python-version", lock.python_version),
            *("--python", sys.executable, "--no-python-downloads", "--no-config"),
            *(() if context.allow_build else ("--only-binary", ":all:")),
        ]
        try:
            run(
                command, Sink()
            )  # a forecast that can't be made is none; installing says what is wrong
        except LockFailed:
            return {}
        document = tomllib.loads(target.read_text(encoding="utf-8"))
    sizes: dict[str, int] = {}
    for package in cast("list[dict[str, Any]]", document.get("packages", [])):
        wheels = cast("list[dict[str, Any]]", package.get("wheels", []))
        known = [wheel["size"] for wheel in wheels if isinstance(wheel.get("size"), int)]
        if known:  # of several that fit, whichever is installed has at least this
            sizes[canonicalize_name(str(package["name"]))] = min(known)
    return sizes
