"""Find the parts of a function that its result may come from, and what it changes in its module."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from flashc_core.ast_nodes import children, walk

from .used_names import FunctionNode, NamesByUse, Reader, changed_by_method, changed_by_store

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def uses_of_bodies(
    functions: Iterable[FunctionNode], annotations: Iterable[ast.expr]
) -> NamesByUse:
    """Return what functions and annotations use, with the functions inside them."""
    reader = Reader(annotations=list(annotations))
    pending = list(functions)
    while pending or reader.annotations:
        nodes, reader.annotations = reader.annotations, []
        reader.read(nodes)
        reader.read(node for function in pending for node in _body(function))
        pending, reader.functions = reader.functions, []
    return reader.uses()


def uses_of_results(functions: Iterable[FunctionNode]) -> NamesByUse:
    """Return what the results of functions may come from.

    What a function awaits is data.  A value that a method stores in its object may be the result
    of another method.
    """
    reader = Reader()
    pending = list(functions)
    while pending:
        for function in pending:
            flow = _Flow.of(function)
            reader.read(flow.results(), awaited=False)
            reader.read(flow.stored, awaited=False, passed=True)
        pending, reader.functions = reader.functions, []
    return reader.uses()


class _Flow(Struct, eq=False):
    """How values move between the local variables of a function.

    `returned` are the expressions of `return` and `yield`, `sources` what each local variable may get
    its value from, `stored` what is set as an attribute of a parameter.
    """

    returned: list[ast.AST] = field(default_factory=list[ast.AST])
    sources: dict[str, list[ast.AST]] = field(default_factory=dict[str, list[ast.AST]])
    stored: list[ast.AST] = field(default_factory=list[ast.AST])

    @classmethod
    def of(cls, function: FunctionNode) -> _Flow:
        """Return the flow of a function."""
        if isinstance(function, ast.Lambda):
            return cls(returned=[function.body])
        flow = cls()
        parameters = {node.arg for node in walk([function.args]) if isinstance(node, ast.arg)}
        for node in _own_nodes(function.body):
            flow._add(node, parameters)
        return flow

    def results(self) -> list[ast.AST]:
        """Return the nodes that the result of the function may come from."""
        found: list[ast.AST] = []
        seen: set[str] = set()
        pending = list(self.returned)
        while pending:
            node = pending.pop()
            found.append(node)
            names = {n.id for n in walk([node]) if isinstance(n, ast.Name)} - seen
            seen |= names
            pending += [source for name in names for source in self.sources.get(name, ())]
        return found

    def _add(self, node: ast.AST, parameters: set[str]) -> None:
        """Record what one node of the function does."""
        match node:
            case ast.Return(value=value) | ast.Yield(value=value) if value is not None:
                self.returned.append(value)
            case ast.YieldFrom(value=value):
                self.returned.append(value)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self._source(name, node)
            case ast.ClassDef(name=name):
                self._source(name, node)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(target, value, parameters)
            case (
                ast.AnnAssign(target=target, value=value)
                | ast.AugAssign(target=target, value=value)
                | ast.NamedExpr(target=target, value=value)
                | ast.For(target=target, iter=value)
                | ast.AsyncFor(target=target, iter=value)
                | ast.withitem(optional_vars=target, context_expr=value)
            ) if target is not None and value is not None:
                self._assign(target, value, parameters)
            case ast.Expr(value=value):
                for name in changed_by_method(node):
                    self._source(name, value)
            case _:
                pass

    def _assign(self, target: ast.expr, value: ast.expr, parameters: set[str]) -> None:
        """Record that a value, or a part of it, is assigned to a target."""
        for node in walk([target]):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self._source(node.id, value)
            for name in changed_by_store(node):
                self._source(name, value)
                if name in parameters:
                    self.stored.append(value)

    def _source(self, name: str, node: ast.AST) -> None:
        """Record that the value of a variable may come from a node."""
        self.sources.setdefault(name, []).append(node)


def _own_nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes of a function, without those in functions and classes inside it."""
    pending = list(body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, _SCOPES):
            pending += children(node)


def _body(function: FunctionNode) -> list[ast.stmt] | list[ast.expr]:
    """Return the body of a function."""
    return [function.body] if isinstance(function, ast.Lambda) else function.body


def changes_of(function: FunctionNode) -> Iterator[tuple[set[str], NamesByUse]]:
    """Yield variables of the module that a function may change, with what they may get.

    A variable that the function declares as global, or of which it sets an item or an attribute,
    may get anything that the function uses; one of which it calls a method, what that call uses.
    """
    if isinstance(function, ast.Lambda):
        return
    nodes = list(walk([function]))
    shared = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    local = {node.arg for node in nodes if isinstance(node, ast.arg)}
    local |= {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    local -= shared
    changed = shared | ({name for node in nodes for name in changed_by_store(node)} - local)
    if changed:
        yield changed, uses_of_bodies([function], ())
    for node in nodes:
        called_on = set(changed_by_method(node)) - local
        if called_on:
            reader = Reader()
            reader.read([node])
            yield called_on, reader.uses()
