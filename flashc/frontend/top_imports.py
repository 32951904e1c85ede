"""Find third-party imports that only functions use, and the fix that moves them into the functions.

A package that a module imports at its top has to be installed on every machine that imports the
module: on all workers that get the module, and on a machine on which `flash` imports modules to
find endpoints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import libcst as cst
from msgspec import Struct

from flashc.syntax.parse import Syntax
from flashc.syntax.walk import children, docstring
from flashc_core.diagnostics import Fix, Safety
from flashc_core.source import Edit, Span
from flashc_ir.modules import DeferredImport, Import, Module, Origin
from flashc_ir.platform.distributions import distributions_of
from flashc_ir.platform.worker_packages import worker_distributions


def find_top_imports(syntax: Syntax, module: Module) -> tuple[DeferredImport, ...]:
    """Return the imports at the top of a module whose names only its functions use.

    If the top itself uses the package by another import, it is needed there anyway: moving
    `import torch` is no use next to `from torch import nn` and `class Net(nn.Module)`.
    """
    candidates = {item.span: item for item in module.imports if _is_candidate(item)}
    return tuple(_found(syntax, candidates)) if candidates else ()


def _found(syntax: Syntax, candidates: dict[Span, Import]) -> list[DeferredImport]:
    """Return the imports among `candidates` that functions, and nothing else, need."""
    occurrences = _Occurrences(syntax)
    staying = dict(candidates)
    found: list[DeferredImport] = []
    for statement, node in _statements(syntax):
        span, names = syntax.span(node), _bound_names(node)
        item = candidates.get(span)
        if item is None or not names:
            continue
        users = occurrences.functions_using(names)
        if users or not occurrences.contain(names):
            staying.pop(span, None)
        if users:
            fix = _fix(syntax, statement, node, users)
            found.append(DeferredImport(names=names, package=_package(item), span=span, fix=fix))
    needed = set(map(_package, staying.values()))
    return [each for each in found if each.package not in needed]


def _statements(
    syntax: Syntax,
) -> Iterator[tuple[cst.SimpleStatementLine, cst.Import | cst.ImportFrom]]:
    """Yield the import statements that stand alone on their line at the top level."""
    for statement in syntax.tree.body:
        if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
            node = statement.body[0]
            if isinstance(node, (cst.Import, cst.ImportFrom)):
                yield statement, node


def _package(item: Import) -> str:
    return item.module.partition(".")[0]


def _is_candidate(item: Import) -> bool:
    """Return whether an imported package may be missing on a machine that has the SDK."""
    if item.origin is not Origin.EXTERNAL or item.scope or item.guarded or item.typing_only:
        return False
    return not item.dynamic and not set(distributions_of(item.module)) & worker_distributions()


def _bound_names(node: cst.Import | cst.ImportFrom) -> tuple[str, ...]:
    """Return the names that an import statement binds; none for a star import."""
    if isinstance(node.names, cst.ImportStar):
        return ()
    aliases = [item.evaluated_alias or item.evaluated_name.partition(".")[0] for item in node.names]
    return tuple(aliases)


class _Occurrence(Struct, frozen=True):
    """One occurrence of a name.

    `function` is the outermost function whose body contains it; None outside of functions.  `binds`
    says that the occurrence binds the name.
    """

    name: str
    function: cst.FunctionDef | None
    binds: bool


class _Occurrences:
    """All occurrences of bare names in a module."""

    def __init__(self, syntax: Syntax) -> None:
        self._found: dict[str, list[_Occurrence]] = {}
        for occurrence in _occurrences(syntax.tree, None):
            self._found.setdefault(occurrence.name, []).append(occurrence)

    def functions_using(self, names: tuple[str, ...]) -> list[cst.FunctionDef]:
        """Return the functions that use one of the names, in source order.

        The list is empty if a name is also used outside of functions, is bound again, or is not
        used at all.
        """
        functions: dict[cst.FunctionDef, None] = {}
        for name in names:
            for occurrence in self._found.get(name, ()):
                if occurrence.binds or occurrence.function is None:
                    return []
                functions[occurrence.function] = None
        return list(functions)

    def contain(self, names: tuple[str, ...]) -> bool:
        """Return whether one of the names occurs outside of import statements at the top."""
        return any(name in self._found for name in names)


def _occurrences(node: cst.CSTNode, inside: cst.FunctionDef | None) -> Iterator[_Occurrence]:
    """Yield the names in `node`; `inside` is the outermost function that contains it."""
    match node:
        case cst.Import() | cst.ImportFrom():
            if inside is not None and not isinstance(node.names, cst.ImportStar):
                yield from (_Occurrence(name, inside, True) for name in _bound_names(node))
        case cst.Name():
            yield _Occurrence(node.value, inside, False)
        case cst.Attribute():
            yield from _occurrences(node.value, inside)
        case cst.Arg():
            yield from _occurrences(node.value, inside)
        case cst.Param():
            yield _Occurrence(node.name.value, inside, True)
            for part in (node.annotation, node.default):
                if part is not None:
                    yield from _occurrences(part, inside)
        case cst.Global() | cst.Nonlocal():
            yield from (_Occurrence(item.name.value, inside, True) for item in node.names)
        case cst.AssignTarget() | cst.AnnAssign() | cst.For() | cst.CompFor() | cst.NamedExpr():
            if isinstance(node.target, cst.Name):
                yield _Occurrence(node.target.value, inside, True)
            for child in children(node):
                yield from _occurrences(child, inside)
        case cst.FunctionDef():
            yield _Occurrence(node.name.value, inside, True)
            outside = (*node.decorators, node.params, *([node.returns] if node.returns else ()))
            for each in outside:
                yield from _occurrences(each, inside)
            yield from _occurrences(node.body, inside or node)
        case _:
            for child in children(node):
                yield from _occurrences(child, inside)


def _fix(
    syntax: Syntax,
    statement: cst.SimpleStatementLine,
    node: cst.Import | cst.ImportFrom,
    users: list[cst.FunctionDef],
) -> Fix | None:
    """Return a fix that moves an import statement into the bodies of functions.

    The result is None if a body is on the line of its `def`, or if a comment belongs to the import.
    """
    span = syntax.span(node)
    rest = syntax.lines.line(span.end_line)[span.end_column - 1 :]
    if rest.strip() or (
        statement.leading_lines and any(x.comment for x in statement.leading_lines)
    ):
        return None
    text = syntax.lines.slice(span)
    newline = syntax.tree.default_newline
    edits = [Edit(Span(span.path, span.line, 1, span.end_line + 1, 1), "")]
    for function in users:
        position = _first_line(syntax, function)
        if position is None:
            return None
        line, indent = position
        edits.append(Edit(Span(span.path, line, 1, line, 1), f"{indent}{text}{newline}"))
    return Fix("import it in the functions that use it", tuple(edits), Safety.SAFE)


def _first_line(syntax: Syntax, function: cst.FunctionDef) -> tuple[int, str] | None:
    """Return the line of the first statement after a body's docstring, and its indentation."""
    if not isinstance(function.body, cst.IndentedBlock):
        return None
    after_docstring = 1 if docstring(function.body) is not None else 0
    statements = function.body.body[after_docstring:]
    if not statements:
        return None
    first = statements[0]
    decorators = getattr(first, "decorators", ())
    line = syntax.span(decorators[0] if decorators else first).line
    match = re.match(r"[ \t]*", syntax.lines.line(line))
    return line, match[0] if match else ""
