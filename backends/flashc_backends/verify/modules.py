"""Check an artifact's own modules: find what they define, and imports of missing modules."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from packaging.version import InvalidVersion, Version

from flashc_ir.imports.ast_imports import collect_certain_imports, collect_tree_imports
from flashc_ir.modules import Import, Origin
from flashc_ir.platform.distributions import distributions_of
from flashc_ir.platform.images import never_bundled
from flashc_ir.platform.worker_packages import worker_distributions

from .archive import ArtifactContents


@dataclass(frozen=True, slots=True)
class OwnModule:
    """A module of the app: the names of its functions and classes, and its imports.

    `certain` are the imports that importing the module executes in any case.
    """

    definitions: frozenset[str]
    imports: tuple[Import, ...]
    certain: tuple[Import, ...]


@dataclass(frozen=True, slots=True)
class ArtifactIndex:
    """A `ModuleIndex` of the modules in an artifact."""

    artifact: ArtifactContents

    def has(self, name: str) -> bool:
        """Return whether the artifact has a module of this name."""
        return module_path(self.artifact, name) is not None

    def origin(self, name: str, members: Iterable[str] = ()) -> Origin:
        """Return where workers find a module: in the artifact, standard library or image."""
        top = name.partition(".")[0]
        if top in self.artifact.top_level:
            return Origin.PROJECT
        return Origin.STDLIB if top in sys.stdlib_module_names else Origin.EXTERNAL


def module_path(artifact: ArtifactContents, name: str) -> str | None:
    """Return the path of a module by its dotted name; None if the artifact does not have it."""
    stem = name.replace(".", "/")
    return next((p for p in (f"{stem}.py", f"{stem}/__init__.py") if p in artifact.members), None)


def read_modules(
    artifact: ArtifactContents,
) -> tuple[dict[str, OwnModule], list[tuple[str, str]]]:
    """Return the modules that the handlers import, directly or not, and (path, problem) pairs.

    Modules that can't be parsed are left out.  Such a module is a problem if a handler names it,
    unless its syntax may be newer than that of the Python that runs flashc.
    """
    index = ArtifactIndex(artifact)
    problems: list[tuple[str, str]] = []
    third_party = _third_party(artifact)
    resources = artifact.manifest.resources.values()
    pending = [function.module for resource in resources for function in resource.functions]
    named = {
        name for found in artifact.handlers.values() for name in names_in(found.get("MODULES"))
    }
    pending += named
    seen: set[str] = set()
    modules: dict[str, OwnModule] = {}
    while pending:
        name = pending.pop()
        path = module_path(artifact, name)
        if name in seen or path is None or path.split("/", 1)[0].removesuffix(".py") in third_party:
            continue
        seen.add(name)
        package = path.endswith("/__init__.py")
        text = artifact.text(path) or ""
        try:
            tree = ast.parse(text)
            imports, _ = collect_tree_imports(tree, path, name, package, text, index)
            always = collect_certain_imports(tree, path, name, package, text, index)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            is_syntax = isinstance(error, (SyntaxError, ValueError))
            certain = "\0" in text or _parser_knows_syntax_of(artifact.manifest.python_version)
            if name in named and is_syntax and certain:
                problems.append((path, syntax_problem(error)))
            continue
        modules[path] = OwnModule(frozenset(_definitions(tree.body)), imports, always)
        for item in imports:
            pending += [item.module, *(f"{item.module}.{n.name}" for n in item.names or ())]
    return modules, problems


def names_in(value: object) -> list[str]:
    """Return the strings of a tuple; none if `value` is something else.

    flashc may not have written the handler.
    """
    return [item for item in value if isinstance(item, str)] if isinstance(value, tuple) else []


def _parser_knows_syntax_of(python_version: str) -> bool:
    """Return whether the Python that runs flashc knows all syntax of the workers' Python."""
    here = Version(f"{sys.version_info.major}.{sys.version_info.minor}")
    try:
        return Version(python_version) <= here
    except InvalidVersion:
        return False


def syntax_problem(error: Exception) -> str:
    """Return what is wrong with a module that can't be parsed."""
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return f"it can't be imported: {error.msg} (line {error.lineno})"
    return f"it can't be imported: {error or type(error).__name__}"


def _definitions(body: list[Any]) -> Iterator[str]:
    """Yield the names of the functions and classes in a block, and in the blocks inside it."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            inside = getattr(node, block, None)
            if inside:
                yield from _definitions(inside)


def missing_imports(
    artifact: ArtifactContents, modules: Mapping[str, OwnModule]
) -> Iterator[tuple[str, Import]]:
    """Yield (path, import) for modules that are not in the artifact, image or standard library."""
    for path, module in modules.items():
        yield from ((path, item) for item in module.imports if is_missing(artifact, item))


def _third_party(artifact: ArtifactContents) -> frozenset[str]:
    """Return the top-level names of the distributions."""
    tops = (d.top_level for d in artifact.distributions.values())
    return frozenset(name for names in tops for name in names)


def is_missing(artifact: ArtifactContents, item: Import) -> bool:
    """Return whether a worker surely does not find an imported module."""
    if item.typing_only or item.guarded or item.origin is not Origin.EXTERNAL:
        return False
    names = set(distributions_of(item.module))
    if item.scope and names & artifact.left_to_others:
        return False  # code of another endpoint, in a module that both have
    return not names & (worker_distributions() | never_bundled() | {"numpy"})
