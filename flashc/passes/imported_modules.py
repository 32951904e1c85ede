"""Find the modules of the project that a module imports."""

from __future__ import annotations

from collections.abc import Iterable

from flashc_ir.modules import Module, Origin


class ImportGraph:
    """The imports between the modules of a program, including parents and submodules.

    Imports for type checkers only are left out.  Each module is searched once.
    """

    def __init__(self, modules: Iterable[Module]) -> None:
        """Index the modules by name."""
        self._modules = {module.name: module for module in modules}
        self._imported: dict[str, tuple[list[str], list[str]]] = {}

    def imported(self, name: str) -> list[str]:
        """Return the modules of the project that a module imports, also in its functions."""
        return self._of(name)[0]

    def imported_at_start(self, name: str) -> list[str]:
        """Return the project's modules that a module imports outside of functions."""
        return self._of(name)[1]

    def _of(self, name: str) -> tuple[list[str], list[str]]:
        """Return the modules that a module imports, and those imported outside of functions."""
        known = self._imported.get(name)
        if known is None:
            found: dict[str, bool] = {}  # whether it is imported outside of functions
            for item in self._modules[name].imports:
                if item.origin is Origin.PROJECT and not item.typing_only:
                    for target in item.modules():
                        if target in self._modules:
                            found[target] = found.get(target, False) or not item.scope
            at_start = [target for target, is_at_start in found.items() if is_at_start]
            known = self._imported[name] = (list(found), at_start)
        return known
