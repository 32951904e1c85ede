"""Find bubblewrap, and make the command that runs a worker in its sandbox.

In the sandbox, the worker has `/app`, `/runpod-volume` and the user 0, and sees only its own processes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from flashc_core.bubblewrap import find_bubblewrap as find_program
from flashc_core.bubblewrap import mounts_of_system

APP, VOLUME, HOME = "/app", "/runpod-volume", "/root"


class Mounts(Struct, frozen=True, kw_only=True):
    """The folders of this machine in a sandbox, besides those of the system; `seen` are at their own paths."""

    artifact: Path
    volume: Path | None
    seen: tuple[Path, ...]
    devices: bool


def find_bubblewrap() -> str | None:
    """Find `bwrap` and try it; return its path, None if it is missing or the system forbids what it needs."""
    return find_program(tuple(_namespaces()))


def sandbox_command(
    program: str, command: Sequence[str], mounts: Mounts, hostname: str
) -> list[str]:
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
    """Return the options that separate the sandbox's users and processes from those of this machine."""
    user = [] if os.geteuid() == 0 else ["--unshare-user", "--uid", "0", "--gid", "0"]
    return [*user, "--unshare-pid", "--die-with-parent", "--new-session"]


def _system() -> list[str]:
    """Return the options that mount the system's programs and configuration, read-only."""
    line = mounts_of_system(configuration=True)
    names = os.path.realpath("/etc/resolv.conf")  # often in /run, which a sandbox does not see
    if os.path.exists(names) and not names.startswith("/etc/"):
        line += ["--ro-bind", names, names]
    return line
