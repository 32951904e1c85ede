"""Follow the symbolic links on the path of a file, step by step."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path

from flashc_core.credential_files import names_credentials

_MOST_STEPS = 40  # as many links as Linux follows


def is_named_as_credentials(path: Path) -> bool:
    """Return whether the name of a file, or of one that links on its path lead to, suggests credentials."""
    whole = os.path.abspath(path).lstrip("/")
    return any(map(names_credentials, (path.as_posix(), *link_targets("", whole))))


def link_targets(root: str, path: str) -> tuple[str, ...]:
    """Return the paths, relative to `root`, that the links on a path lead to, in their order.

    `root` is a real path without "/" at its end, and `path` is relative to it.  A link to a link leads to both of their
    targets, and so does the path of a file in a linked folder.  Targets outside of the root are left out.
    """
    found: list[str] = []
    done, rest = root, path.split("/")
    if path.startswith("/"):
        done = ""
    steps = 0
    while rest and steps < _MOST_STEPS:
        part, rest = rest[0], rest[1:]
        if part == "..":
            done = posixpath.dirname(done)
            continue
        if part in ("", "."):
            continue
        here = f"{done}/{part}"
        try:
            target = os.readlink(here)
        except (OSError, ValueError):  # it is no link, or no path
            done = here
            continue
        steps += 1
        done, rest = "" if target.startswith("/") else done, [*target.split("/"), *rest]
        whole = posixpath.normpath(posixpath.join(done or "/", *filter(None, rest)))
        if whole.startswith(f"{root}/"):
            found.append(whole[len(root) + 1 :])
    return tuple(found)
