"""Find the modules of the project that a module imports."""

from __future__ import annotations

from collections.abc import Mapping

from flashc_ir.modules import Module, Origin


def imported_modules(
    module: Module, modules: Mapping[str, Module], *, at_start: bool = False
) -> list[str]:
    """Return the project's modules that a module imports, parents and submodules included.

    What only a type checker imports is left out; `at_start` leaves out what functions import as well.
    """
    items = (
        item
        for item in module.imports
        if item.origin is Origin.PROJECT and not item.typing_only and not (at_start and item.scope)
    )
    names = (name for item in items for name in item.modules() if name in modules)
    return list(dict.fromkeys(names))
