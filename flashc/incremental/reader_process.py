"""Start a process that imports LibCST and the evaluator while this one opens the project.

The process then reads modules.  After an edit of one module, importing LibCST takes as long as all
other work.
"""

from __future__ import annotations

import sys
from importlib import import_module

from flashc_core.processes import Prefork

_NEEDED_BY_BOTH = "flashc.project.inputs"
_NEEDED_FOR_READING = (
    "flashc.incremental.summaries",
    "flashc.frontend.summarise",
    "flashc.frontend.exports",
    "flashc.frontend.flash",
    "libcst.native",
    # They lower endpoints; the process imports them while it has nothing else to do.
    "flashc.frontend.legacy.lower",
    "flashc.frontend.legacy.rewrite",
    "flashc.frontend.legacy.semantics",
    "flashc.frontend.flash.imports",
    "flashc.frontend.flash.lower",
    "flashc.frontend.flash.semantics",
)


def start_reader() -> Prefork | None:
    """Start the process; return it, as the argument `prefork` of `open_workspace`.

    The result is None if the process would save no time or can't be started.
    """
    import_module(_NEEDED_BY_BOTH)  # before the process is forked, so that it is imported once
    return None if "libcst" in sys.modules else Prefork.start(_prepare)


def _prepare() -> None:
    """Import the modules that read modules of a project."""
    from .light_libcst import import_libcst

    import_libcst()
    for name in _NEEDED_FOR_READING:
        import_module(name)
