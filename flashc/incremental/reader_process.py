"""Start a process that imports LibCST and the evaluator while this one opens the project.

The process then reads modules.  After an edit of one module, importing LibCST takes as long as all
other work.
"""

from __future__ import annotations

import sys
from importlib import import_module

from flashc_core.processes import Prefork

_NEEDED_BY_BOTH = "flashc.incremental.fingerprint"
_NEEDED_FOR_READING = (
    "flashc.incremental.summaries",
    "flashc.frontend.summarise",
    "flashc.frontend.exports",
    "flashc.frontend.flash",
)


def start_reader() -> Prefork | None:
    """Return the process, for `open_workspace`.

    The result is None if the process would save no time or can't be started.
    """
    import_module(_NEEDED_BY_BOTH)  # before the process is forked, so that it is imported once
    return None if "libcst" in sys.modules else Prefork.start(_prepare)


def _prepare() -> None:
    """Import the modules that read modules of a project."""
    for name in _NEEDED_FOR_READING:
        import_module(name)
