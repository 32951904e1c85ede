"""Recognise patterns in syntax nodes, and describe calls for the IR (`CallShape`)."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst
from msgspec import Struct

from flashc_ir.imports.resolve import IMPORT_ERRORS
from flashc_ir.modules import CallShape, Constant, LiteralKind, ResultUse

from .scopes import Scope
from .walk import dotted, string_literal


def tests_for_script(test: cst.BaseExpression) -> bool:
    """Return whether `test` is `__name__ == "__main__"`, in either order."""
    if not isinstance(test, cst.Comparison) or len(test.comparisons) != 1:
        return False
    sides = (test.left, test.comparisons[0].comparator)
    equal = isinstance(test.comparisons[0].operator, cst.Equal)
    names = {dotted(side) for side in sides}
    return equal and "__name__" in names and "__main__" in {string_literal(side) for side in sides}


def expects_import_error(kind: cst.BaseExpression | None) -> bool:
    """Return whether an `except` clause for `kind` handles a failed import.

    None as `kind` stands for a bare `except:`.
    """
    if isinstance(kind, cst.Tuple):
        return any(expects_import_error(element.value) for element in kind.elements)
    return kind is None or dotted(kind) in IMPORT_ERRORS


class Member(Struct, frozen=True):
    """The parts of `call(...).name`."""

    call: cst.Call
    name: str


def member_of(node: cst.BaseExpression) -> Member | None:
    """Return the parts of `call(...).name`; None for any other expression."""
    if isinstance(node, cst.Attribute) and isinstance(node.value, cst.Call):
        return Member(node.value, node.attr.value)
    return None


def shape_of(
    call: cst.Call, awaited: bool, in_async: bool = False, result_use: ResultUse = ResultUse.KEPT
) -> CallShape:
    """Return the IR's description of a call: its arguments, and the use of its result."""
    positional = sum(1 for a in call.args if a.keyword is None and not a.star)
    keywords = tuple(a.keyword.value for a in call.args if a.keyword is not None)
    stars = {a.star for a in call.args}
    return CallShape(
        positional=positional,
        keywords=keywords,
        star="*" in stars,
        double_star="**" in stars,
        awaited=awaited,
        in_async=in_async,
        result_use=result_use,
        constants=tuple(_literal_arguments(call)),
    )


def _literal_arguments(call: cst.Call) -> Iterator[Constant]:
    """Yield the position or keyword, and the Python type, of each literal argument.

    Arguments after the first `*` or `**` are left out, because their positions are not known.
    """
    for index, argument in enumerate(call.args):
        if argument.star:
            return
        kind = _literal_kind(argument.value)
        if kind is not None:
            yield Constant(argument.keyword.value if argument.keyword else str(index), kind)


def _literal_kind(node: cst.BaseExpression) -> LiteralKind | None:
    """Return the Python type of a literal; None for other expressions."""
    match node:
        case cst.SimpleString() | cst.ConcatenatedString():
            return "str" if "b" not in _prefix(node) else None
        case cst.FormattedString():
            return "str"
        case cst.Integer():
            return "int"
        case cst.Float():
            return "float"
        case cst.Name(value="True" | "False"):
            return "bool"
        case cst.Name(value="None"):
            return "None"
        case cst.List() | cst.ListComp():
            return "list"
        case cst.Dict() | cst.DictComp():
            return "dict"
        case cst.UnaryOperation(operator=cst.Minus()):
            return _literal_kind(node.expression)
        case _:
            return None


def _prefix(node: cst.SimpleString | cst.ConcatenatedString) -> str:
    """Return the prefix of a string literal, such as "b" or "r"."""
    while isinstance(node, cst.ConcatenatedString):
        if not isinstance(node.left, cst.SimpleString):
            return ""
        node = node.left
    return node.prefix.lower()


_CONSUMERS = frozenset(
    {
        *(cst.Subscript, cst.Attribute, cst.BinaryOperation, cst.UnaryOperation, cst.Comparison),
        *(cst.FormattedStringExpression, cst.For, cst.CompFor, cst.If, cst.While),
    }
)


def value_operands(node: cst.CSTNode) -> tuple[cst.BaseExpression, ...]:
    """Return the operands of `node` that must be plain values.

    It is a mistake if such an operand is a call without `await` that returns a coroutine.
    """
    if type(node) not in _CONSUMERS:
        return ()
    match node:
        case cst.Subscript() | cst.Attribute():
            return (node.value,)
        case cst.BinaryOperation():
            return (node.left, node.right)
        case cst.UnaryOperation() | cst.FormattedStringExpression():
            return (node.expression,)
        case cst.Comparison():
            return (node.left, *(part.comparator for part in node.comparisons))
        case cst.For() | cst.CompFor() if node.asynchronous is None:
            return (node.iter,)
        case cst.If() | cst.While():
            return (node.test,)
        case _:
            return ()


def element_of(node: cst.BaseComp) -> cst.BaseExpression:
    """Return the element expression of a comprehension that is not a dict comprehension."""
    if isinstance(node, (cst.ListComp, cst.SetComp, cst.GeneratorExp)):
        return node.elt
    raise AssertionError(f"a comprehension without an element: {type(node).__name__}")


def walrus_scope(scope: Scope) -> Scope:
    """Return the scope in which a walrus expression binds its name.

    That is the function or module around all comprehensions.  A comprehension's scope is recognised
    by its qualified name, which is that of its parent.
    """
    while scope.parent is not None and scope.parent.qualname == scope.qualname:
        scope = scope.parent
    return scope
