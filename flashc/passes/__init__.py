"""Passes over the IR.  The order of `PIPELINE` is the order in which they run.

A pass is a plain function `(Program, Sink) -> Program`: it expects a valid program and leaves one.
"""

from __future__ import annotations

from collections.abc import Callable

from flashc_core.diagnostics import Sink
from flashc_ir.program import Program

from .check_calls import check_calls
from .check_graph import check_graph
from .check_names import check_names
from .check_workers import check_workers
from .resolve_calls import resolve_calls
from .rewrite_imports import rewrite_imports

Pass = Callable[[Program, Sink], Program]

PIPELINE: tuple[Pass, ...] = (
    check_names,
    resolve_calls,
    check_calls,
    check_graph,
    check_workers,
    rewrite_imports,
)
