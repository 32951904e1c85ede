"""Find the absolute name of each name used in a parsed module, and make the module's IR."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst
from msgspec import Struct, structs

from flashc_ir.imports.resolve import ModuleIndex
from flashc_ir.modules import Binding, CallShape, Import, ImportedName, Module, Origin, Reference

from .parse import Syntax
from .patterns import member_of
from .scopes import Chain, Scope, resolve_chain


class Use(Struct, frozen=True, kw_only=True):
    """A use of a dotted name in the code, and what the code does with it; see `Reference`."""

    scope: Scope
    chain: Chain
    node: cst.CSTNode
    shape: CallShape | None
    member: str | None = None
    member_shape: CallShape | None = None


def module_of(
    syntax: Syntax,
    index: ModuleIndex,
    top: Scope,
    imports: Sequence[Import],
    uses: Sequence[Use],
    exports: tuple[str, ...] | None,
) -> Module:
    """Return the IR of a module; uses are resolved as far as the text of this module allows.

    `exports` is the value of `__all__`; None if the module does not define it.
    """
    resolver = _ReferenceResolver(
        syntax=syntax, index=index, top=top, imports=tuple(imports), uses=uses
    )
    return Module(
        name=syntax.name,
        path=syntax.path,
        is_package=syntax.is_package,
        imports=resolver.imports,
        bindings=tuple(resolver.bindings()),
        references=tuple(resolver.references()),
        exports=exports,
    )


class _ReferenceResolver(Struct, frozen=True, eq=False, kw_only=True):
    """Resolves the uses of names in one module to absolute names."""

    syntax: Syntax
    index: ModuleIndex
    top: Scope
    imports: tuple[Import, ...]
    uses: Sequence[Use]

    def bindings(self) -> list[Binding]:
        """Return the names that the module binds at its top."""
        result: list[Binding] = []
        for name, bounds in self.top.bindings.items():
            found = resolve_chain(self.top, Chain(name))
            target = found[0][0] if len(found) == 1 and not found[0][1] else None
            result.append(
                Binding(name=name, target=target, unique=len(bounds) == 1, span=bounds[0].span)
            )
        return result

    def references(self) -> list[Reference]:
        """Return the uses of names that the project or an SDK defines."""
        stars = [
            item.module
            for item in self.imports
            if item.names == (ImportedName(name="*"),) and item.origin is Origin.PROJECT
        ]
        result: list[Reference] = []
        for use in self.uses:
            for found, made in self._resolved(use, stars):
                target, instance = self._client(use, found, made)
                if self._of_interest(target):
                    result.append(self._reference(use, target, instance))
        return result

    def _resolved(self, use: Use, stars: list[str]) -> tuple[tuple[str, bool], ...]:
        """Return what a used name may mean: (absolute name, whether an instance of it is meant).

        In `sd = SD()`, the name `sd` means an instance of `SD`.  A name that the module does not
        bind may come from each module in `stars`, by `from module import *`.
        """
        if use.chain.absolute or use.scope.owner(use.chain.root) is not None:
            return resolve_chain(use.scope, use.chain)
        name = ".".join((use.chain.root, *use.chain.attributes))
        return tuple((f"{module}.{name}", False) for module in stars)

    def _client(self, use: Use, target: str, instance: bool) -> tuple[str, bool]:
        """Return the target of a use; if it uses a variable that may hold a client, return the variable's name instead.

        An object of an SDK in a variable of the module's top level may be a client.  Calls of a
        client are resolved by the name of the variable, so this name becomes the target.
        """
        at_top = use.scope.owner(use.chain.root) is self.top
        if instance and at_top and self.index.origin(target) is Origin.SDK:
            return ".".join((self.syntax.name, use.chain.root, *use.chain.attributes)), False
        return target, instance

    def _of_interest(self, target: str) -> bool:
        """Return whether a name belongs to this module, the project or an SDK."""
        own = target.startswith(f"{self.syntax.name}.") or not self.syntax.name
        return own or self.index.origin(target) in (Origin.PROJECT, Origin.SDK)

    def _reference(self, use: Use, target: str, instance: bool) -> Reference:
        """Return the reference for one use and one meaning of its name."""
        span = self.syntax.span(use.node)
        scope = use.scope.qualname
        if (
            instance
        ):  # after `sd = SD()`, in `sd.generate(x)`, the last attribute (`generate`) is the member
            made, _, member = target.rpartition(".")
            if use.chain.attributes:
                return Reference(
                    scope=scope,
                    target=made,
                    span=span,
                    shape=None,
                    member=member,
                    member_shape=self._with_argument_spans(use.shape, call_of_shape(use)),
                )
            return Reference(scope=scope, target=target, span=span)
        return Reference(
            scope=scope,
            target=target,
            span=span,
            shape=use.shape if use.member else self._with_argument_spans(use.shape, use.node),
            member=use.member,
            member_shape=self._with_argument_spans(use.member_shape, use.node),
        )

    def _with_argument_spans(self, shape: CallShape | None, node: cst.CSTNode) -> CallShape | None:
        """Return the shape of the call `node` with the spans of its arguments."""
        if shape is None or not isinstance(node, cst.Call):
            return shape
        values = {
            str(index) if argument.keyword is None else argument.keyword.value: argument.value
            for index, argument in enumerate(node.args)
        }
        return structs.replace(
            shape,
            constants=tuple(
                structs.replace(constant, span=self.syntax.span(values[constant.argument]))
                for constant in shape.constants
            ),
            positional_spans=tuple(
                self.syntax.span(argument.value)
                for argument in node.args
                if argument.keyword is None and not argument.star
            ),
            keyword_spans=tuple(
                self.syntax.span(argument.keyword)
                for argument in node.args
                if argument.keyword is not None
            ),
        )


def call_of_shape(use: Use) -> cst.CSTNode:
    """Return the call that `use.shape` describes: in `made(...).name(...)`, the inner call."""
    outer = use.node.func if isinstance(use.node, cst.Call) else use.node
    if use.member is None or not isinstance(outer, cst.BaseExpression):
        return use.node
    member = member_of(outer)
    return use.node if member is None else member.call
