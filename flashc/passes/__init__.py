"""Run all passes over the IR, in their order: first the analyses, then the rewrites.

A pass is a plain function `(Program, PassContext) -> Program`: it gets a valid program and returns
one.
"""

from __future__ import annotations

from collections.abc import Callable

from flashc_ir.laws import FIRST_STEP
from flashc_ir.program import Program
from flashc_ir.verify import Verifier

from .check_annotations import check_annotations
from .check_annotations_in_match import check_annotations_in_match
from .check_blocking_calls import check_blocking_calls
from .check_calls import check_calls
from .check_credentials import check_credentials
from .check_dependencies import check_dependencies
from .check_files import check_files
from .check_graph import check_graph
from .check_has_endpoints import check_has_endpoints
from .check_images import check_images
from .check_imports import check_imports
from .check_load_balancers import check_load_balancers
from .check_names import check_names
from .check_nested_endpoints import check_nested_endpoints
from .check_sdk_imports import check_sdk_imports
from .check_smoke import check_smoke
from .check_syntax_version import check_syntax_version
from .check_undefined_names import check_undefined_names
from .check_worker_modules import check_worker_modules
from .check_worker_packages import check_worker_packages
from .check_workers import check_workers
from .choose_python import choose_python
from .collect_worker_modules import collect_worker_modules
from .context import PassContext
from .resolve_calls import resolve_calls
from .rewrite_imports import rewrite_imports
from .select_requirements import select_requirements

Pass = Callable[[Program, PassContext], Program]
Observer = Callable[[str, Program], None]

ANALYSES: tuple[Pass, ...] = (
    # Which requirements hold, and what an image contains, depend on the Python version.
    choose_python,
    select_requirements,
    # What workers import decides which findings about modules matter.
    collect_worker_modules,
    check_imports,
    check_nested_endpoints,
    check_worker_modules,
    check_undefined_names,
    check_sdk_imports,
    check_dependencies,
    check_images,
    check_worker_packages,
    check_annotations_in_match,
    check_annotations,
    check_syntax_version,
    # Calls are resolved between endpoints with unique names; the checks after it look at calls.
    check_names,
    resolve_calls,
    check_calls,
    check_blocking_calls,
    check_graph,
    check_workers,
    check_load_balancers,
    check_smoke,
    check_files,
    check_credentials,
    # Reported only if nothing else explains why there is no endpoint.
    check_has_endpoints,
)
"""The passes that run on every program, also on one with errors, so that one run shows all findings."""

REWRITES: tuple[Pass, ...] = (rewrite_imports,)
"""The passes that run only on programs without errors; the resulting program is built."""


def run_passes(
    program: Program,
    context: PassContext,
    verifier: Verifier,
    observe: Observer | None = None,
    *,
    rewrite: bool = True,
) -> Program | None:
    """Run all passes, or only the analyses if `rewrite` is False; return None if there are errors.

    `observe` is called after each pass with the name of the pass and the program that it returned.

    Raises:
        InvalidProgram: a pass broke a law of the IR; this is a bug in flashc.
    """
    verifier.check(program, FIRST_STEP)
    for step in ANALYSES:
        program = _run(step, program, context, verifier, observe)
    if context.sink.has_errors():
        return None
    for step in REWRITES if rewrite else ():
        program = _run(step, program, context, verifier, observe)
    return program


def _run(
    step: Pass,
    program: Program,
    context: PassContext,
    verifier: Verifier,
    observe: Observer | None,
) -> Program:
    """Run one pass, verify the program that it returned, and pass it to the observer."""
    program = step(program, context)
    verifier.check(program, step.__name__)
    if observe is not None:
        observe(step.__name__, program)
    return program
