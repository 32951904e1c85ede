"""Start a process that imports LibCST and the evaluator while this one opens the project.

The process then reads modules.  After an edit of one module, importing LibCST takes as long as all
other work.
"""

from __future__ import annotations

import sys
from importlib import import_module

from flashc_core.processes import Prefork


def start_reader() -> Prefork | None:
    """Start the process; return it, as the argument `prefork` of `open_workspace`.

    The result is None if the process would save no time or can't be started.
    """
    return None if "libcst" in sys.modules else Prefork.start(_prepare)


def _prepare() -> None:
    """Import the modules that read modules of a project."""
    for name in ("flashc.frontend.summarise", "flashc.frontend.exports", "flashc.frontend.flash"):
        import_module(name)
