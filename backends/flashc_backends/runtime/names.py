"""Find the classes that the annotations of a stub module name, without loading the target's module."""

from __future__ import annotations

import builtins
import importlib
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any


class Names(Mapping[str, Any]):
    """The names in the annotations of a stub, each of which is found when it is asked for.

    A stub module has a table `NAMES` of what its target's module imports: "module", or
    "module:name".  Other names are those of the target's module itself.  A table `DEFAULTS` has, by
    function and parameter, the defaults that say where FastAPI finds an argument.
    """

    def __init__(self, module: str, skeleton: Any) -> None:
        self._module = module
        self._home = skeleton.__module__

    def _table(self, name: str) -> dict[str, Any]:
        """Return a table of the stub module."""
        table: dict[str, Any] = getattr(importlib.import_module(self._home), name, {})
        return table

    @property
    def defaults(self) -> dict[str, dict[str, str]]:
        """The defaults that say where FastAPI finds an argument, as texts."""
        return self._table("DEFAULTS")

    def __getitem__(self, name: str) -> Any:
        listed = self._table("NAMES")
        if name not in listed and hasattr(builtins, name):
            return getattr(builtins, name)
        module, _, attribute = listed.get(name, f"{self._module}:{name}").partition(":")
        try:
            found = importlib.import_module(module)
        except ImportError as error:
            warnings.warn(
                f"{name} can't be imported here ({error}); results of this type stay plain JSON",
                RuntimeWarning,
                stacklevel=2,
            )
            raise KeyError(name) from None
        if not attribute:  # `import a.b` binds `a`
            return sys.modules[name] if module.startswith(f"{name}.") else found
        if not hasattr(found, attribute):
            raise KeyError(name)
        return getattr(found, attribute)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
