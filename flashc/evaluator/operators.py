"""Operators, subscripts and unpacking on values, carried out by Python itself where all is concrete."""

from __future__ import annotations

import operator
import posixpath
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import libcst as cst

from flashc_core.source import Span
from flashc_ir.resources import EnvironmentReference, Text

from . import containers, expressions
from .failures import PYTHON_ERRORS, PythonError
from .objects import Frame
from .values import (
    MAX_ITEMS,
    MAX_TEXT,
    NO_VARIABLES,
    DictValue,
    External,
    Known,
    ListValue,
    NotConcrete,
    ProjectPath,
    Symbolic,
    Unknown,
    Value,
    concrete,
    lift,
    variables_of,
)

if TYPE_CHECKING:
    from .machine import Machine

_BINARY: dict[type[cst.CSTNode], Callable[[Any, Any], object]] = {
    cst.Add: operator.add,
    cst.Subtract: operator.sub,
    cst.Multiply: operator.mul,
    cst.Divide: operator.truediv,
    cst.FloorDivide: operator.floordiv,
    cst.Modulo: operator.mod,
    cst.Power: operator.pow,
    cst.LeftShift: operator.lshift,
    cst.RightShift: operator.rshift,
    cst.BitAnd: operator.and_,
    cst.BitOr: operator.or_,
    cst.BitXor: operator.xor,
}
_AUGMENTED: dict[type[cst.CSTNode], type[cst.CSTNode]] = {
    cst.AddAssign: cst.Add,
    cst.SubtractAssign: cst.Subtract,
    cst.MultiplyAssign: cst.Multiply,
    cst.DivideAssign: cst.Divide,
    cst.FloorDivideAssign: cst.FloorDivide,
    cst.ModuloAssign: cst.Modulo,
    cst.PowerAssign: cst.Power,
    cst.LeftShiftAssign: cst.LeftShift,
    cst.RightShiftAssign: cst.RightShift,
    cst.BitAndAssign: cst.BitAnd,
    cst.BitOrAssign: cst.BitOr,
    cst.BitXorAssign: cst.BitXor,
}
_UNARY: dict[type[cst.CSTNode], Callable[[Any], object]] = {
    cst.Minus: operator.neg,
    cst.Plus: operator.pos,
    cst.BitInvert: operator.invert,
}


def tainted(value: Value, variables: frozenset[str]) -> Value:
    """`value`, remembering that these environment variables decided it."""
    if variables and isinstance(value, Known):
        return Known(value.value, value.origin, value.variables | variables)
    return value


def settled(machine: Machine, value: Value) -> Known | Unknown:
    """`value` with its environment variables read."""
    return machine.read(value) if isinstance(value, Symbolic) else value


def apply(
    machine: Machine,
    function: Callable[..., object],
    span: Span,
    *operands: Value,
    unordered: bool = False,
) -> Value:
    """`function` applied to concrete operands by Python itself.

    `unordered`: its result does not depend on the order of a set.

    Raises:
        PythonError: the function raises.
    """
    try:
        arguments = [concrete(operand, unordered=unordered) for operand in operands]
    except NotConcrete as problem:
        return cause(problem.part, span)
    machine.charge(sum(map(_size, arguments)), span)
    try:
        result = function(*arguments)
    except PYTHON_ERRORS as error:
        return fail(machine, type(error), str(error), span, variables_of(*operands))
    machine.charge(_size(result), span)
    if _size(result) > MAX_TEXT:
        return Unknown(reason="it is too large", origin=span)
    return lift(result, span, variables_of(*operands))


def fail(
    machine: Machine,
    kind: type[BaseException],
    text: str,
    span: Span,
    variables: frozenset[str] = NO_VARIABLES,
) -> Unknown:
    """Python raises.  Where environment variables decided it, another machine's may not: unknown.

    Raises:
        PythonError: it is certain, or the program is ready for it.
    """
    if not variables:
        raise PythonError(kind, text, span)
    if machine.guards:
        error = PythonError(kind, "", span)  # the text may quote the variable's value
        error.variables = variables
        raise error
    return Unknown(reason=f"Python raises {kind.__name__}", origin=span)


def cause(part: Value, span: Span) -> Unknown:
    """Why a value with this part can't be computed."""
    match part:
        case Unknown():
            return part
        case Symbolic():
            return Unknown(reason="it is computed from an environment variable", origin=part.origin)
        case Known():
            if isinstance(part.value, External):
                return Unknown(
                    reason=f"`{part.value.name}` comes from outside the project", origin=part.origin
                )
            return Unknown(reason="it is computed from an object of the program", origin=span)


def _size(value: object) -> int:
    if isinstance(value, int):
        return value.bit_length()
    return len(value) if isinstance(value, (str, bytes, list, tuple, set, dict)) else 0


def binary(
    machine: Machine, kind: type[cst.CSTNode], left: Value, right: Value, span: Span
) -> Value:
    """`left <kind> right`."""
    if isinstance(left, Unknown):
        return left
    if isinstance(right, Unknown):
        return right
    if kind is cst.Add:
        joined = _concatenated(left, right, span)
        if joined is not None:
            return joined
    if isinstance(left, Known) and isinstance(right, Known):
        special = _on_objects(machine, kind, left, right, span)
        if special is not None:
            return special
    left, right = settled(machine, left), settled(machine, right)
    if kind not in _BINARY:
        return Unknown(reason="flashc does not evaluate this operator", origin=span)
    if _explodes(kind, left, right):
        return Unknown(reason="it is too large", origin=span)
    return apply(machine, _BINARY[kind], span, left, right, unordered=kind in _OF_SETS)


_OF_SETS = (cst.BitOr, cst.BitAnd, cst.BitXor, cst.Subtract)


def _concatenated(left: Value, right: Value, span: Span) -> Value | None:
    """`"x" + os.environ["Y"]` stays a reference."""
    if not isinstance(left, Symbolic) and not isinstance(right, Symbolic):
        return None
    parts: list[Text | EnvironmentReference] = []
    for side in (left, right):
        if isinstance(side, Symbolic) and not side.optional:
            parts.extend(side.parts)
        elif isinstance(side, Known) and isinstance(side.value, str):
            parts.append(Text(side.value))
        else:
            return None
    return Symbolic(tuple(parts), span)


def _on_objects(
    machine: Machine, kind: type[cst.CSTNode], left: Known, right: Known, span: Span
) -> Value | None:
    """Operators on containers with unknown elements, and on paths."""
    match left.value, right.value:
        case ListValue() as a, ListValue() as b if kind is cst.Add and a.kind is b.kind:
            problem = a.escaped or b.escaped
            if problem is not None:
                return problem
            if len(a.items) + len(b.items) > MAX_ITEMS:
                return Unknown(reason="it is too large", origin=span)
            machine.charge(len(a.items) + len(b.items), span)
            return Known(ListValue(a.kind, [*a.items, *b.items]), span)
        case DictValue() as a, DictValue() as b if kind is cst.BitOr:
            result = DictValue(dict(a.entries))
            machine.charge(len(a.entries) + len(b.entries), span)
            return containers.merge(machine, result, right) or a.escaped or Known(result, span)
        case (ListValue() as a, int() as count) | (int() as count, ListValue() as a) if (
            kind is cst.Multiply and a.kind in (list, tuple)
        ):
            if len(a.items) * max(count, 0) > MAX_ITEMS:
                return Unknown(reason="it is too large", origin=span)
            machine.charge(len(a.items) * max(count, 0), span)
            return a.escaped or Known(ListValue(a.kind, a.items * count), span)
        case ProjectPath(text=False) as path, str() as name if kind is cst.Divide:
            return join(path, name, span)
        case _:
            return None


def join(path: ProjectPath, name: str, span: Span) -> Value:
    """A path below another; leaving the project gives Unknown."""
    joined = posixpath.normpath(posixpath.join(path.path, name))
    if joined.startswith(("..", "/")):
        return Unknown(reason="the path lies outside the project", origin=span)
    return Known(ProjectPath(joined, path.text), span)


def _explodes(kind: type[cst.CSTNode], left: Value, right: Value) -> bool:
    """Whether the result could be huge although the operands are small."""
    if not isinstance(left, Known) or not isinstance(right, Known):
        return False
    a, b = left.value, right.value
    if kind is cst.Power:
        return isinstance(a, int) and isinstance(b, int) and a.bit_length() * abs(b) > 100_000
    if kind is cst.LeftShift:
        return isinstance(b, int) and b > 100_000
    if kind is cst.Modulo and isinstance(a, (str, bytes)):
        return long_numbers(a)
    if kind is cst.Multiply:
        lengths = [_length(v) for v in (a, b)]
        counts = [v for v in (a, b) if isinstance(v, int)]
        if any(lengths) and counts:
            return max(lengths) * abs(counts[0]) > MAX_ITEMS
        return sum(v.bit_length() for v in counts) > 200_000
    return False


def _length(value: object) -> int:
    if isinstance(value, ListValue):
        return len(value.items)
    return len(value) if isinstance(value, (str, bytes)) else 0


def operation(
    machine: Machine,
    node: cst.UnaryOperation | cst.BinaryOperation | cst.BooleanOperation,
    frame: Frame,
    span: Span,
) -> Value:
    """`-x`, `not x`, `a + b`, `a or b`."""
    match node:
        case cst.BinaryOperation():
            left = expressions.evaluate(machine, node.left, frame)
            right = expressions.evaluate(machine, node.right, frame)
            return binary(machine, type(node.operator), left, right, span)
        case cst.BooleanOperation():
            return _boolean(machine, node, frame)
        case cst.UnaryOperation():
            value = expressions.evaluate(machine, node.expression, frame)
            if isinstance(node.operator, cst.Not):
                verdict = expressions.truth(machine, value)
                if isinstance(verdict, Unknown):
                    return verdict
                return Known(not verdict, span, variables_of(value))
            return apply(machine, _UNARY[type(node.operator)], span, settled(machine, value))


def _boolean(machine: Machine, node: cst.BooleanOperation, frame: Frame) -> Value:
    left = expressions.evaluate(machine, node.left, frame)
    wants = isinstance(node.operator, cst.Or)
    if wants and isinstance(left, Symbolic):
        kept = _with_default(left, expressions.evaluate(machine, node.right, frame))
        if kept is not None:
            return kept
    verdict = expressions.truth(machine, left)
    if isinstance(verdict, Unknown):
        return verdict
    if verdict == wants:
        return settled(machine, left) if not isinstance(left, Symbolic) else left
    value = expressions.evaluate(machine, node.right, frame)
    return tainted(value, variables_of(left))


def _with_default(left: Symbolic, right: Value) -> Symbolic | None:
    """`os.getenv("K") or "default"` stays a reference, with that default."""
    if len(left.parts) != 1 or not isinstance(left.parts[0], EnvironmentReference):
        return None
    if not isinstance(right, Known) or not isinstance(right.value, str):
        return None
    reference = left.parts[0]
    default = reference.default or right.value
    return Symbolic((EnvironmentReference(reference.variable, default),), left.origin)


def formatted(
    machine: Machine, value: Value, conversion: str | None, spec: str, span: Span
) -> Value:
    """One placeholder of an f-string as text."""
    functions: dict[str | None, Callable[[object], str]] = {"s": str, "r": repr, "a": ascii}

    def render(plain: object) -> str:
        shown = functions[conversion](plain) if conversion else plain
        return format(shown, spec)

    if long_numbers(spec):
        return Unknown(reason="it is too large", origin=span)
    return apply(machine, render, span, value)


def long_numbers(text: str | bytes) -> bool:
    """Whether a format asks for a width or precision that only an attack would."""
    found = re.findall(rb"\d+", text) if isinstance(text, bytes) else re.findall(r"\d+", text)
    return any(len(digits) > 4 for digits in found)


def augmented(kind: type[cst.CSTNode]) -> type[cst.CSTNode]:
    """The operator of `+=` and its like."""
    return _AUGMENTED.get(kind, kind)
