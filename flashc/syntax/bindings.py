"""Bind names in a module's scopes: the targets of assignments, definitions and patterns."""

from __future__ import annotations

import libcst as cst
from msgspec import Struct

from .imports import ImportCollector
from .parse import Syntax
from .scopes import Bound, Chain, Scope, ScopeKind
from .walk import string_literal


def exported_names(value: cst.BaseExpression) -> tuple[str, ...] | None:
    """Return the names in the value of `__all__`; None if it is not a list or tuple of literals."""
    if not isinstance(value, (cst.List, cst.Tuple)):
        return None
    texts = [string_literal(element.value) for element in value.elements]
    names = tuple(text for text in texts if text is not None)
    return names if len(names) == len(texts) else None


class Binder(Struct, frozen=True, eq=False, kw_only=True):
    """Binds the names of one module; `imports` knows the results of dynamic imports."""

    syntax: Syntax
    imports: ImportCollector

    def bind_target(self, target: cst.CSTNode, scope: Scope) -> None:
        """Bind every name in the target of an assignment, loop, `with` or walrus expression."""
        match target:
            case cst.Name():
                scope.bind(target.value, Bound(span=self.syntax.span(target)))
            case cst.Tuple() | cst.List():
                for element in target.elements:
                    self.bind_target(element.value, scope)
            case cst.StarredElement():
                self.bind_target(target.value, scope)
            case _:
                pass  # an attribute or subscript binds no name

    def bind_value(self, target: cst.Name, value: cst.BaseExpression | None, scope: Scope) -> None:
        """Bind a name to a value; a name or a call as the value makes an alias or an instance."""
        span = self.syntax.span(target)
        alias = None if value is None else self.chain(value)
        instance: Chain | None = None
        if alias is None and isinstance(value, cst.Call):
            instance = self.chain(value.func)
        scope.bind(target.value, Bound(span=span, alias=alias, instance=instance))

    def bind_definition(self, name: cst.Name, scope: Scope) -> None:
        """Bind the name of a function or class.

        If it belongs to the module, its full name is known.
        """
        top = scope.kind is ScopeKind.MODULE or name.value in scope.global_names
        target = f"{self.syntax.name}.{name.value}" if top else None
        scope.bind(name.value, Bound(span=self.syntax.span(name), target=target))

    def bind_pattern(
        self, node: cst.MatchAs | cst.MatchStar | cst.MatchMapping, scope: Scope
    ) -> None:
        """Bind the name that a pattern of `match` captures."""
        name = node.rest if isinstance(node, cst.MatchMapping) else node.name
        if name is not None:
            located = name if isinstance(node, cst.MatchMapping) else node
            scope.bind(name.value, Bound(span=self.syntax.span(located)))

    def chain(self, node: cst.BaseExpression) -> Chain | None:
        """Return `a.b.c` or `import_module("a").b` as a chain; None for other expressions."""
        match node:
            case cst.Name():
                return Chain(node.value)
            case cst.Attribute():
                left = self.chain(node.value)
                return None if left is None else left.then(node.attr.value)
            case cst.Call():
                module = self.imports.imported_module(node)
                return None if module is None else Chain(module, absolute=True)
            case _:
                return None
