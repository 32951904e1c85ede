"""Collect the project's modules that workers import, directly or through other modules."""

from __future__ import annotations

from msgspec import structs

from flashc_core.graphs import reachable
from flashc_ir.endpoints import modules_of
from flashc_ir.program import Program

from .context import PassContext
from .imported_modules import ImportGraph


def collect_worker_modules(program: Program, context: PassContext) -> Program:
    """Set `worker_modules`: the modules of endpoints and all modules that these import.

    Imports in functions are included, because a worker executes them when it calls the function.
    """
    found = reachable(_starts(program), context.imports(program).imported)
    return structs.replace(program, worker_modules=tuple(sorted(found)))


def started_modules(program: Program, imports: ImportGraph) -> frozenset[str]:
    """Return the modules that workers import when they start.

    Modules that only functions import are left out.
    """
    return frozenset(reachable(_starts(program), imports.imported_at_start))


def _starts(program: Program) -> list[str]:
    """Return the modules that declare the functions and classes of endpoints."""
    known = {module.name for module in program.modules}
    named = (
        *(name for endpoint in program.code_endpoints for name in modules_of(endpoint)),
        *(name for endpoint in program.unlowered for name in endpoint.modules),
    )
    return [name for name in named if name in known]
