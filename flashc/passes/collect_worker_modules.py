"""Collect the modules that workers import."""

from __future__ import annotations

from msgspec import structs

from flashc_core.graphs import reachable
from flashc_ir.endpoints import modules_of
from flashc_ir.modules import Import, Module, Origin
from flashc_ir.program import Program

from .context import PassContext


def collect_worker_modules(program: Program, _context: PassContext) -> Program:
    """Set `worker_modules`: the endpoints' modules and everything of the project that these import."""
    modules = {module.name: module for module in program.modules}
    starts = [
        *(name for endpoint in program.code_endpoints() for name in modules_of(endpoint)),
        *(name for endpoint in program.unlowered for name in endpoint.modules),
    ]
    found = reachable(
        (name for name in starts if name in modules),
        lambda name: imported_modules(modules[name], modules),
    )
    return structs.replace(program, worker_modules=tuple(sorted(found)))


def imported_modules(module: Module, modules: dict[str, Module]) -> dict[str, Import]:
    """Return the project's modules that a module imports, parents and submodules included."""
    found: dict[str, Import] = {}
    for item in module.imports:
        if item.origin is Origin.PROJECT:
            for name in item.modules():
                if name in modules:
                    found.setdefault(name, item)
    return found
