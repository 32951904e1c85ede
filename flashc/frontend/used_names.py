"""Read the names that a piece of code binds, changes and uses, from its `ast` nodes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum

from msgspec import Struct, field

from flashc_core.ast_nodes import children, walk

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_DOTTED_NAME = re.compile(r"\.*\w+(?:[.:]\w+)*")
_WORD = re.compile(r"\w+")
# Nodes of which not all parts are executed, or not in the same way.
_DIVIDED = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef),
    *(ast.AnnAssign, ast.Call, ast.Expr),
)
_BINDING = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.MatchAs, ast.MatchStar, ast.MatchMapping),
)


class Names(Struct, frozen=True):
    """The names in a piece of code.

    `variables` are all variables; `whole` are those that also occur alone, not only as `variable.x`.
    The words of a string that looks like a dotted name are in both.  `attributes` has `(a, b)` and
    `(a, c)` for `a.b.c`.
    """

    variables: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()
    attributes: frozenset[tuple[str, str]] = frozenset()


_NO_NAMES = Names()


class NamesByUse(Struct, frozen=True, kw_only=True):
    """The names that a piece of code uses, grouped by how it uses them.

    `applied`: in a decorator, or in a call whose result is called at once.  `called`: in the function
    part of other calls.  `passed`: in the arguments of calls.  `loaded`: everywhere else.
    """

    applied: Names = Names()
    called: Names = Names()
    passed: Names = Names()
    loaded: Names = Names()

    def every(self) -> tuple[Names, ...]:
        """Return the names of each way."""
        return self.applied, self.called, self.passed, self.loaded


def merged(uses: Sequence[NamesByUse]) -> NamesByUse:
    """Return the names of several pieces of code together."""
    if len(uses) < 2:
        return uses[0] if uses else NamesByUse()
    return NamesByUse(
        applied=_together([each.applied for each in uses]),
        called=_together([each.called for each in uses]),
        passed=_together([each.passed for each in uses]),
        loaded=_together([each.loaded for each in uses]),
    )


def _together(names: Sequence[Names]) -> Names:
    """Return all of these names."""
    found = [each for each in names if each.variables]
    if len(found) < 2:
        return found[0] if found else _NO_NAMES
    return Names(
        frozenset().union(*(each.variables for each in found)),
        frozenset().union(*(each.whole for each in found)),
        frozenset().union(*(each.attributes for each in found)),
    )


class _Way(Enum):
    """A way in which code uses a name: the fields of `NamesByUse`."""

    APPLIED = "applied"
    CALLED = "called"
    PASSED = "passed"
    LOADED = "loaded"


class _Found(Struct, eq=False):
    """The names that were found for one way; the fields are as in `Names`."""

    variables: set[str] = field(default_factory=set[str])
    whole: set[str] = field(default_factory=set[str])
    attributes: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def add(self, *names: str) -> None:
        """Add names that occur otherwise than as `variable.x`."""
        self.variables.update(names)
        self.whole.update(names)

    def add_attribute(self, node: ast.Attribute) -> None:
        """Add the variable and the attribute of `variable.x.attribute`."""
        root = node.value
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name):
            self.variables.add(root.id)
            self.attributes.add((root.id, node.attr))

    def names(self) -> Names:
        """Return the names that were found."""
        if not self.variables:
            return _NO_NAMES
        return Names(frozenset(self.variables), frozenset(self.whole), frozenset(self.attributes))


class Reader(Struct, eq=False, kw_only=True):
    """Collects the names that nodes bind, change and use while they are executed.

    `changes` are variables whose attributes or items are set, or of which a method is called as a
    statement.  `functions` are the functions and lambdas in the nodes, whose bodies are not read;
    `annotations` are not read either.
    """

    binds: set[str] = field(default_factory=set[str])
    changes: set[str] = field(default_factory=set[str])
    functions: list[FunctionNode] = field(default_factory=list[FunctionNode])
    annotations: list[ast.expr] = field(default_factory=list[ast.expr])
    _found: dict[_Way, _Found] = field(default_factory=lambda: {way: _Found() for way in _Way})

    def read(self, nodes: Iterable[ast.AST], *, awaited: bool = True, passed: bool = False) -> None:
        """Read nodes, and all nodes in them.

        If `awaited` is False, the operands of `await` are left out.  With `passed`, the names count as
        names in the arguments of a call.
        """
        # a loop and not a recursion: expressions may be nested deeply
        start = _Way.PASSED if passed else _Way.LOADED
        pending = [(node, start, True) for node in nodes]
        while pending:
            node, way, is_top = pending.pop()
            if is_top:
                self._record_changes(node)
            if isinstance(node, ast.Name):
                if isinstance(node.ctx, ast.Load):
                    self._found[way].add(node.id)
            elif isinstance(node, ast.Constant):
                if isinstance(node.value, str) and _DOTTED_NAME.fullmatch(node.value):
                    self._found[way].add(*_WORD.findall(node.value))
            elif isinstance(node, ast.Attribute):
                self._found[way].add_attribute(node)
                if not isinstance(node.value, ast.Name):
                    pending.append((node.value, way, is_top))
            elif isinstance(node, _DIVIDED):
                inner = is_top and not isinstance(node, ast.ClassDef)
                pending += [(child, each, inner) for child, each in self._parts(node, way)]
            elif awaited or not isinstance(node, ast.Await):
                inner = is_top and not isinstance(node, ast.comprehension)
                pending += [(child, way, inner) for child in children(node)]

    def _record_changes(self, node: ast.AST) -> None:
        """Record what a node by itself binds and changes."""
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                self.binds.add(node.id)
        elif isinstance(node, _BINDING):
            self.binds.update(_bound(node))
        else:
            self.changes.update(changed_by_store(node))
            self.changes.update(changed_by_method(node))

    def _parts(self, node: ast.AST, way: _Way) -> Iterator[tuple[ast.AST, _Way]]:
        """Yield the parts of a node that are executed with it, each with the way of its use.

        The functions and annotations in the node are recorded.
        """
        if isinstance(node, FunctionNode):
            self.functions.append(node)
        self.annotations += _annotations(node)
        yield from _executed(node, way)

    def uses(self) -> NamesByUse:
        """Return the names that were used."""
        return NamesByUse(**{way.value: found.names() for way, found in self._found.items()})


def _executed(node: ast.AST, way: _Way) -> Iterator[tuple[ast.AST, _Way]]:
    """Yield the parts of a node of `_DIVIDED` that are executed with it, each with its way."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            arguments = node.args
            defaults = (*arguments.defaults, *arguments.kw_defaults)
            yield from ((each, way) for each in defaults if each is not None)
            yield from ((each, _Way.APPLIED) for each in getattr(node, "decorator_list", ()))
        case ast.ClassDef():
            yield from ((each, _Way.APPLIED) for each in (*node.decorator_list, *node.keywords))
            yield from ((each, way) for each in (*node.bases, *node.body))
        case ast.AnnAssign(target=target, value=value):
            yield target, way
            if value is not None:
                yield value, way
        case ast.Call(func=function):
            is_applied = way is _Way.APPLIED or _has_call(function)
            yield function, _Way.APPLIED if is_applied else _Way.CALLED
            # a partial function is as the function itself
            inner = way if _last_name(function) == "partial" else _Way.PASSED
            yield from ((each, inner) for each in (*node.args, *node.keywords))
        case ast.Expr(value=value) if not isinstance(value, ast.Constant):  # else it is a docstring
            yield value, way
        case _:
            pass


def _has_call(node: ast.AST) -> bool:
    """Return whether there is a call in an expression."""
    while isinstance(node, ast.Attribute):
        node = node.value
    if isinstance(node, ast.Name):
        return False
    return any(isinstance(inside, ast.Call) for inside in walk([node]))


def _last_name(node: ast.expr) -> str:
    """Return `b` for the names `b` and `a.b`, and "" for other expressions."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _annotations(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the annotations directly in a node."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            arguments = node.args
            every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
            every = (*every, *filter(None, (arguments.vararg, arguments.kwarg)))
            yield from (each.annotation for each in every if each.annotation is not None)
            yield from filter(None, (node.returns,))
        case ast.AnnAssign(annotation=annotation):
            yield annotation
        case _:
            pass


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the name that a node by itself binds."""
    match node:
        case (
            ast.FunctionDef(name=name)
            | ast.AsyncFunctionDef(name=name)
            | ast.ClassDef(name=name)
            | ast.MatchAs(name=str(name))
            | ast.MatchStar(name=str(name))
            | ast.MatchMapping(rest=str(name))
        ):
            yield name
        case _:
            pass


def changed_by_store(node: ast.AST) -> Iterator[str]:
    """Yield the variable of which a node sets or deletes an attribute or an item."""
    if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
        yield from _root(node)


def changed_by_method(node: ast.AST) -> Iterator[str]:
    """Yield the variable of which a statement calls a method, as in `table.append(endpoint)`."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield from _root(node.value.func)


def _root(node: ast.expr) -> Iterator[str]:
    """Yield the name at the beginning of `name.attribute[key]`."""
    if not isinstance(node, (ast.Attribute, ast.Subscript)):
        return
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id
