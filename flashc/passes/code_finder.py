"""Resolve expressions to functions, classes and endpoints, as seen by one endpoint's workers."""

from __future__ import annotations

import ast

from msgspec import Struct

from flashc_core.encoding import Undecodable

from .call_resolver import CallResolver, Definition
from .context import PassContext
from .plain_code import ClassCode, Code, ModuleCode
from .result_uses import last_name

_MOST_DEPTH = 12
_STEP_BUDGET = 500  # search steps for one expression, so that no program makes the search endless


class Instance(Struct, frozen=True):
    """An object of a class of the project."""

    kind: ClassCode


Found = Code | ClassCode | Instance | Definition
"""What an expression means: code that this worker runs, or the definition of another endpoint."""


class CodeFinder:
    """Resolves expressions to functions, classes and endpoints, as seen by one endpoint's workers.

    `foreign` are the definitions of other endpoints, which are stubs there.  The parameter `depth` of a method says how
    many further calls of methods may be nested.
    """

    def __init__(
        self, context: PassContext, resolver: CallResolver, modules: dict[str, ModuleCode | None]
    ) -> None:
        self._context = context
        self._resolver = resolver
        self._modules = modules
        self._by_name = {module.name: module for module in resolver.program.modules}
        self.foreign: frozenset[Definition] = frozenset()
        self._steps_left = _STEP_BUDGET

    def reset_budget(self) -> None:
        """Reset the limit of search steps; call this before each expression."""
        self._steps_left = _STEP_BUDGET

    def _spend_step(self, depth: int) -> bool:
        """Use one step of the budget; return whether depth and budget allow to go on."""
        self._steps_left -= 1
        return depth > 0 and self._steps_left > 0

    def module(self, name: str) -> ModuleCode | None:
        """Return a module's code; None if it can't be read or parsed."""
        if name not in self._modules:
            self._modules[name] = None
            try:
                source = self._context.source_of_module(name)
                tree = source.parse_with_host()
            except (
                OSError,
                KeyError,
                Undecodable,
                SyntaxError,
                ValueError,
                RecursionError,
                MemoryError,
            ):
                return None
            if name in self._by_name:
                self._modules[name] = ModuleCode(
                    source=source, tree=tree, module=self._by_name[name]
                )
        return self._modules[name]

    def resolve(self, definition: Definition, depth: int = _MOST_DEPTH) -> Found | None:
        """Return the code of a definition; for a variable, the instance that it holds."""
        head, _, rest = definition.qualname.partition(".")
        for known in (definition, Definition(definition.module, head)):
            if known in self.foreign:
                return definition
        module = self.module(definition.module)
        if module is None:
            return None
        found = module.definitions.get(definition.qualname)
        if found is None and head in module.top.assigned:
            owner = self.type_of(module.top.assigned[head][-1], module.top, depth - 1)
            if rest:
                return self._member(owner, rest, depth)
            return Instance(owner) if isinstance(owner, ClassCode) else owner
        if found is None and rest:
            return self._member(module.definitions.get(head), rest, depth)
        return found

    def _member(self, owner: Found | None, name: str, depth: int) -> Found | None:
        """Return the method or attribute `name` of an object; for an attribute, the class of its value."""
        if not self._spend_step(depth):
            return None
        if isinstance(owner, Definition):
            return Definition(owner.module, f"{owner.qualname}.{name}")
        if isinstance(owner, Code):
            owner = self._returned(owner, depth - 1)
        if isinstance(owner, Instance):
            owner = owner.kind
        if not isinstance(owner, ClassCode):
            return None
        first, _, rest = name.partition(".")
        if rest:
            return self._member(self._member(owner, first, depth - 1), rest, depth - 1)
        if first in owner.methods:
            return owner.methods[first]
        for value, code in owner.assigned_to(first):
            found = self.type_of(value, code, depth - 1) or self.function_of(value, code, depth - 1)
            if found is not None:
                return found
        for base in owner.node.bases:
            found = self._member(self.meaning(base, owner.module.top, depth - 1), first, depth - 1)
            if found is not None:
                return found
        return None

    def meaning(self, node: ast.expr, code: Code, depth: int = _MOST_DEPTH) -> Found | None:
        """Return the function, class or endpoint that a name, or an attribute, means."""
        if not self._spend_step(depth):
            return None
        if isinstance(node, ast.Name):
            scope: Code | None = code
            while scope is not None and not isinstance(scope.node, ast.Module):
                if node.id in scope.inner:
                    return scope.inner[node.id]
                if node.id in scope.assigned:
                    return self.function_of(scope.assigned[node.id][-1], scope, depth - 1)
                if node.id in scope.parameters:
                    return None
                scope = scope.parent
        found = self._target_of_reference(node, code, depth)
        if found is None and isinstance(node, ast.Attribute):
            return self._member(self.type_of(node.value, code, depth - 1), node.attr, depth - 1)
        if found is None and isinstance(node, ast.Name) and not code.hides(node.id):
            # For `C().x`, the IR has one reference for the whole expression.
            return self._named(node.id, code, depth)
        return found

    def _named(self, name: str, code: Code, depth: int) -> Found | None:
        """Return what a name at the top of a module means."""
        definition = self._resolver.resolve(f"{code.module.module.name}.{name}")
        return None if definition is None else self.resolve(definition, depth - 1)

    def _target_of_reference(self, node: ast.expr, code: Code, depth: int) -> Found | None:
        """Return what the IR reference at an expression leads to; None if there is none."""
        reference = code.module.reference_at(node)
        if reference is None:
            return None
        definition = self._resolver.resolve(reference.target)
        if definition is None or not definition.qualname:
            return None
        found = self.resolve(definition, depth)
        if reference.member is not None:
            return self._member(found, reference.member, depth)
        return found

    def callee(self, call: ast.Call, code: Code, depth: int = _MOST_DEPTH) -> Found | None:
        """Return the function, class or endpoint that a call calls."""
        found: Found | None = self._instance_of_variable(call.func, code, depth)
        found = (
            found
            or self._target_of_reference(call, code, depth)
            or self.meaning(call.func, code, depth)
        )
        if isinstance(call.func, ast.Lambda):
            return code.module.code_of(call.func, code)
        if found is None:
            kind = self.type_of(call.func, code, depth - 1)
            found = Instance(kind) if isinstance(kind, ClassCode) else kind
        if isinstance(found, Instance):
            return self._member(found, "__call__", depth - 1)
        return found

    def _instance_of_variable(self, node: ast.expr, code: Code, depth: int) -> Instance | None:
        """Return the instance held by a module-level variable; the IR's references to it name the class."""
        if not isinstance(node, ast.Name) or code.hides(node.id):
            return None
        assigned = code.module.top.assigned.get(node.id, ())
        if not assigned or not isinstance(assigned[-1], ast.Call):
            return None
        kind = self.type_of(assigned[-1], code.module.top, depth - 1)
        return Instance(kind) if isinstance(kind, ClassCode) else None

    def method_of(self, node: ast.expr, name: str, code: Code) -> Code | None:
        """Return a method, such as `__enter__`, of the class of an expression's value."""
        found = self._member(self.type_of(node, code), name, _MOST_DEPTH)
        return found if isinstance(found, Code) else None

    def function_of(self, node: ast.expr, code: Code, depth: int = _MOST_DEPTH) -> Found | None:
        """Return the function that an expression is: a lambda, a name, or `partial(function)`."""
        if not self._spend_step(depth):
            return None
        if isinstance(node, ast.Lambda):
            return code.module.code_of(node, code)
        if isinstance(node, ast.Call):
            if last_name(node.func) != "partial" or not node.args:
                return None
            return self.function_of(node.args[0], code, depth - 1)
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self.meaning(node, code, depth - 1)
        return None

    def type_of(self, node: ast.expr | None, code: Code, depth: int = _MOST_DEPTH) -> Found | None:
        """Return the class of an expression's value: one of the project, or of another endpoint."""
        if node is None or not self._spend_step(depth):
            return None
        match node:
            case ast.Call():
                made = self.callee(node, code, depth - 1)
                if isinstance(made, Code):
                    return self._returned(made, depth - 1)
                return made
            case ast.Name(id=name):
                return self._type_of_name(name, node, code, depth)
            case ast.Attribute():
                found = self._target_of_reference(node, code, depth) or self._member(
                    self.type_of(node.value, code, depth - 1), node.attr, depth - 1
                )
                return _kind_of(found)
            case ast.NamedExpr(value=value) | ast.Await(value=value):
                return self.type_of(value, code, depth - 1)
            case ast.IfExp(body=first, orelse=second):
                return self.type_of(first, code, depth - 1) or self.type_of(second, code, depth - 1)
            case ast.BoolOp(values=values):
                kinds = [self.type_of(each, code, depth - 1) for each in values]
                return next((kind for kind in kinds if kind is not None), None)
            case _:
                return None

    def _type_of_name(self, name: str, node: ast.Name, code: Code, depth: int) -> Found | None:
        """Return the class of a variable's value."""
        scope: Code | None = code
        while scope is not None and not isinstance(scope.node, ast.Module):
            if name in scope.assigned:
                return self.type_of(scope.assigned[name][-1], scope, depth - 1)
            if name in scope.parameters:
                if name == scope.receiver:
                    return scope.owner
                annotation = scope.parameters[name]
                found = None if annotation is None else self._annotated(annotation, scope, depth)
                return found if isinstance(found, ClassCode) else None
            scope = scope.parent
        found = self._target_of_reference(node, code, depth)
        if found is None and not code.hides(name):
            found = self._named(name, code, depth)
        return _kind_of(found)

    def _annotated(self, annotation: ast.expr, code: Code, depth: int) -> Found | None:
        """Return the class that an annotation names, also in `Annotated[...]` and `... | None`."""
        if isinstance(annotation, ast.Subscript):
            inner = annotation.slice
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return self._annotated(parts[0], code, depth - 1) if parts and depth > 0 else None
        if isinstance(annotation, ast.BinOp) and depth > 0:
            return self._annotated(annotation.left, code, depth - 1)
        # The IR has no references for names in annotations.
        text = annotation.value if isinstance(annotation, ast.Constant) else ast.unparse(annotation)
        return self._named(str(text), code, depth)

    def _returned(self, code: Code, depth: int) -> Found | None:
        """Return the class of what a function returns."""
        for node in code.nodes:
            if isinstance(node, ast.Return):
                found = self.type_of(node.value, code, depth - 1)
                if found is not None:
                    return found
        return None


def _kind_of(found: Found | None) -> ClassCode | Definition | None:
    """Return the class of what an expression means."""
    if isinstance(found, Instance):
        return found.kind
    return found if isinstance(found, (ClassCode, Definition)) else None
