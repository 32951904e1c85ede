"""Find bubblewrap (`bwrap`), the program that runs another one in a sandbox, and try what it can do here."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache

_SECONDS = 10


@cache
def find_bubblewrap(options: tuple[str, ...]) -> str | None:
    """Return the path of `bwrap` if it can make a sandbox with these options here; else None."""
    program = shutil.which("bwrap")
    if program is None:
        return None
    trial = [program, *options, "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    try:
        subprocess.run(trial, capture_output=True, check=True, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
    return program


def mounts_of_system(*, configuration: bool) -> list[str]:
    """Return the options that mount the system's programs read-only, and its configuration if wanted."""
    line: list[str] = []
    folders = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32")
    for path in (*folders, "/etc") if configuration else folders:
        if os.path.islink(path):
            line += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            line += ["--ro-bind", path, path]
    return line
