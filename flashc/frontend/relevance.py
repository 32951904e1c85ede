"""Find the modules that can matter for endpoints, by the name of the SDK and by imports.

A module is plain if its text does not mention an SDK.  A module is relevant if its text mentions an
SDK, or if it imports a relevant module: only relevant modules can declare, call or re-export
endpoints.  Of the others, only the imports matter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec import structs

from flashc.project.parsing import parse_module, read_module
from flashc.project.project import Project
from flashc_core.diagnostics import Sink
from flashc_ir.imports.ast_imports import collect_imports_ast
from flashc_ir.modules import Module, Origin

_MAX_PLAIN_TEXT = 32_000_000  # characters


@dataclass(frozen=True, eq=False)
class Relevance:
    """The modules of a project by whether they can matter for endpoints.

    `relevant` are the names of the modules to be parsed and evaluated.  `plain` has the plain
    modules by name.  A plain module that imports a relevant one is in both fields.
    """

    relevant: frozenset[str]
    plain: dict[str, Module]


def find_relevant_modules(
    project: Project, read_plain: Callable[[Sequence[str]], dict[str, Module]]
) -> Relevance:
    """Return the relevant and the plain modules.

    `read_plain` reads the imports of plain modules.
    """
    packages = tuple(name.encode() for name in sorted(project.sdk_packages))
    mentioning = {
        name for name, path in project.modules.items() if _mentions(project, path, packages)
    }
    plain = read_plain([name for name in project.modules if name not in mentioning])
    return Relevance(_importers(mentioning, plain), plain)


def _mentions(project: Project, path: str, packages: tuple[bytes, ...]) -> bool:
    """Return whether the text of a file contains the name of an SDK's package."""
    try:
        return project.source(path).mentions(packages)
    except OSError:
        return False


def read_plain_module(project: Project, name: str) -> Module:
    """Return the imports of a module, and what is wrong with its text."""
    path = project.modules[name]
    module = Module(name=name, path=path, is_package=path.endswith("__init__.py"))
    sink = Sink()
    source = read_module(project, name, sink)
    if source is None:
        return structs.replace(module, unreadable=tuple(sink))
    if len(source.text) > _MAX_PLAIN_TEXT:
        return module
    try:
        imports, problems = collect_imports_ast(path, name, source.is_package, source.text, project)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _with_newer_syntax(project, module)
    return structs.replace(module, imports=imports, import_problems=problems)


def _with_newer_syntax(project: Project, module: Module) -> Module:
    """Return a module that the running Python can't parse, as LibCST parses it, if it can."""
    # LibCST takes a while to import and is rarely needed here
    from flashc.syntax.names import collect_names

    sink = Sink()
    syntax = parse_module(project, module.name, sink)
    if syntax is None:
        return structs.replace(module, unreadable=tuple(sink))
    names = collect_names(syntax, project)
    return structs.replace(module, imports=names.imports, import_problems=names.import_problems)


def _importers(mentioning: set[str], plain: dict[str, Module]) -> frozenset[str]:
    """Return the modules that mention an SDK, and all that import one of them, directly or not."""
    importers: dict[str, set[str]] = {}
    for module in plain.values():
        for item in module.imports:
            if item.origin is Origin.PROJECT:
                for target in item.modules():
                    importers.setdefault(target, set()).add(module.name)
    found = set(mentioning)
    pending = list(mentioning)
    while pending:
        for importer in importers.get(pending.pop(), ()):
            if importer not in found:
                found.add(importer)
                pending.append(importer)
    return frozenset(found)
