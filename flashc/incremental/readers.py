"""Start a process that imports what reading modules needs, while this one opens the project.

LibCST takes as long to import as everything else that an edit of one module costs.
"""

from __future__ import annotations

import sys
from importlib import import_module

from flashc_core.processes import Prefork


def start_reader() -> Prefork | None:
    """Return the process, for `open_workspace`; None where it would save nothing or can't be started."""
    return None if "libcst" in sys.modules else Prefork.start(_prepare)


def _prepare() -> None:
    for name in ("flashc.frontend.summarise", "flashc.frontend.exports", "flashc.frontend.flash"):
        import_module(name)
