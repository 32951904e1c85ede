"""Find the module that an import probably means, if the project has it but no worker finds it."""

from __future__ import annotations

from flashc.project.inputs import file_input
from flashc.project.project import Presence, Project
from flashc_ir.modules import Module
from flashc_ir.program import Exclusion

from .context import PassContext


def excluded_module(context: PassContext, name: str) -> Exclusion | None:
    """Return the exclusion of the file for the module `name`, or for a parent of it.

    Such a file is in the folder of the project, but an ignore rule excludes it.  The result is None
    if there is no such file.  Files that are looked for are inputs of the check, because an excluded
    folder is one exclusion, whatever is in it.
    """
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        stem = "/".join(parts[:length])
        for path in (f"{stem}.py", f"{stem}/__init__.py"):
            context.depends_on(file_input(path))
            if context.project.presence(path) is Presence.ON_DISK:
                return context.project.exclusion_of(path)
    return None


def neighbouring_module(project: Project, module: Module, name: str) -> str | None:
    """Return the full name of a module `name` in the folder of `module`; None if there is none.

    Python finds that module if `module` is run as a script; a worker imports only from the
    project's root.
    """
    folder = module.path.rpartition("/")[0]
    full = ".".join((*folder.split("/"), name))
    return full if folder and project.has(full) else None
