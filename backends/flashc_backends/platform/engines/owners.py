"""Name the process of flashc that owns a resource, such as a network, and check whether this process still runs."""

from __future__ import annotations

import os
from pathlib import Path

LABEL = "dev.flashc.preview"
"""The label of containers, networks and volumes; its value is the id of the preview."""
OWNER = "dev.flashc.owner"
"""The label of networks that names the process that made them; its value is `this_process()`."""


def this_process() -> str:
    """Return a name for this process.

    With `/proc`, the name is unique on this machine; without `/proc`, a later process may get the same name.
    """
    return f"{_boot_id()}/{os.getpid()}/{_start_of(os.getpid())}"


def process_of(owner: str) -> int | None:
    """Return the process id in an owner's name, None if it has none; the process may have ended."""
    number = owner.split("/")[1:2]
    return int(number[0]) if number and number[0].isdecimal() else None


def is_alive(owner: str) -> bool:
    """Check whether the process with this name still runs."""
    process = process_of(owner)
    if process is None:
        return False
    return _exists(process) and owner == f"{_boot_id()}/{process}/{_start_of(process)}"


def _exists(process: int) -> bool:
    """Return whether there is a process with this id, perhaps of another user."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _boot_id() -> str:
    """Return the kernel's boot id, "unknown" without `/proc`.

    It distinguishes processes from before and after a restart of the machine.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def _start_of(process: int) -> str:
    """Return when a process was started, in ticks of the kernel; "" if it has ended, or without `/proc`."""
    try:
        stat = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return ""
    state, *rest = stat.rpartition(b")")[2].split()
    return "" if state == b"Z" else rest[18].decode("ascii")
