"""Run a worker in a sandbox of bubblewrap: `/app`, `/runpod-volume`, user 0 and processes of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from msgspec import Struct

APP, VOLUME, HOME = "/app", "/runpod-volume", "/root"
_SECONDS = 10


class Mounts(Struct, frozen=True, kw_only=True):
    """What a sandbox sees of this machine besides the system's folders: `seen` at the same paths."""

    artifact: Path
    volume: Path | None
    seen: tuple[Path, ...]
    devices: bool


@cache
def bubblewrap() -> str | None:
    """Return the path of a `bwrap` that works here; some systems forbid what it needs."""
    program = shutil.which("bwrap")
    if program is None:
        return None
    trial = [program, *_namespaces(), "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    try:
        subprocess.run(trial, capture_output=True, check=True, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
    return program


def sandboxed(program: str, command: Sequence[str], mounts: Mounts, hostname: str) -> list[str]:
    """Return the command that runs `command` in a sandbox, as its first process."""
    line = [program, *_namespaces(), "--unshare-ipc", "--unshare-uts", "--hostname", hostname]
    line += [*_system(), "--proc", "/proc"]
    line += ["--dev-bind", "/dev", "/dev"] if mounts.devices else ["--dev", "/dev"]
    line += ["--tmpfs", "/tmp", "--tmpfs", HOME, "--ro-bind", str(mounts.artifact), APP]
    if mounts.volume is not None:
        line += ["--bind", str(mounts.volume), VOLUME]
    for path in mounts.seen:
        if not path.is_relative_to("/usr"):
            line += ["--ro-bind", str(path), str(path)]
    return [*line, "--chdir", APP, "--as-pid-1", "--", *command]


def _namespaces() -> list[str]:
    user = [] if os.geteuid() == 0 else ["--unshare-user", "--uid", "0", "--gid", "0"]
    return [*user, "--unshare-pid", "--die-with-parent", "--new-session"]


def _system() -> list[str]:
    """Return the options that show the system's programs and configuration."""
    line: list[str] = []
    for path in ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/etc"):
        if os.path.islink(path):
            line += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            line += ["--ro-bind", path, path]
    names = os.path.realpath("/etc/resolv.conf")  # often in /run, which a sandbox does not see
    if os.path.exists(names) and not names.startswith("/etc/"):
        line += ["--ro-bind", names, names]
    return line
