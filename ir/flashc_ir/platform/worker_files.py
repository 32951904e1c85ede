"""Provide the modules of a worker that a module of an artifact would hide.

An artifact is unpacked into the folder that the worker's own modules are in, and Python searches
that folder first.  Data and sources: `data/worker-files.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from msgspec import Struct

from .facts import Names, read_facts


class WorkerFileFacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The modules beside the worker's program, and what that program imports."""

    own: Names
    standard_library: Names
    packages: Names


@dataclass(frozen=True, slots=True)
class WorkerFiles:
    """The top-level modules of a worker; each with words that say whose module it is."""

    modules: Mapping[str, str]


@cache
def own_modules() -> frozenset[str]:
    """Return the modules beside the worker's program, which an artifact would overwrite."""
    return frozenset(read_facts("worker-files", WorkerFileFacts).own.names)


@cache
def worker_files() -> WorkerFiles:
    """Return the modules that an artifact must not contain."""
    facts = read_facts("worker-files", WorkerFileFacts)
    return WorkerFiles(
        {
            **dict.fromkeys(
                facts.standard_library.names, "a module of Python that the worker uses"
            ),
            **dict.fromkeys(facts.packages.names, "a package that the worker itself needs"),
            **dict.fromkeys(facts.own.names, "a module of the worker"),
        }
    )


def overwrites(path: str) -> str | None:
    """Return whose module a Python file of an artifact would hide; None if it hides none.

    A folder without `__init__.py` hides nothing, because Python prefers every other module.
    """
    top, _, rest = path.partition("/")
    if rest == "__init__.py":
        return worker_files().modules.get(top)
    if rest or not top.endswith(".py"):
        return None
    return worker_files().modules.get(top.removesuffix(".py"))
