"""Run commands as another user of this machine, and where the kernel grants no namespaces."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.projects import ROOT

NOBODY = 65534
_AS_NOBODY = f"setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups --inh-caps=-all"
_NO_MORE = "echo 0 > /proc/sys/user/max_user_namespaces"
_POWERLESS = "setpriv --ambient-caps=-all --inh-caps=-all --bounding-set=-all --no-new-privs"


def is_root() -> bool:
    """Return whether the tests run as root."""
    return os.geteuid() == 0


def as_nobody(command: Sequence[str]) -> list[str]:
    """Return a command of root that runs another one as the user "nobody".

    Python and this checkout may be in a folder of root that other users can't enter.  So both are mounted, at
    the same paths, over such folders, in a mount namespace that only the command has.
    """
    needed = {Path(sys.base_prefix).resolve(), Path(sys.prefix), ROOT}
    closed = {path: top for path in needed if (top := _closed_folder(path)) is not None}
    lines = ["stage=$(mktemp -d)", 'mount -t tmpfs none "$stage"']
    for number, path in enumerate(closed):
        lines.append(
            f'mkdir "$stage/{number}"; mount --bind {shlex.quote(str(path))} "$stage/{number}"'
        )
    for top in sorted(set(closed.values())):
        lines.append(f"mount -t tmpfs -o mode=755 none {shlex.quote(str(top))}")
    for number, path in enumerate(closed):
        quoted = shlex.quote(str(path))
        lines.append(f'mkdir -p {quoted}; mount --bind "$stage/{number}" {quoted}')
    lines += ['umount -l "$stage"; rmdir "$stage"', f"exec {_AS_NOBODY} {shlex.join(command)}"]
    return ["unshare", "--mount", "sh", "-ec", "\n".join(lines)]


def without_namespaces(command: Sequence[str], user: int) -> list[str]:
    """Return a command of `user` that runs another one where no namespace can be made."""
    mapped = (f"--map-user={user}", f"--map-group={user}", "--keep-caps")
    script = f"{_NO_MORE}\nexec {_POWERLESS} {shlex.join(command)}"
    return ["unshare", "--user", *mapped, "sh", "-ec", script]


def _closed_folder(path: Path) -> Path | None:
    """Return the outermost folder above `path` that other users can't enter; None if there is none."""
    folders = [*reversed(path.parents), path]
    return next((each for each in folders if not each.stat().st_mode & 0o001), None)
