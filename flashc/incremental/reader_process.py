"""Start a process that imports LibCST and the evaluator while this one opens the project.

The process then reads modules.  After an edit of one module, importing LibCST takes as long as all
other work.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from importlib import import_module

from flashc_core.processes import Prefork

_DECORATOR = "dataclass"
_NEEDED_BY_BOTH = "flashc.project.inputs"
_NEEDED_FOR_READING = (
    "flashc.incremental.summaries",
    "flashc.frontend.summarise",
    "flashc.frontend.exports",
    "flashc.frontend.flash",
)


def start_reader() -> Prefork | None:
    """Start the process; return it, as the argument `prefork` of `open_workspace`.

    The result is None if the process would save no time or can't be started.
    """
    import_module(_NEEDED_BY_BOTH)  # before the process is forked, so that it is imported once
    return None if "libcst" in sys.modules else Prefork.start(_prepare)


def _prepare() -> None:
    """Import the modules that read modules of a project."""
    with _light_dataclasses():
        import_module("libcst")
    for name in _NEEDED_FOR_READING:
        import_module(name)


@contextmanager
def _light_dataclasses() -> Generator[None, None, None]:
    """Let modules that are imported now define their dataclasses without the methods that LibCST replaces.

    Generating and compiling the methods of its two hundred kinds of nodes is half of the time of
    importing LibCST.  LibCST itself defines how its nodes are compared, hashed and shown.  Without
    `frozen`, only the protection against changes is missing, and creating a node is faster.  This
    process contains no other code that uses LibCST.
    """
    whole = getattr(dataclasses, _DECORATOR)
    setattr(dataclasses, _DECORATOR, partial(_light_dataclass, whole))
    try:
        yield
    finally:
        setattr(dataclasses, _DECORATOR, whole)


def _light_dataclass(
    whole: Callable[..., object], cls: type | None = None, /, **options: bool
) -> object:
    """Call `whole`, the decorator for dataclasses, so that it generates only `__init__`."""
    return whole(cls, **{**options, "frozen": False, "eq": False, "repr": False})
