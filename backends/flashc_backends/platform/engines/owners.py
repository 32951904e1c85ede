"""Tell which flashc made something, and whether that flashc still runs."""

from __future__ import annotations

import os
from pathlib import Path

LABEL = "dev.flashc.preview"
"""The label of containers, networks and volumes; its value is the id of the preview."""
OWNER = "dev.flashc.owner"
"""The label of networks whose value is `this_process()`."""


def this_process() -> str:
    """Return a name for this process that no other process ever has."""
    return f"{_boot()}/{os.getpid()}/{_start_of(os.getpid())}"


def is_alive(owner: str) -> bool:
    """Return whether the process with this name runs."""
    boot, _, process = owner.partition("/")
    number, _, start = process.partition("/")
    if boot != _boot() or not number.isdigit():
        return False
    return _start_of(int(number)) == start


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def _start_of(process: int) -> str:
    """Return when a process was started, in ticks of the kernel; empty if it does not run."""
    try:
        stat = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return ""
    return stat.rpartition(b")")[2].split()[19].decode("ascii")
