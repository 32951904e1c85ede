"""Small questions about expressions that decide what a name's use means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from flashc_ir.modules import Constant, Fate, LiteralKind, Shape

from .scopes import Scope
from .walk import dotted, string_literal


def tests_for_script(test: cst.BaseExpression) -> bool:
    """`__name__ == "__main__"`."""
    if not isinstance(test, cst.Comparison) or len(test.comparisons) != 1:
        return False
    sides = (test.left, test.comparisons[0].comparator)
    equal = isinstance(test.comparisons[0].operator, cst.Equal)
    names = {dotted(side) for side in sides}
    return equal and "__name__" in names and "__main__" in {string_literal(side) for side in sides}


IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


def expects_import_error(kind: cst.BaseExpression | None) -> bool:
    if isinstance(kind, cst.Tuple):
        return any(expects_import_error(element.value) for element in kind.elements)
    return kind is None or dotted(kind) in IMPORT_ERRORS


@dataclass(frozen=True, slots=True)
class Member:
    call: cst.Call
    name: str


def member_of(node: cst.BaseExpression) -> Member | None:
    """`call(...).name` taken apart."""
    if isinstance(node, cst.Attribute) and isinstance(node.value, cst.Call):
        return Member(node.value, node.attr.value)
    return None


def shape_of(
    call: cst.Call, awaited: bool, in_async: bool = False, fate: Fate = Fate.KEPT
) -> Shape:
    """The IR's view of a call's arguments and of what its place does with the result."""
    positional = sum(1 for a in call.args if a.keyword is None and not a.star)
    keywords = tuple(a.keyword.value for a in call.args if a.keyword is not None)
    stars = {a.star for a in call.args}
    return Shape(
        positional=positional,
        keywords=keywords,
        star="*" in stars,
        double_star="**" in stars,
        awaited=awaited,
        in_async=in_async,
        fate=fate,
        constants=tuple(_constants(call)),
    )


def _constants(call: cst.Call) -> Iterator[Constant]:
    for index, argument in enumerate(call.args):
        if argument.star:  # what follows has no position that the text tells
            return
        kind = _literal_kind(argument.value)
        if kind is not None:
            yield Constant(argument.keyword.value if argument.keyword else str(index), kind)


def _literal_kind(node: cst.BaseExpression) -> LiteralKind | None:
    """The Python type of a literal."""
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


def consumed(node: cst.CSTNode) -> tuple[cst.BaseExpression, ...]:
    """The operands that `node` uses on the spot as plain values, which no coroutine is."""
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
    if isinstance(node, (cst.ListComp, cst.SetComp, cst.GeneratorExp)):
        return node.elt
    raise AssertionError(f"a comprehension without an element: {type(node).__name__}")


def leak(scope: Scope) -> Scope:
    """Where a walrus binds: the function or module around any comprehensions.

    Comprehension scopes share their parent's qualified name, which is how they are told apart.
    """
    while scope.parent is not None and scope.parent.qualname == scope.qualname:
        scope = scope.parent
    return scope
