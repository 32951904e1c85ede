"""A project's files -> which of its modules matter to endpoints, and what the others import.

A module is relevant if it names the SDK, or imports (through others) one that does: only such modules can
declare, call or re-export endpoints.  Of the others only the imports matter.
"""

from __future__ import annotations

from dataclasses import dataclass

from flashc.project.discover import SDK_PACKAGES, Tree
from flashc.project.texts import read_text
from flashc_core.diagnostics import Sink
from flashc_ir.imports.ast_imports import collect_imports_ast
from flashc_ir.imports.resolve import ImportProblem
from flashc_ir.modules import Import, Module, Origin

MAX_PLAIN_TEXT = 32_000_000  # characters
_MENTIONS = tuple(name.encode() for name in sorted(SDK_PACKAGES))


@dataclass(frozen=True, eq=False, kw_only=True)
class Survey:
    """`plain` are the modules that do not name the SDK, with their imports.  `broken` are those of them that
    are no Python, which matters only if a worker imports them."""

    relevant: frozenset[str]
    plain: dict[str, Module]
    problems: dict[str, tuple[ImportProblem, ...]]
    broken: frozenset[str]


def survey(tree: Tree) -> Survey:
    """Look at every module of a project."""
    problems: dict[str, tuple[ImportProblem, ...]] = {}
    plain: dict[str, Module] = {}
    broken: set[str] = set()
    mentioning: set[str] = set()
    for name, path in tree.modules.items():
        if _mentions_sdk(tree, path):
            mentioning.add(name)
            continue
        found = _imports(tree, name, path)
        if found is None:
            broken.add(name)
        imports, problems[name] = found or ((), ())
        plain[name] = Module(
            name=name, path=path, is_package=path.endswith("__init__.py"), imports=imports
        )
    return Survey(
        relevant=_importers(tree, mentioning, plain),
        plain=plain,
        problems=problems,
        broken=frozenset(broken),
    )


def _mentions_sdk(tree: Tree, path: str) -> bool:
    try:
        data = tree.read(path)
    except OSError:
        return False
    return any(name in data for name in _MENTIONS)


_Imports = tuple[tuple[Import, ...], tuple[ImportProblem, ...]]


def _imports(tree: Tree, name: str, path: str) -> _Imports | None:
    """What a module imports; None where that can't be read."""
    text = read_text(tree, path, Sink())
    if text is None:
        return None
    if len(text) > MAX_PLAIN_TEXT:
        return (), ()
    try:
        return collect_imports_ast(path, name, path.endswith("__init__.py"), text, tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _imports_of_newer_syntax(tree, name)


def _imports_of_newer_syntax(tree: Tree, name: str) -> _Imports | None:
    from flashc.project.sources import Sources
    from flashc.syntax.names import (
        collect_names,  # LibCST takes a while to import, and is rarely wanted here
    )

    syntax = Sources(tree, Sink()).syntax(name)
    if syntax is None:
        return None
    names = collect_names(syntax, tree)
    return names.module.imports, names.problems


def _importers(tree: Tree, mentioning: set[str], plain: dict[str, Module]) -> frozenset[str]:
    """The modules that mention the SDK, and all that import one of them, directly or not."""
    importers: dict[str, set[str]] = {}
    for module in plain.values():
        for target in imported_modules(module, tree):
            importers.setdefault(target, set()).add(module.name)
    found = set(mentioning)
    pending = list(mentioning)
    while pending:
        for importer in importers.get(pending.pop(), ()):
            if importer not in found:
                found.add(importer)
                pending.append(importer)
    return frozenset(found)


def imported_modules(module: Module, tree: Tree) -> dict[str, Import]:
    """The project's modules that `module` imports, parents and submodules included."""
    found: dict[str, Import] = {}
    for item in module.imports:
        if item.origin is not Origin.PROJECT:
            continue
        names = [item.module, *(n.submodule for n in item.names or () if n.submodule)]
        for name in names:
            parts = name.split(".")
            for length in range(1, len(parts) + 1):
                prefix = ".".join(parts[:length])
                if prefix in tree.modules:
                    found.setdefault(prefix, item)
    return found
