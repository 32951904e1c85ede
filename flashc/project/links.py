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


def opened_path(root: str, path: str) -> str:
    """Return a path, relative to `root`, without "..", of the file that the operating system opens for `path`.

    A link stays in the path unless ".." follows it, which is the parent of the folder that it leads to.  A path that
    can't be opened, because ".." follows no folder, is returned as it is; so is one that a link leads out of the root.
    A path that names a file outside of the root may begin with ".." or "/".
    """
    usual = posixpath.normpath(path)
    if ".." not in path.split("/"):
        return usual
    is_outside = usual.startswith(("../", "/"))
    top = "/" if path.startswith("/") else ""
    done: list[str] = []
    for part in path.split("/"):
        if part in ("", "."):
            continue
        if part != ".." or done[-1:] == [".."] or not (done or top):
            done.append(part)
            continue
        here = posixpath.join(root, top + "/".join(done))
        if not os.path.isdir(here):
            return path
        if not os.path.islink(here):
            del done[-1:]
            continue
        parent, real_root = posixpath.dirname(os.path.realpath(here)), os.path.realpath(root)
        is_inside = f"{parent}/".startswith(f"{real_root}/")
        if not is_inside and not is_outside:
            return path
        top = "" if is_inside else "/"
        done = [*filter(None, parent[len(real_root) if is_inside else 0 :].split("/"))]
    return posixpath.normpath(top + "/".join(done))
