"""Load a separate copy of an artifact's modules for each endpoint, in the process of the tests.

In the world of an endpoint, a module such as `worker` is the entry `<endpoint>.worker` of `sys.modules`.  So libraries
that look up the module of a class find the right one, and threads of several worlds run at the same time.  The code in a
world has an `__import__` of its own: it takes the artifact's modules from the world, and all others from the process.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from .stand_ins import StandIn, Variables, stand_ins_for

RUNTIME = "_flashc"
_PACKAGE_FILE = "__init__.py"


class Layout:
    """The modules of an unpacked artifact, and their code, which all worlds share.

    `modules` has the paths of the project's modules in the artifact, by name.  Tracebacks, debuggers and coverage show
    the files of the project, in the folder `root`, because the artifact's modules have the same lines.
    """

    def __init__(self, tree: Path, root: Path, modules: Mapping[str, str]) -> None:
        self.tree, self._root = tree, root
        self._paths: dict[str, str | None] = {
            name: path for name, path in modules.items() if (tree / path).is_file()
        }
        self._project = frozenset(path for path in self._paths.values() if path is not None)
        self._paths.update(_generated(tree))
        for name in list(self._paths):
            for parent in _parents(name):
                self._paths.setdefault(parent, None)  # a namespace package
        self._code: dict[str, CodeType] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._paths

    def has_top(self, name: str) -> bool:
        """Return whether the first part of a dotted name is a module of the artifact."""
        return name.partition(".")[0] in self._paths

    def path_of(self, name: str) -> str | None:
        """Return the path of a module in the artifact; None for a namespace package."""
        return self._paths[name]

    def shown_path(self, path: str) -> str:
        """Return the path of the file that tracebacks show for a file of the artifact."""
        return str((self._root if path in self._project else self.tree) / path)

    def code_of(self, path: str) -> CodeType:
        """Return the compiled code of a file of the artifact."""
        if path not in self._code:
            data = (self.tree / path).read_bytes()
            self._code[path] = compile(data, self.shown_path(path), "exec", dont_inherit=True)
        return self._code[path]


def _generated(tree: Path) -> dict[str, str]:
    """Return the paths of the handlers and of the runtime, by the names of their modules."""
    found = {path.stem: path.name for path in tree.glob("handler_*.py")}
    for path in sorted(tree.glob(f"{RUNTIME}/**/*.py")):
        relative = path.relative_to(tree)
        parts = relative.parent.parts if relative.name == _PACKAGE_FILE else relative.parts
        found[".".join(parts).removesuffix(".py")] = relative.as_posix()
    return found


def _parents(name: str) -> Iterable[str]:
    """Yield the names of the packages that contain a module."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


class World:
    """The modules of one endpoint.

    `name` is the endpoint's name, `variables` are its environment variables, and `http` takes the place of `httpx` in
    the runtime.
    """

    def __init__(
        self, name: str, layout: Layout, variables: Mapping[str, str], http: StandIn
    ) -> None:
        self.prefix = f"<{name.replace('.', '_')}>"
        self.environ: MutableMapping[str, str] = Variables(variables)
        self._layout = layout
        self._stand_ins = stand_ins_for(self.inner_name, self.environ)
        self._http = http
        self.builtins: dict[str, Any] = {**builtins.__dict__, "__import__": self._import}

    def inner_name(self, name: str) -> str:
        """Return the name in `sys.modules` of a module that the endpoint's code knows as `name`."""
        return f"{self.prefix}.{name}" if self._layout.has_top(name) else name

    def outer_text(self, text: str) -> str:
        """Return a text with the plain names of the world's modules."""
        return text.replace(f"{self.prefix}.", "")

    def open(self) -> None:
        """Register the world, so that its modules can be imported."""
        _finder.open(self.prefix, self)
        package = ModuleType(self.prefix)
        package.__path__ = []
        sys.modules[self.prefix] = package

    def close(self) -> None:
        """Remove the world's modules."""
        _finder.close(self.prefix)
        for name in [name for name in sys.modules if name.partition(".")[0] == self.prefix]:
            del sys.modules[name]

    def module(self, name: str) -> ModuleType:
        """Import a module of the artifact in this world, and return it.

        Raises:
            ModuleNotFoundError: the artifact has no such module.
        """
        if name not in self._layout:
            raise ModuleNotFoundError(f"the artifact has no module {name!r}", name=name)
        return importlib.import_module(self.inner_name(name))

    def find_spec(self, name: str) -> ModuleSpec | None:
        """Return how a module of this world is loaded; None if the artifact has no such module."""
        if name not in self._layout:
            return None
        path, inner = self._layout.path_of(name), f"{self.prefix}.{name}"
        if path is None:
            spec = ModuleSpec(inner, None, is_package=True)
            spec.submodule_search_locations = []
            return spec
        shown = self._layout.shown_path(path)
        package = [str(Path(shown).parent)] if path.endswith(f"/{_PACKAGE_FILE}") else None
        loader = _Loader(inner, shown, self, path)
        return spec_from_file_location(
            inner, shown, loader=loader, submodule_search_locations=package
        )

    def run(self, path: str, module: ModuleType) -> None:
        """Run the code of a file of the artifact as a module of this world."""
        module.__dict__["__builtins__"] = self.builtins
        exec(self._layout.code_of(path), module.__dict__)

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """Import a module for code of this world: what `import` statements call."""
        if level == 0 and self._layout.has_top(name):
            found = builtins.__import__(f"{self.prefix}.{name}", globals, locals, fromlist or (), 0)
            return found if fromlist else sys.modules[self.inner_name(name.partition(".")[0])]
        if level == 0 and self._is_runtime(globals):
            if name == "runpod":  # the runtime would change this package for the whole process
                raise ModuleNotFoundError("there is no worker SDK in a test", name=name)
            if name == "httpx":
                return self._http
        found = builtins.__import__(name, globals, locals, fromlist or (), level)
        top = name.partition(".")[0]
        if level == 0 and top in self._stand_ins and (name == top or not fromlist):
            return self._stand_ins[top]
        return found

    def _is_runtime(self, globals: Mapping[str, Any] | None) -> bool:
        """Return whether code with these globals belongs to the runtime."""
        name = str((globals or {}).get("__name__", ""))
        return name.startswith(f"{self.prefix}.{RUNTIME}")


class _Loader(SourceFileLoader):
    """Runs the code of an artifact's file as a module of a world."""

    def __init__(self, name: str, shown: str, world: World, path: str) -> None:
        super().__init__(name, shown)
        self._world, self._file = world, path

    def exec_module(self, module: ModuleType) -> None:
        """Run the module."""
        self._world.run(self._file, module)


class _Finder:
    """Finds the modules of the open worlds for Python's import system."""

    def __init__(self) -> None:
        self._worlds: dict[str, World] = {}

    def open(self, prefix: str, world: World) -> None:
        """Find the modules of a world from now on."""
        self._worlds[prefix] = world
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def close(self, prefix: str) -> None:
        """Find the modules of a world no more."""
        self._worlds.pop(prefix, None)
        if not self._worlds and self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how a module is loaded; None if it belongs to no world."""
        prefix, _, name = fullname.partition(".")
        world = self._worlds.get(prefix)
        return world.find_spec(name) if world is not None and name else None


_finder = _Finder()
