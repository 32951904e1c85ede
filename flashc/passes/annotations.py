"""Find which Python types of decoded JSON values an annotation accepts, such as `int` and `bool` for `int`."""

from __future__ import annotations

import ast

from flashc_core.python_texts import parse_expression

# An `int` is accepted for `float`, and a `bool` for `int`, as in Python's own typing.
_ACCEPTED: dict[str, frozenset[str]] = {
    "str": frozenset({"str"}),
    "int": frozenset({"int", "bool"}),
    "float": frozenset({"float", "int", "bool"}),
    "bool": frozenset({"bool"}),
    "list": frozenset({"list"}),
    "dict": frozenset({"dict"}),
    "None": frozenset({"None"}),
    "List": frozenset({"list"}),
    "Dict": frozenset({"dict"}),
    "Sequence": frozenset({"list", "str"}),
    "Mapping": frozenset({"dict"}),
}


def json_types(annotation: str) -> frozenset[str] | None:
    """Return the names of the Python types of decoded JSON values that an annotation accepts.

    The result is None if the types are not known.
    """
    try:
        tree = parse_expression(annotation.strip())
    except (SyntaxError, ValueError):
        return None
    return _accepted(tree)


def _accepted(node: ast.expr) -> frozenset[str] | None:
    """Return what `json_types` returns, for the syntax tree of an annotation."""
    match node:
        case ast.Constant(value=None):
            return _ACCEPTED["None"]
        case ast.Constant(value=str() as quoted):
            return json_types(quoted)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _ACCEPTED.get(name)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union([_accepted(left), _accepted(right)])
        case ast.Subscript(value=value, slice=inside):
            return _subscripted(value, inside)
        case _:
            return None


def _subscripted(value: ast.expr, inside: ast.expr) -> frozenset[str] | None:
    """Return the types that an annotation such as `Optional[int]` or `list[str]` accepts; None if not known."""
    name = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
    if name == "Optional":
        return _union([_accepted(inside), _ACCEPTED["None"]])
    if name == "Union":
        options = inside.elts if isinstance(inside, ast.Tuple) else [inside]
        return _union([_accepted(option) for option in options])
    return _ACCEPTED.get(str(name))


def _union(options: list[frozenset[str] | None]) -> frozenset[str] | None:
    """Return the union of the types that several annotations accept; None if those of one annotation are not known."""
    known = [option for option in options if option is not None]
    return frozenset().union(*known) if len(known) == len(options) else None
