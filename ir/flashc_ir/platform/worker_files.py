"""Provide the modules of a worker that a module of an artifact would hide.

An artifact is unpacked into the folder that the worker's own modules are in, and Python searches
that folder first.  Data and sources: `data/worker-files.json`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache

from msgspec import Struct

from .facts import Names, read_facts


class WorkerFileFacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The modules in the folder of the worker's program, and what that program imports."""

    own: Names
    standard_library: Names
    packages: Names


@cache
def worker_modules() -> Mapping[str, str]:
    """Return the top-level modules that an artifact must not contain, each with whose it is."""
    facts = read_facts("worker-files", WorkerFileFacts)
    return {
        **dict.fromkeys(facts.standard_library.names, "a module of Python that the worker uses"),
        **dict.fromkeys(facts.packages.names, "a package that the worker itself needs"),
        **dict.fromkeys(_own_modules(), "a module of the worker"),
    }


def whose_module(name: str) -> str | None:
    """Return whose top-level module or package a worker has under a name; None if it has none."""
    if name in sys.stdlib_module_names:
        return "a module of Python"
    return worker_modules().get(name)


@cache
def _own_modules() -> frozenset[str]:
    """Return the names of the modules in the folder of the worker's program."""
    return frozenset(read_facts("worker-files", WorkerFileFacts).own.names)


def is_own_module(path: str) -> bool:
    """Return whether a file of an artifact would overwrite a module in the folder of the worker's program."""
    return path.endswith(".py") and path.removesuffix(".py") in _own_modules()


def overwrites(path: str) -> str | None:
    """Return whose module a Python file of an artifact would hide; None if it hides none.

    A folder without `__init__.py` hides nothing, because Python prefers every other module.
    """
    top, _, rest = path.partition("/")
    if rest == "__init__.py":
        return worker_modules().get(top)
    if rest or not top.endswith(".py"):
        return None
    return worker_modules().get(top.removesuffix(".py"))
