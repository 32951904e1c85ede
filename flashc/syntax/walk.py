"""Walk LibCST syntax trees quickly, and read simple nodes: literals, dotted names, docstrings.

LibCST's own `children` and visitors make a copy of every node that they visit.  Reading the fields
is ten times faster, which matters because most of the time for a large project is spent here.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar, cast

import libcst as cst

from flashc_core.encoding import is_text

_N = TypeVar("_N", bound=cst.CSTNode)
_LAYOUT = (
    "whitespace",
    "lpar",
    "rpar",
    "lbracket",
    "rbracket",
    "lbrace",
    "rbrace",
    "leading_lines",
    "lines_after",
    "trailing_",
    "header",
    "footer",
    "semicolon",
    "comma",
    "equal",
    "dot",
    "colon",
    "asynchronous",
    "star",
)
_NOT_LAYOUT = frozenset({"star_arg", "star_kwarg"})


@cache
def _meaningful_fields(kind: type[cst.CSTNode]) -> tuple[str, ...]:
    """Return the fields of a node class that hold more than whitespace and punctuation."""
    return tuple(
        field.name
        for field in fields(kind)
        if field.name in _NOT_LAYOUT or not field.name.startswith(_LAYOUT)
    )


def _all_subclasses(kind: type) -> Iterator[type]:
    """Yield a class and all its subclasses."""
    yield kind
    each: type
    for each in kind.__subclasses__():
        yield from _all_subclasses(each)


# LibCST's classes are abstract base classes, for which `isinstance` is slow if the result is False.
_NODES = frozenset(_all_subclasses(cst.CSTNode))


def children(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield the child nodes of `node` in source order.

    In `a if test else b`, `test` comes second.
    """
    for name in _meaningful_fields(type(node)):
        value: Any = getattr(node, name)
        if type(value) in _NODES:
            yield value
        elif isinstance(value, (list, tuple)):
            for item in cast("Sequence[Any]", value):
                if type(item) in _NODES:
                    yield item


def find_nodes(node: cst.CSTNode, kinds: type[_N] | tuple[type[_N], ...]) -> Iterator[_N]:
    """Yield the nodes of some kinds in a node, itself included, in no fixed order.

    `libcst.matchers` finds them too, but its import takes as long as a check.
    """
    pending = [node]
    while pending:
        found = pending.pop()
        if isinstance(found, kinds):
            yield found
        pending += children(found)


def statements(
    body: cst.BaseSuite | Sequence[cst.BaseStatement | cst.SimpleStatementLine],
) -> Iterator[cst.BaseSmallStatement | cst.BaseCompoundStatement]:
    """Yield the statements of a suite one by one; `a; b` are two statements."""
    match body:
        case cst.SimpleStatementSuite():
            yield from body.body
        case cst.BaseSuite():
            yield from statements(cast("Sequence[cst.BaseStatement]", body.body))
        case _:
            for line in body:
                if isinstance(line, cst.SimpleStatementLine):
                    yield from line.body
                elif isinstance(line, cst.BaseCompoundStatement):
                    yield line


def dotted(node: cst.BaseExpression) -> str | None:
    """Return `a.b.c` as text; None for any other expression."""
    match node:
        case cst.Name():
            return node.value
        case cst.Attribute():
            left = dotted(node.value)
            return None if left is None else f"{left}.{node.attr.value}"
        case _:
            return None


def _plain_literal(node: cst.BaseExpression) -> str | int | None:
    """Return the value of a simple string or integer.

    The result is None for other literals, which Python has to compile.
    """
    if isinstance(node, cst.SimpleString):
        text = node.value
        if text[0] not in "\"'" or "\\" in text or "\r" in text:
            return None
        quotes = 3 if text.startswith(text[0] * 3) else 1
        return text[quotes:-quotes]
    if isinstance(node, cst.Integer) and node.value.isdecimal() and len(node.value) < 19:
        return int(node.value)
    return None


def evaluated_literal(
    node: cst.SimpleString | cst.Integer | cst.Float | cst.Imaginary | cst.ConcatenatedString,
) -> object:
    """Return the value of a literal without Python's warnings about it, such as that about an invalid escape.

    The value of a concatenation with an f-string is None.

    Raises:
        ValueError, SyntaxError: Python does not make a value of the literal; it limits the digits of
            an integer.
    """
    plain = _plain_literal(node)
    if plain is not None:
        return plain
    with warnings.catch_warnings(action="ignore"):
        value: object = node.evaluated_value
    return value


def string_literal(node: cst.BaseExpression) -> str | None:
    """Return the value of a string literal, including implicit concatenation.

    The result is None for other expressions, for f-strings, and for text that UTF-8 can't express.
    """
    match node:
        case cst.SimpleString() | cst.ConcatenatedString():
            value = evaluated_literal(node)
            return value if isinstance(value, str) and is_text(value) else None
        case _:
            return None


def docstring(body: cst.BaseSuite) -> str | None:
    """Return the docstring of a function or class without indentation; None if it has none."""
    first = next(statements(body), None)
    if isinstance(first, cst.Expr):
        text = string_literal(first.value)
        if text is not None:
            import inspect  # takes long to import

            return inspect.cleandoc(text)
    return None


def is_generator(function: cst.FunctionDef, text: str) -> bool:
    """Return whether a function's own body, without nested functions, contains a `yield`.

    `text` is the text of the function or its module; if it does not contain `yield`, no node is
    searched.
    """
    if "yield" not in text:
        return False
    pending: list[cst.CSTNode] = [function.body]
    while pending:
        node = pending.pop()
        if isinstance(node, cst.Yield):
            return True
        if not isinstance(node, (cst.FunctionDef, cst.ClassDef, cst.Lambda)):
            pending.extend(children(node))
    return False


def bound_names(node: cst.CSTNode) -> list[str]:
    """Return the names that a statement binds by assignment or definition, in order."""
    found: dict[str, None] = {}
    pending: list[cst.CSTNode] = [node]
    while pending:
        node = pending.pop()
        match node:
            case cst.FunctionDef() | cst.ClassDef():
                found[node.name.value] = None
                continue
            case cst.Lambda() | cst.BaseComp():
                continue
            case (
                cst.AssignTarget() | cst.AnnAssign() | cst.AugAssign() | cst.For() | cst.NamedExpr()
            ):
                found |= dict.fromkeys(_targets(node.target))
            case _:
                pass
        pending.extend(reversed(list(children(node))))
    return list(found)


def _targets(target: cst.BaseExpression) -> Iterator[str]:
    """Yield the names in an assignment's target."""
    match target:
        case cst.Name():
            yield target.value
        case cst.Tuple() | cst.List():
            for element in target.elements:
                yield from _targets(element.value)
        case _:
            pass
