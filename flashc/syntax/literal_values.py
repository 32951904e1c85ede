"""Find the texts that an expression stands for, if the text of its module shows all of them."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from .walk import bound_names, find_nodes, string_literal

_DEEPEST = 4  # helpers that pass a text on to helpers


def texts_of(node: cst.BaseExpression, inside: cst.CSTNode, module: cst.Module) -> set[str] | None:
    """Return the texts that an expression in the node `inside` of a module can have; None if not all are shown.

    They are shown for a literal, for a name that is bound to literals only, for the variable of a loop over
    literals, and for a parameter of a private function, all of whose calls pass such texts.
    """
    return _texts(node, inside, module, 0)


def _texts(
    node: cst.BaseExpression, inside: cst.CSTNode, module: cst.Module, depth: int
) -> set[str] | None:
    """Return the texts of an expression, which is reached through `depth` functions."""
    literal = string_literal(node)
    if literal is not None:
        return {literal}
    if isinstance(node, cst.IfExp):
        branches = [_texts(each, inside, module, depth) for each in (node.body, node.orelse)]
        return _all(branches)
    if not isinstance(node, cst.Name) or depth > _DEEPEST:
        return None
    function = _innermost(module, inside)
    while function is not None:
        index = _index_of(function, node.value)
        if index is not None:
            if node.value in bound_names(function.body):
                return None
            return _passed(function, node.value, index, module, depth)
        bound = _bound(node.value, function.body, inside, module, depth)
        if bound is not None:
            return bound or None
        function = _innermost(module, function)
    return _bound(node.value, module, inside, module, depth) or None


def _all(found: list[set[str] | None]) -> set[str] | None:
    """Return the texts of all expressions; None if one of them is not known, or there is none."""
    known = [each for each in found if each is not None]
    return set[str]().union(*known) if found and len(known) == len(found) else None


def _innermost(module: cst.Module, node: cst.CSTNode) -> cst.FunctionDef | None:
    """Return the innermost function that contains a node."""
    around = [
        function
        for function in find_nodes(module, cst.FunctionDef)
        if function is not node and any(each is node for each in find_nodes(function, type(node)))
    ]
    sizes = {id(each): sum(1 for _ in find_nodes(each, cst.CSTNode)) for each in around}
    return min(around, key=lambda each: sizes[id(each)], default=None)


def _index_of(function: cst.FunctionDef, name: str) -> int | None:
    """Return the position of a parameter; -1 for one that is given by its name only."""
    params = function.params
    positional = [each.name.value for each in (*params.posonly_params, *params.params)]
    if name in positional:
        return positional.index(name)
    others = [each.name.value for each in params.kwonly_params]
    stars = [params.star_kwarg, params.star_arg]
    others += [each.name.value for each in stars if isinstance(each, cst.Param)]
    return -1 if name in others else None


def _passed(
    function: cst.FunctionDef, name: str, index: int, module: cst.Module, depth: int
) -> set[str] | None:
    """Return the texts that all calls of a private function pass for a parameter."""
    own = function.name.value
    is_nested = _innermost(module, function) is not None
    if not (own.startswith("_") or is_nested) or function.decorators:
        return None
    calls = [each for each in find_nodes(module, cst.Call) if _is_name(each.func, own)]
    uses = sum(1 for each in find_nodes(module, cst.Name) if each.value == own)
    if uses != len(calls) + 1:  # the function is also used in another way, or the name twice
        return None
    found: list[set[str] | None] = []
    for call in calls:
        argument = _argument(call, name, index)
        found.append(None if argument is None else _texts(argument, call, module, depth + 1))
    return _all(found)


def _argument(call: cst.Call, name: str, index: int) -> cst.BaseExpression | None:
    """Return the argument of a call for a parameter; None if it can't be told."""
    if any(argument.star for argument in call.args):
        return None
    for argument in call.args:
        if argument.keyword is not None and argument.keyword.value == name:
            return argument.value
    positional = [argument.value for argument in call.args if argument.keyword is None]
    return positional[index] if 0 <= index < len(positional) else None


def _is_name(node: cst.CSTNode, name: str) -> bool:
    """Return whether a node is a certain name."""
    return isinstance(node, cst.Name) and node.value == name


def _bound(
    name: str, scope: cst.CSTNode, inside: cst.CSTNode, module: cst.Module, depth: int
) -> set[str] | None:
    """Return the texts that a scope binds to a name; an empty set if not all are shown, None if it binds none."""
    values = [
        node.value
        for node in find_nodes(scope, cst.Assign)
        if any(_is_name(target.target, name) for target in node.targets)
    ]
    values += [
        node.value
        for node in find_nodes(scope, cst.AnnAssign)
        if _is_name(node.target, name) and node.value is not None
    ]
    found = [_texts(value, inside, module, depth + 1) for value in values]
    for items in _loops(name, scope):
        found.append(_elements(items, inside, module, depth))
    if _is_bound_otherwise(name, scope):
        return set()
    return _all(found) or set() if found else None


def _is_bound_otherwise(name: str, scope: cst.CSTNode) -> bool:
    """Return whether a name is bound by another statement than a plain assignment or a loop."""
    bound: list[cst.CSTNode] = [
        *(each.target for each in find_nodes(scope, cst.AugAssign)),
        *(each.target for each in find_nodes(scope, cst.NamedExpr)),
        *(each.name for each in find_nodes(scope, cst.AsName)),
        *(each.name for each in find_nodes(scope, cst.NameItem)),
    ]
    if any(_is_name(each, name) for each in bound):
        return True
    several: list[cst.CSTNode] = [
        *(each.target for each in find_nodes(scope, cst.AssignTarget)),
        *(each.target for each in find_nodes(scope, cst.For)),
        *(each.target for each in find_nodes(scope, cst.CompFor)),
    ]
    return any(
        not isinstance(each, cst.Name)
        and any(_is_name(n, name) for n in find_nodes(each, cst.Name))
        for each in several
    )


def _loops(name: str, scope: cst.CSTNode) -> Iterator[cst.BaseExpression]:
    """Yield what loops and comprehensions iterate over with a variable."""
    for loop in find_nodes(scope, cst.For):
        if _is_name(loop.target, name):
            yield loop.iter
    for part in find_nodes(scope, cst.CompFor):
        if _is_name(part.target, name):
            yield part.iter


def _elements(
    items: cst.BaseExpression,
    inside: cst.CSTNode,
    module: cst.Module,
    depth: int,
) -> set[str] | None:
    """Return the texts in a list, tuple or set of literals, or in the one constant of that name."""
    if isinstance(items, (cst.List, cst.Tuple, cst.Set)):
        return _all([_texts(each.value, inside, module, depth + 1) for each in items.elements])
    if isinstance(items, cst.Name) and depth <= _DEEPEST:
        values = [
            node.value
            for node in find_nodes(module, cst.Assign)
            if any(_is_name(target.target, items.value) for target in node.targets)
        ]
        if len(values) == 1 and isinstance(values[0], (cst.List, cst.Tuple, cst.Set)):
            return _elements(values[0], inside, module, depth + 1)
    return None
