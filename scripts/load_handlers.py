"""Load handlers of an unpacked artifact as a worker's image does, and print how each went as JSON.

Usage: python load_handlers.py FOLDER HANDLER

The interpreter needs `runpod`, `fastapi`, `uvicorn` and `pydantic`, which every image has. Any other package that is
not installed is replaced by an empty one, in which every name exists. A missing module of the app itself, of Python or
of the Flash SDK is an error. This runs the code of the app's modules.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
import traceback
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_REAL = {
    *sys.stdlib_module_names,
    *("runpod", "runpod_flash", "tetra_rp", "fastapi", "uvicorn", "pydantic"),
}


class _Meta(type):
    """Classes of which every attribute exists."""

    def __getattr__(cls, name: str) -> object:
        return _attribute(name)


class _Anything(metaclass=_Meta):
    """A value that can be called, decorated with, subclassed and indexed."""

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        """Accept any arguments."""

    def __init_subclass__(cls, **_kwargs: object) -> None:
        """Accept any arguments of a class."""

    def __class_getitem__(cls, _item: object) -> type:
        return cls

    def __getattr__(self, name: str) -> object:
        return _attribute(name)

    def __call__(self, *args: Any, **kwargs: object) -> object:
        return args[0] if len(args) == 1 and callable(args[0]) and not kwargs else _Anything()

    def __getitem__(self, _item: object) -> object:
        return _Anything()

    def __iter__(self) -> Iterator[object]:
        return iter(())

    def __enter__(self) -> object:
        return self

    def __exit__(self, *_error: object) -> None:
        return None

    def __or__(self, _other: object) -> object:
        return self

    __ror__ = __or__


def _attribute(name: str) -> object:
    if name.startswith("__") and name.endswith("__"):
        raise AttributeError(name)
    return _Anything()


class _Package(types.ModuleType):
    """A package in which every name is a class."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return _Meta(name, (_Anything,), {"__module__": self.__name__})


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The last finder: it finds every package that nothing else finds."""

    def __init__(self) -> None:
        """Start without replaced packages."""
        self.replaced: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a package that is not installed; the parts of an installed one are not replaced."""
        top, dot, _ = fullname.partition(".")
        if top in _REAL or (dot and top not in self.replaced):
            return None
        self.replaced.add(top)
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """Return the empty package."""
        return _Package(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Run nothing."""


def load(folder: Path, name: str) -> dict[str, object]:
    """Load one handler; return what it offers, or the error, and the replaced packages."""
    finder = Finder()
    sys.meta_path.append(finder)
    sys.path.insert(0, str(folder))
    os.chdir(folder)
    error = None
    try:
        spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if not hasattr(module, "app") and not callable(getattr(module, "handler", None)):
            error = "the module has neither `app` nor `handler`"
    except (Exception, SystemExit):
        error = traceback.format_exc(limit=-3)
    return {"handler": name, "error": error, "replaced": sorted(finder.replaced)}


if __name__ == "__main__":
    print(json.dumps(load(Path(sys.argv[1]).resolve(), sys.argv[2])))
