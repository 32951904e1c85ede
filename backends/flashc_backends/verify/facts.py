"""Parse a module of an artifact once, for all checks, and say what the result depends on."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct, field

from flashc.syntax.host import Refusal, compile_text
from flashc_core.python_texts import parse_module
from flashc_ir.imports.ast_imports import collect_certain_imports, collect_tree_imports
from flashc_ir.imports.resolve import ModuleIndex
from flashc_ir.modules import Import, Origin


class ModuleFacts(Struct, frozen=True, kw_only=True):
    """What the checks need to know of the text of a module.

    `definitions` are the names of its functions and classes, `certain_imports` the imports that
    importing the module executes in any case, `handler_of` and `handler_modules` the constants
    `RESOURCE` and `MODULES` of a handler.  `problem` says why the text can't be parsed, None if it
    can; `is_syntax_problem` says that it is no valid Python, not that the parser needs more memory or
    a deeper stack; `never_parses` says that no version of Python could parse it.

    `has` and `origins` record what the index answered for each name that the parsing asked for.
    """

    definitions: tuple[str, ...] = ()
    imports: tuple[Import, ...] = ()
    certain_imports: tuple[Import, ...] = ()
    handler_of: str | None = None
    handler_modules: tuple[str, ...] = ()
    problem: str | None = None
    is_syntax_problem: bool = False
    never_parses: bool = False
    has: dict[str, bool] = {}
    origins: dict[str, Origin] = {}

    def are_valid_for(self, index: ModuleIndex) -> bool:
        """Return whether parsing the same text with this index would give the same facts."""
        return all(index.has(name) is found for name, found in self.has.items()) and all(
            index.origin(name) is origin for name, origin in self.origins.items()
        )


class _Recording(Struct, frozen=True):
    """A `ModuleIndex` that records the answers of another one."""

    index: ModuleIndex
    asked: dict[str, bool] = field(default_factory=dict[str, bool])
    origins: dict[str, Origin] = field(default_factory=dict[str, Origin])

    def has(self, name: str) -> bool:
        return self.asked.setdefault(name, self.index.has(name))

    def origin(self, name: str, members: Iterable[str] = ()) -> Origin:
        return self.origins.setdefault(name, self.index.origin(name))


def parse_facts(path: str, text: str, index: ModuleIndex) -> ModuleFacts:
    """Parse the text of the module at `path` and return its facts."""
    recording = _Recording(index)
    is_package = path.endswith("/__init__.py")
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    refusal = compile_text(text)
    if isinstance(refusal, Refusal) and refusal.is_certain:
        shown = f"it can't be imported: {refusal.problem} (line {refusal.problem.line})"
        return ModuleFacts(problem=shown, is_syntax_problem=True, never_parses=True)
    try:
        tree = parse_module(text)
        imports, _ = collect_tree_imports(tree, path, name, is_package, text, recording)
        certain = collect_certain_imports(tree, path, name, is_package, text, recording)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return ModuleFacts(
            problem=_syntax_problem(error),
            is_syntax_problem=isinstance(error, (SyntaxError, ValueError)),
        )
    constants = _constants(tree) if path.startswith("handler_") else {}
    resource, modules = constants.get("RESOURCE"), constants.get("MODULES")
    return ModuleFacts(
        definitions=tuple(_definitions(tree.body)),
        imports=imports,
        certain_imports=certain,
        handler_of=resource if isinstance(resource, str) else None,
        handler_modules=_names(modules),
        has=recording.asked,
        origins=recording.origins,
    )


def _constants(tree: ast.Module) -> dict[str, object]:
    """Return the constants that a module assigns at its top."""
    found: dict[str, object] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def _names(value: object) -> tuple[str, ...]:
    """Return a tuple of strings; an empty one if `value` is something else.

    flashc may not have written the handler.
    """
    if not isinstance(value, tuple):
        return ()
    names = tuple(item for item in value if isinstance(item, str))
    return names if len(names) == len(value) else ()


def _syntax_problem(error: Exception) -> str:
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
