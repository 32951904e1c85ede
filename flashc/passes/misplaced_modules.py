"""Find out why workers can't import a module: it is excluded, a broken link, or in another folder."""

from __future__ import annotations

import os
import posixpath

from flashc.project.inputs import file_input
from flashc.project.project import Presence, Project
from flashc.project.source_roots import AddedFolder
from flashc_ir.modules import Module
from flashc_ir.program import Exclusion

from .context import PassContext

_LONGEST_LINK = 1000  # bytes


def excluded_module(context: PassContext, name: str) -> Exclusion | None:
    """Return the exclusion of the file for the module `name`, or for a parent of it.

    Such a file is in the folder of the project, but an ignore rule excludes it.  The result is None
    if there is no such file.  Files that are looked for are inputs of the check, because an excluded
    folder is one exclusion, whatever is in it.
    """
    if "/" in name:  # Python finds no such module, whatever file has this path
        return None
    found = None
    stem = ""
    for part in name.split("."):
        stem = f"{stem}/{part}" if stem else part
        for path in (f"{stem}.py", f"{stem}/__init__.py"):
            if _presence(context, path) is Presence.ON_DISK:
                found = path
        if _presence(context, stem) is Presence.ABSENT:  # a name may have thousands of parts
            break
    return None if found is None else context.project.exclusion_of(found)


def _presence(context: PassContext, path: str) -> Presence:
    """Return the presence of a file or folder, which becomes an input of the check."""
    context.depends_on(file_input(path))
    return context.project.presence(path)


def link_as_text(context: PassContext, name: str) -> str | None:
    """Return the target of a link that is stored as a text file named like the module; None if there is none.

    git writes links like this on systems without links, and archives may keep them so.
    """
    path = name.partition(".")[0]
    file = context.project.by_path.get(path)
    if file is None or file.size > _LONGEST_LINK:
        return None
    context.depends_on(file_input(path))
    try:
        text = context.project.read(path).decode()
    except (OSError, UnicodeDecodeError):
        return None
    target = posixpath.normpath(text.strip())
    is_there = context.project.presence(target) is Presence.SHIPPED
    return target if is_there and len(text.split()) == 1 and target != path else None


def broken_link(context: PassContext, name: str) -> str | None:
    """Return the symbolic link for the module `name` that workers do not get; None if there is none."""
    top = name.partition(".")[0]
    for path in (f"{top}.py", top):
        presence = _presence(context, path)
        if presence is Presence.ON_DISK and os.path.islink(context.project.root / path):
            return path
    return None


def folder_with(project: Project, module: Module, name: str) -> str | None:
    """Return the nearest folder around that of `module` that contains the top-level module `name`, such as `src`.

    Python finds that module if the folder is installed or on `sys.path`; on a worker it is not.
    """
    parts = module.path.split("/")[:-2]
    folders = ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]
    top = name.partition(".")[0]
    return next((f for f in folders if project.has(f"{f.replace('/', '.')}.{top}")), None)


def module_outside(context: PassContext, name: str) -> AddedFolder | None:
    """Return the folder outside the project, added to `sys.path`, in which Python finds a module here."""
    top = name.partition(".")[0]
    for added in context.project.folders_outside:
        for path in (f"{added.folder}/{top}.py", f"{added.folder}/{top}/__init__.py"):
            if _presence(context, path) is not Presence.ABSENT:
                return added
    return None


def neighbouring_module(project: Project, module: Module, name: str) -> str | None:
    """Return the full name of a module `name` in the folder of `module`; None if there is none.

    Python finds that module if `module` is run as a script; a worker imports only from the
    project's root.
    """
    folder = module.path.rpartition("/")[0]
    full = ".".join((*folder.split("/"), name))
    return full if folder and project.has(full) else None


def is_reported_by_imports(context: PassContext, module: Module, name: str) -> bool:
    """Return whether `check_imports` reports this import: ignored file, text link, broken link or neighbour.

    `folder_with` and `module_outside` are not covered; callers check them too.
    """
    return (
        excluded_module(context, name) is not None
        or link_as_text(context, name) is not None
        or broken_link(context, name) is not None
        or neighbouring_module(context.project, module, name) is not None
    )
