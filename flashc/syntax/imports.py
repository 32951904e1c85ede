"""Collect the imports of a module, static and dynamic, and bind the names that they define."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import libcst as cst
from msgspec import Struct, field, structs

from flashc_ir.imports.resolve import (
    IMPORT_FUNCTIONS,
    OWN_PACKAGE,
    START_FUNCTIONS,
    ModuleIndex,
    origin_of,
    resolve_name,
    resolve_relative,
    started_modules,
)
from flashc_ir.modules import Import, ImportedName, ImportProblem, Origin

from .literal_values import texts_of
from .parse import Syntax
from .scopes import Bound, Scope
from .walk import dotted, string_literal


class ImportContext(Struct, frozen=True):
    """The code around an import: `if TYPE_CHECKING:`, or (`guarded`) a `try` for ImportError."""

    typing_only: bool
    guarded: bool


class ImportCollector(Struct, eq=False, kw_only=True):
    """Collects the imports of one module.

    The `bind_` methods bind names in a scope as Python does; the `note_` methods add to `found` and
    `problems`.
    """

    syntax: Syntax
    index: ModuleIndex
    found: list[Import] = field(default_factory=list[Import])
    problems: list[ImportProblem] = field(default_factory=list[ImportProblem])

    @property
    def package(self) -> str:
        """The dotted name of the package that relative imports of this module start from."""
        name = self.syntax.name
        return name if self.syntax.is_package else name.rpartition(".")[0]

    def bind_import(self, node: cst.Import, scope: Scope) -> None:
        """Bind the names of an `import a.b as c` statement."""
        span = self.syntax.span(node)
        for item in node.names:
            name, alias = item.evaluated_name, item.evaluated_alias
            bound, target = (alias, name) if alias else (name.partition(".")[0],) * 2
            scope.bind(bound, Bound(span=span, target=target))

    def note_import(self, node: cst.Import, scope: Scope, context: ImportContext) -> None:
        """Add the imports of an `import a, b` statement."""
        for item in node.names:
            found = self._import(item.evaluated_name, node, scope, context)
            self.found.append(structs.replace(found, alias=item.evaluated_alias))

    def bind_import_from(self, node: cst.ImportFrom, scope: Scope) -> None:
        """Bind the names of a `from a import b as c` statement.

        The names of `*` are not known yet.
        """
        span, module = self.syntax.span(node), self._source(node)
        for name in self._names(node, module):
            if name.name != "*":
                target = None if module is None else _member(module, name.name)
                scope.bind(name.bound, Bound(span=span, target=target))

    def note_import_from(self, node: cst.ImportFrom, scope: Scope, context: ImportContext) -> None:
        """Add the import of `from a import b`, or a problem if it is relative and leaves the root."""
        span, module = self.syntax.span(node), self._source(node)
        if module is None:
            text = "." * len(node.relative) + (dotted(node.module) or "" if node.module else "")
            self.problems.append(ImportProblem(span=span, text=text, computed=False))
            return
        found = self._import(module, node, scope, context)
        names, relative = tuple(self._names(node, module)), bool(node.relative)
        origin = origin_of(self.index, module, names, is_relative=relative and bool(module))
        self.found.append(structs.replace(found, names=names, relative=relative, origin=origin))

    def note_dynamic(self, node: cst.Call, scope: Scope, context: ImportContext) -> None:
        """Add the import of `import_module(...)` or `__import__(...)`, if the call is one."""
        callee = dotted(node.func)
        if callee in START_FUNCTIONS:
            self._note_started(node, scope, context)
        if callee not in IMPORT_FUNCTIONS or not node.args:
            return
        span, literal = self.syntax.span(node), string_literal(node.args[0].value)
        name = self.imported_module(node)
        if name is None and literal is None and self._note_shown(node, scope, context):
            return
        if name is None:
            is_computed = literal is None or self._anchor(node) is None
            text = self.syntax.code(node) if is_computed else literal or ""
            self.problems.append(
                ImportProblem(span=span, text=text, computed=is_computed, expected=context.guarded)
            )
            return
        if callee == "__import__":
            name = literal or name
        found = self._import(name, node, scope, context)
        self.found.append(structs.replace(found, dynamic=True))

    def _note_shown(self, node: cst.Call, scope: Scope, context: ImportContext) -> bool:
        """Add the imports of a call whose argument has only texts that the module shows.

        The result is whether that is so.  What is imported of an SDK is known when the call is
        evaluated.
        """
        names = texts_of(node.args[0].value, node, self.syntax.tree)
        if names is None or any(name.startswith(".") for name in names):
            return False
        for name in sorted(names):
            found = self._import(name, node, scope, context)
            if found.origin is not Origin.SDK:
                self.found.append(structs.replace(found, dynamic=True))
        return True

    def _note_started(self, node: cst.Call, scope: Scope, context: ImportContext) -> None:
        """Record the modules that a call runs as programs, as dynamic imports."""
        arguments = [argument.value for argument in node.args if argument.keyword is None]
        for name in started_modules(_words(arguments), self.index):
            found = self._import(name, node, scope, context)
            self.found.append(structs.replace(found, dynamic=True))

    def _import(
        self, module: str, node: cst.CSTNode, scope: Scope, context: ImportContext
    ) -> Import:
        """Return the plain import of a module at a place in the code."""
        return Import(
            module=module,
            origin=self.index.origin(module),
            names=None,
            span=self.syntax.span(node),
            scope=scope.qualname,
            typing_only=context.typing_only,
            guarded=context.guarded,
        )

    def imported_module(self, node: cst.Call) -> str | None:
        """Return the full name of the module that a dynamic import returns.

        The result is None if it is not known.
        """
        callee = dotted(node.func)
        if callee not in IMPORT_FUNCTIONS or not node.args:
            return None
        name = string_literal(node.args[0].value)
        if name is None:
            return None
        if callee == "__import__":
            return name.partition(".")[0]  # `__import__("a.b")` returns the package `a`
        package = self._anchor(node)
        return (
            None if package is None and name.startswith(".") else resolve_name(package or "", name)
        )

    def _anchor(self, node: cst.Call) -> str | None:
        """Return the package from which `import_module` takes a relative name; None if it is computed."""
        plain = [each.value for each in node.args if each.keyword is None]
        named = [
            each.value for each in node.args if each.keyword and each.keyword.value == "package"
        ]
        match [*plain[1:2], *named]:
            case []:
                return self.package
            case [cst.Name(value=name)] if name in OWN_PACKAGE:
                return self.package
            case [anchor]:
                return string_literal(anchor)
            case _:
                return None

    def _source(self, node: cst.ImportFrom) -> str | None:
        """Return the full name of the module in `from ... import`.

        The result is None if a relative import leaves the project's root.
        """
        written = (dotted(node.module) if node.module is not None else "") or ""
        level = len(node.relative)
        return resolve_relative(self.package, level, written) if level else written

    def _names(self, node: cst.ImportFrom, module: str | None) -> Iterator[ImportedName]:
        """Yield the names that a `from ... import` statement imports."""
        if isinstance(node.names, cst.ImportStar):
            yield ImportedName(name="*")
            return
        for item in node.names:
            full = _member(module, item.evaluated_name)
            submodule = full if self.index.has(full) else None
            yield ImportedName(
                name=item.evaluated_name, alias=item.evaluated_alias, submodule=submodule
            )


def _words(nodes: Iterable[cst.BaseExpression]) -> Iterator[str]:
    """Yield the words of the plain strings in some expressions, in source order."""
    for node in nodes:
        if isinstance(node, (cst.List, cst.Tuple)):
            yield from _words(element.value for element in node.elements)
        else:
            yield from (string_literal(node) or "").split()


def _member(module: str | None, name: str) -> str:
    """Return the full name of `name` in a module."""
    return f"{module}.{name}" if module else name
