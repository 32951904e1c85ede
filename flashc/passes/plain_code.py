"""Answer questions about the functions and classes of a module, such as which names they bind, from Python's own syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

from msgspec import Struct, field

from flashc.project.source_file import SourceFile
from flashc_core.source import Span
from flashc_ir.modules import Module, Reference

from .result_uses import ResultUses, own_nodes, parents_of

Definer = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.Module
_PROPERTIES = frozenset({"property", "cached_property"})


class Code(Struct, eq=False, frozen=True, dict=True, kw_only=True):
    """A function, a lambda, or the top of a module; `owner` is the class whose method it is."""

    module: ModuleCode
    node: Definer
    qualname: str
    parent: Code | None = None
    owner: ClassCode | None = None

    @property
    def is_async(self) -> bool:
        """Whether it is an `async def`."""
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def name(self) -> str:
        """The name for messages."""
        return self.qualname.rpartition(".")[2]

    @cached_property
    def is_generator(self) -> bool:
        """Whether a call of it runs none of its code until its items are read."""
        return any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in self.nodes)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """The nodes that run when it runs."""
        return tuple(own_nodes(self.node))

    @cached_property
    def uses(self) -> ResultUses:
        """What it does with the values of its expressions."""
        return ResultUses(self.module.parents, self.node)

    @cached_property
    def decorators(self) -> tuple[ast.expr, ...]:
        """Its decorators."""
        return (
            ()
            if isinstance(self.node, (ast.Lambda, ast.Module))
            else tuple(self.node.decorator_list)
        )

    @property
    def is_property(self) -> bool:
        """Whether reading an attribute calls it."""
        return any(
            (each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", ""))
            in _PROPERTIES
            for each in self.decorators
        )

    @cached_property
    def parameters(self) -> dict[str, ast.expr | None]:
        """The annotation of each parameter, by its name and in order."""
        if isinstance(self.node, ast.Module):
            return {}
        args = self.node.args
        listed = (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg)
        return {each.arg: each.annotation for each in listed if each is not None}

    @property
    def receiver(self) -> str | None:
        """The name of the parameter for the object or class whose method it is, such as "self"."""
        is_static = any(getattr(each, "id", "") == "staticmethod" for each in self.decorators)
        return None if self.owner is None or is_static else next(iter(self.parameters), None)

    @cached_property
    def assigned(self) -> dict[str, list[ast.expr]]:
        """The values that are assigned to each of its variables."""
        found: dict[str, list[ast.expr]] = {}
        for node in self.nodes:
            for target, value in _assignments(node):
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(value)
        return found

    @cached_property
    def local_names(self) -> frozenset[str]:
        """The names of its parameters and variables, also of those in its comprehensions; none for a module's top."""
        if isinstance(self.node, ast.Module):
            return frozenset()
        bound, declared = set(self.parameters), set[str]()
        for node in self.nodes:
            if isinstance(node, ast.Global):
                declared.update(node.names)
            else:
                bound.update(_bound(node))
        return frozenset(bound - declared)

    def hides(self, name: str) -> bool:
        """Return whether `name` belongs here to this function or one around it, not to the module."""
        scope: Code | None = self
        while scope is not None:
            if name in scope.local_names:
                return True
            scope = scope.parent
        return False

    @cached_property
    def inner(self) -> dict[str, Code]:
        """The functions that are defined in it, by name."""
        return {
            node.name: self.module.code_of(node, self)
            for node in self.nodes
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        }


class ClassCode(Struct, eq=False, frozen=True, dict=True):
    """A class of the project."""

    module: ModuleCode
    node: ast.ClassDef
    qualname: str

    @cached_property
    def methods(self) -> dict[str, Code]:
        """Its own methods, by name."""
        return {
            node.name: Code(
                module=self.module,
                node=node,
                qualname=f"{self.qualname}.{node.name}",
                parent=self.module.top,
                owner=self,
            )
            for node in self.node.body
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        }

    def assigned_to(self, name: str) -> Iterator[tuple[ast.expr, Code]]:
        """Yield the values that are assigned to an attribute of its objects, each with the code that assigns it."""
        for statement in self.node.body:
            for target, value in _assignments(statement):
                if isinstance(target, ast.Name) and target.id == name:
                    yield value, self.module.top
        for method in self.methods.values():
            for node in method.nodes:
                for target, value in _assignments(node):
                    if isinstance(target, ast.Attribute) and target.attr == name:
                        yield value, method


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the name that a node binds; the nodes in it are not looked at."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()):
            yield name
        case (
            ast.FunctionDef(name=str(name))
            | ast.AsyncFunctionDef(name=str(name))
            | ast.ClassDef(name=str(name))
            | ast.ExceptHandler(name=str(name))
            | ast.MatchAs(name=str(name))
            | ast.MatchStar(name=str(name))
            | ast.MatchMapping(rest=str(name))
        ):
            yield name
        case ast.alias(name=name, asname=alias):
            yield alias or name.partition(".")[0]
        case _:
            pass


def _assignments(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield the targets of an assignment or a `with`, each with its value."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield target, node.value
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
        yield node.target, node.value
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        for item in node.items:
            if item.optional_vars is not None:
                yield item.optional_vars, item.context_expr


class ModuleCode(Struct, eq=False, frozen=True, dict=True, kw_only=True):
    """The syntax tree of a module, with what the names in it mean."""

    source: SourceFile
    tree: ast.Module
    module: Module
    _codes: dict[ast.AST, Code] = field(default_factory=dict[ast.AST, Code])

    @cached_property
    def top(self) -> Code:
        """The top of the module."""
        return Code(module=self, node=self.tree, qualname="")

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The parent of each node."""
        return parents_of(self.tree)

    @cached_property
    def references(self) -> dict[Span, Reference]:
        """The uses of names of the project by their spans; without those that may mean several things."""
        found: dict[Span, Reference] = {}
        several: set[Span] = set()
        for reference in self.module.references:
            if reference.span in found:
                several.add(reference.span)
            found[reference.span] = reference
        return {span: reference for span, reference in found.items() if span not in several}

    def code_of(self, node: Definer, parent: Code) -> Code:
        """Return the function or lambda of a node that is in the code `parent`."""
        if node not in self._codes:
            name = getattr(node, "name", "<lambda>")
            qualname = f"{parent.qualname}.{name}" if parent.qualname else name
            self._codes[node] = Code(module=self, node=node, qualname=qualname, parent=parent)
        return self._codes[node]

    @cached_property
    def definitions(self) -> dict[str, Code | ClassCode]:
        """The functions, classes and methods at the top of the module, by their qualified names."""
        found: dict[str, Code | ClassCode] = {}
        pending: list[tuple[list[ast.stmt], str]] = [(self.tree.body, "")]
        while pending:
            body, prefix = pending.pop()
            for node in body:
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not prefix:
                    found[node.name] = self.code_of(node, self.top)
                elif isinstance(node, ast.ClassDef):
                    made = found[prefix + node.name] = ClassCode(self, node, prefix + node.name)
                    found |= {method.qualname: method for method in made.methods.values()}
                    pending.append((node.body, f"{prefix}{node.name}."))
                elif isinstance(node, (ast.If, ast.Try)):
                    handlers = [each.body for each in getattr(node, "handlers", ())]
                    parts = [node.body, *handlers, node.orelse, getattr(node, "finalbody", [])]
                    pending.extend((part, prefix) for part in reversed(parts))
        return found

    def reference_at(self, node: ast.expr) -> Reference | None:
        """Return the use of a name of the project at an expression."""
        return self.references.get(self.source.span(node, node))
