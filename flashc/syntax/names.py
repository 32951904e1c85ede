"""Collect the imports, top-level bindings and references to names of one parsed module.

One walk over the tree binds names and records their uses.  The uses are resolved after the walk,
when all scopes are complete, because a name in Python may be used before the line that binds it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

import libcst as cst
from msgspec import Struct, field, structs
from msgspec.structs import replace

from flashc_ir.imports.resolve import ModuleIndex
from flashc_ir.modules import Module, ResultUse

from .bindings import Binder, exported_names
from .effects import EffectCollector
from .host import may_be_newer
from .imports import ImportCollector, ImportContext
from .parse import Syntax
from .patterns import (
    element_of,
    expects_import_error,
    member_of,
    shape_of,
    tests_for_script,
    value_operands,
    walrus_scope,
)
from .references import Use, module_of
from .scopes import Bound, Scope, ScopeKind
from .undefined import name_facts
from .walk import children, dotted


def collect_names(syntax: Syntax, index: ModuleIndex) -> Module:
    """Return the imports, bindings and references of one module.

    `index` knows which modules exist.
    """
    imports = ImportCollector(syntax=syntax, index=index)
    binder = Binder(syntax=syntax, imports=imports)
    walker = _Walker(syntax=syntax, index=index, imports=imports, binder=binder)
    walker.visit(syntax.tree, walker.top, _Context())
    return walker.result()


class _Context(Struct, frozen=True, kw_only=True):
    """The code around a node: `if TYPE_CHECKING:`, a `try` that handles ImportError, `await`.

    `script_only` says that the code runs only if the module is started as a script, which a worker
    never does.
    """

    typing_only: bool = False
    guarded: bool = False
    awaited: bool = False
    script_only: bool = False
    in_async: bool = False

    @property
    def of_import(self) -> ImportContext:
        """The part of the context that matters for imports."""
        return ImportContext(self.typing_only, self.guarded)


class _Walker(Struct, eq=False, kw_only=True):
    """Walks over the tree of a module; a method for each kind of node binds and records names."""

    syntax: Syntax
    index: ModuleIndex
    imports: ImportCollector
    binder: Binder
    top: Scope = field(
        default_factory=lambda: Scope(kind=ScopeKind.MODULE, qualname="", parent=None)
    )
    effects: EffectCollector = field(default_factory=EffectCollector)
    uses: list[Use] = field(default_factory=list[Use])
    result_uses: dict[cst.CSTNode, ResultUse] = field(default_factory=dict[cst.CSTNode, ResultUse])
    exports: tuple[str, ...] | None = None

    # The walk ------------------------------------------------------------------------------------

    def visit(self, node: cst.CSTNode, scope: Scope, context: _Context) -> None:
        """Visit a node and the nodes inside it."""
        for operand in value_operands(node):
            if isinstance(operand, cst.Call):
                self.result_uses[operand] = ResultUse.CONSUMED
        if not context.script_only:
            self.effects.visit(node, scope)
        _visitor(type(node))(self, node, scope, context)

    def _visit_children(self, node: cst.CSTNode, scope: Scope, context: _Context) -> None:
        """Visit the child nodes of a node, except the names of keyword arguments."""
        skipped = node.keyword if isinstance(node, cst.Arg) else None
        for child in children(node):
            if child is not skipped:
                self.visit(child, scope, context)

    def _visit_expression_statement(self, node: cst.Expr, scope: Scope, context: _Context) -> None:
        """Visit an expression that is a statement; the result of a call is discarded."""
        if isinstance(node.value, cst.Call):
            self.result_uses[node.value] = ResultUse.DISCARDED
        self._visit_children(node, scope, context)

    def _visit_lambda(self, node: cst.Lambda, scope: Scope, context: _Context) -> None:
        """Visit a `lambda`: its parameters and its body have a scope of their own."""
        inner = Scope(kind=ScopeKind.FUNCTION, qualname=scope.qualname, parent=scope)
        self._visit_parameters(node.params, scope, inner, context)
        self.visit(node.body, inner, replace(context, in_async=False, awaited=False))

    def _visit_import(self, node: cst.Import, scope: Scope, context: _Context) -> None:
        """Bind the names of an `import` statement, and record its imports."""
        self.imports.bind_import(node, scope)
        if not context.script_only:
            self.imports.note_import(node, scope, context.of_import)

    def _visit_import_from(self, node: cst.ImportFrom, scope: Scope, context: _Context) -> None:
        """Bind the names of a `from ... import` statement, and record the import."""
        self.imports.bind_import_from(node, scope)
        if not context.script_only:
            self.imports.note_import_from(node, scope, context.of_import)

    def _visit_global(self, node: cst.Global, scope: Scope, _context: _Context) -> None:
        """Note the names that a `global` statement declares."""
        scope.global_names.update(item.name.value for item in node.names)

    def _visit_nonlocal(self, node: cst.Nonlocal, scope: Scope, _context: _Context) -> None:
        """Note the names that a `nonlocal` statement declares."""
        scope.nonlocal_names.update(item.name.value for item in node.names)

    def _visit_annotation(self, _node: cst.Annotation, _scope: Scope, _context: _Context) -> None:
        """Do nothing: flashc ignores the names in annotations, although Python may evaluate an annotation."""

    def _visit_handler(
        self, node: cst.ExceptHandler | cst.ExceptStarHandler, scope: Scope, context: _Context
    ) -> None:
        """Visit the parts of an `except` clause as they are executed; in LibCST the body is first."""
        for part in (node.type, node.name, node.body):
            if part is not None:
                self.visit(part, scope, context)

    def _visit_for(self, node: cst.For, scope: Scope, context: _Context) -> None:
        """Bind the targets of a loop, and visit its parts."""
        self.binder.bind_target(node.target, scope)
        self._visit_children(node, scope, context)

    def _visit_as_name(self, node: cst.AsName, scope: Scope, _context: _Context) -> None:
        """Bind the names after the `as` of a `with` statement or an `except` clause."""
        self.binder.bind_target(node.name, scope)

    def _visit_pattern(
        self, node: cst.MatchAs | cst.MatchStar | cst.MatchMapping, scope: Scope, context: _Context
    ) -> None:
        """Bind the name that a pattern captures, and visit the patterns inside it."""
        self.binder.bind_pattern(node, scope)
        self._visit_children(node, scope, context)

    def _visit_function(self, node: cst.FunctionDef, scope: Scope, context: _Context) -> None:
        """Bind the name of a function, and visit its decorators, parameters and body."""
        for decorator in node.decorators:
            self.visit(decorator.decorator, scope, context)
        self.binder.bind_definition(node.name, scope)
        inner = Scope(
            kind=ScopeKind.FUNCTION, qualname=scope.child_qualname(node.name.value), parent=scope
        )
        self._visit_parameters(node.params, scope, inner, context)
        in_async = node.asynchronous is not None
        self.visit(node.body, inner, _Context(script_only=context.script_only, in_async=in_async))

    def _visit_class(self, node: cst.ClassDef, scope: Scope, context: _Context) -> None:
        """Bind the name of a class, and visit its decorators, bases and body."""
        for part in (*(d.decorator for d in node.decorators), *node.bases, *node.keywords):
            self.visit(part, scope, context)
        self.binder.bind_definition(node.name, scope)
        inner = Scope(
            kind=ScopeKind.CLASS, qualname=scope.child_qualname(node.name.value), parent=scope
        )
        self.visit(node.body, inner, context)

    def _visit_parameters(
        self, params: cst.Parameters, outer: Scope, inner: Scope, context: _Context
    ) -> None:
        """Bind parameters in the scope of a function; their defaults belong to the outer scope."""
        stars = (params.star_arg, params.star_kwarg)
        for param in (*params.posonly_params, *params.params, *params.kwonly_params, *stars):
            if isinstance(param, cst.Param):
                inner.bind(param.name.value, Bound(span=self.syntax.span(param)))
                if param.default is not None:
                    self.visit(param.default, outer, context)

    def _visit_comprehension(self, node: cst.BaseComp, scope: Scope, context: _Context) -> None:
        """Visit a comprehension: it has its own scope, but its first iterable belongs to the outer scope."""
        inner = Scope(kind=ScopeKind.FUNCTION, qualname=scope.qualname, parent=scope)
        generator: cst.CompFor | None = node.for_in
        outermost = True
        while generator is not None:
            self.visit(generator.iter, scope if outermost else inner, context)
            self.binder.bind_target(generator.target, inner)
            for condition in generator.ifs:
                self.visit(condition.test, inner, context)
            generator, outermost = generator.inner_for_in, False
        parts = (node.key, node.value) if isinstance(node, cst.DictComp) else (element_of(node),)
        for part in parts:
            self.visit(part, inner, context)

    def _visit_if(self, node: cst.If, scope: Scope, context: _Context) -> None:
        """Visit an `if` statement, and note what its test says about the body."""
        self.visit(node.test, scope, context)
        test, negated = node.test, False
        while isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
            test, negated = test.expression, not negated
        for_types = (dotted(test) or "").rpartition(".")[2] == "TYPE_CHECKING"
        inside = replace(
            context,
            typing_only=context.typing_only or (for_types and not negated),
            script_only=context.script_only or tests_for_script(node.test),
        )
        self.visit(node.body, scope, inside)
        if node.orelse is not None:
            typing_only = context.typing_only or (for_types and negated)
            self.visit(node.orelse, scope, replace(context, typing_only=typing_only))

    def _visit_try(self, node: cst.Try | cst.TryStar, scope: Scope, context: _Context) -> None:
        """Visit a `try` statement, and note whether it handles a failed import."""
        guarded = any(expects_import_error(handler.type) for handler in node.handlers)
        inside = replace(context, guarded=context.guarded or guarded)
        self.visit(node.body, scope, inside)
        for handler in node.handlers:
            self.visit(handler, scope, inside)
        for part in (node.orelse, node.finalbody):
            if part is not None:
                self.visit(part, scope, context)

    def _visit_assign(
        self, node: cst.Assign | cst.AnnAssign, scope: Scope, context: _Context
    ) -> None:
        """Visit an assignment: bind its targets, read `__all__`, and visit the value."""
        if isinstance(node, cst.Assign):
            targets = [item.target for item in node.targets]
        else:
            targets = [node.target]
        for target in targets:
            if isinstance(target, cst.Name):
                self.binder.bind_value(target, node.value, scope)
                if target.value == "__all__" and scope is self.top and node.value is not None:
                    exports = exported_names(node.value)
                    self.exports = self.exports if exports is None else exports
            else:
                self.binder.bind_target(target, scope)
                self.visit(target, scope, context)
        if node.value is not None:
            self.visit(node.value, scope, context)

    # Expressions ---------------------------------------------------------------------------------

    def _visit_expression(self, node: cst.BaseExpression, scope: Scope, context: _Context) -> None:
        """Visit an expression: record a use of a dotted name, or a call."""
        awaited = context.awaited
        plain = replace(context, awaited=False) if awaited else context
        if isinstance(node, cst.Await):
            self.visit(node.expression, scope, replace(context, awaited=True))
            return
        if isinstance(node, cst.NamedExpr):
            self.binder.bind_target(node.target, walrus_scope(scope))
        chain = self.binder.chain(node)
        if chain is not None:
            self._record_dynamic_import(node, scope, context)
            self._record_use(Use(scope=scope, chain=chain, node=node, shape=None), context)
            return
        if isinstance(node, cst.Call):
            self._visit_call(node, scope, plain, awaited)
            return
        member = member_of(node)
        if member is not None:
            made = self.binder.chain(member.call.func)
            if made is not None:
                shape = shape_of(member.call, awaited=False)
                self._record_dynamic_import(member.call, scope, context)
                self._record_use(
                    Use(scope=scope, chain=made, node=node, shape=shape, member=member.name),
                    context,
                )
                self._visit_arguments(member.call, scope, plain)
                return
        self._visit_children(node, scope, plain)

    def _record_use(self, use: Use, context: _Context) -> None:
        """Record the use of a name, unless the code runs only in a script."""
        if not context.script_only:
            self.uses.append(use)

    def _visit_call(self, node: cst.Call, scope: Scope, context: _Context, awaited: bool) -> None:
        """Record a call with its arguments, and visit the arguments."""
        self._record_dynamic_import(node, scope, context)
        result_use = self.result_uses.get(node, ResultUse.KEPT)
        shape = shape_of(node, awaited, context.in_async, result_use)
        chain, member = self.binder.chain(node.func), member_of(node.func)
        made = self.binder.chain(member.call.func) if member is not None else None
        if chain is not None:
            self._record_dynamic_import(node.func, scope, context)
            self._record_use(Use(scope=scope, chain=chain, node=node, shape=shape), context)
        elif member is not None and made is not None:
            made_shape = shape_of(member.call, awaited=False)
            self._record_dynamic_import(member.call, scope, context)
            self._record_use(
                Use(
                    scope=scope,
                    chain=made,
                    node=node,
                    shape=made_shape,
                    member=member.name,
                    member_shape=shape,
                ),
                context,
            )
            self._visit_arguments(member.call, scope, context)
        else:
            self.visit(node.func, scope, context)
        self._visit_arguments(node, scope, context)

    def _visit_arguments(self, node: cst.Call, scope: Scope, context: _Context) -> None:
        """Visit the arguments of a call."""
        for argument in node.args:
            self.visit(argument.value, scope, context)

    def _record_dynamic_import(
        self, expression: cst.BaseExpression, scope: Scope, context: _Context
    ) -> None:
        """Record the import if `expression` is `import_module(...)` or an attribute of it."""
        node = expression
        while isinstance(node, cst.Attribute):
            node = node.value
        if isinstance(node, cst.Call) and not context.script_only:
            self.imports.note_dynamic(node, scope, context.of_import)

    def result(self) -> Module:
        """Return the module with everything that the walk found; call it once, after the walk."""
        imports = self.imports
        module = module_of(
            self.syntax, self.index, self.top, imports.found, self.uses, self.exports
        )
        module = structs.replace(
            module,
            import_problems=tuple(imports.problems),
            names=name_facts(self.syntax.text, self.syntax.path, self.syntax.compiled),
            may_be_newer=may_be_newer(self.syntax.text),
        )
        return self.effects.add_to(module, self.syntax, self.top, self.uses)

    # The first entry that matches a node's class visits it.
    visitors: ClassVar[tuple[tuple[tuple[type[cst.CSTNode], ...], Any], ...]] = (
        ((cst.Expr,), _visit_expression_statement),
        ((cst.FunctionDef,), _visit_function),
        ((cst.ClassDef,), _visit_class),
        ((cst.Lambda,), _visit_lambda),
        ((cst.BaseComp,), _visit_comprehension),
        ((cst.Import,), _visit_import),
        ((cst.ImportFrom,), _visit_import_from),
        ((cst.If,), _visit_if),
        ((cst.Try, cst.TryStar), _visit_try),
        ((cst.Global,), _visit_global),
        ((cst.Nonlocal,), _visit_nonlocal),
        ((cst.Assign, cst.AnnAssign), _visit_assign),
        ((cst.Annotation,), _visit_annotation),
        ((cst.BaseExpression,), _visit_expression),
        ((cst.ExceptHandler, cst.ExceptStarHandler), _visit_handler),
        ((cst.For,), _visit_for),
        ((cst.AsName,), _visit_as_name),
        ((cst.MatchAs, cst.MatchStar, cst.MatchMapping), _visit_pattern),
        ((cst.CSTNode,), _visit_children),
    )


@cache
def _visitor(kind: type[cst.CSTNode]) -> Callable[[_Walker, Any, Scope, _Context], None]:
    """Return the method that visits a class of nodes.

    The result is cached for each class: `isinstance` is slow for LibCST's abstract classes, and
    twenty checks per node would take longer than the rest of the walk.
    """
    found: Callable[[_Walker, Any, Scope, _Context], None] = next(
        method for kinds, method in _Walker.visitors if issubclass(kind, kinds)
    )
    return found
