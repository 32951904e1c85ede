"""Operators, subscripts and unpacking on values, carried out by Python itself where all is concrete."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import libcst as cst

from flashc_ir.resources import EnvironmentReference, Text
from flashc_ir.source import Span

from . import containers, expressions
from .objects import Frame
from .values import (
    MAX_ITEMS,
    MAX_TEXT,
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
_COMPARE: dict[type[cst.CSTNode], Callable[[Any, Any], object]] = {
    cst.Equal: operator.eq,
    cst.NotEqual: operator.ne,
    cst.LessThan: operator.lt,
    cst.LessThanEqual: operator.le,
    cst.GreaterThan: operator.gt,
    cst.GreaterThanEqual: operator.ge,
    cst.In: lambda item, container: item in container,
    cst.NotIn: lambda item, container: item not in container,
}

# What Python's own operators and methods raise for arguments that do not fit.
PYTHON_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
)


def tainted(value: Value, variables: frozenset[str]) -> Value:
    """`value`, remembering that these environment variables decided it."""
    if variables and isinstance(value, Known):
        return Known(value.value, value.origin, value.variables | variables)
    return value


def settled(machine: Machine, value: Value) -> Known | Unknown:
    """`value` with its environment variables read."""
    return machine.read(value) if isinstance(value, Symbolic) else value


def apply(function: Callable[..., object], span: Span, *operands: Value) -> Value:
    """`function` applied to concrete operands by Python itself."""
    try:
        arguments = [concrete(operand) for operand in operands]
    except NotConcrete as problem:
        return cause(problem.part, span)
    try:
        result = function(*arguments)
    except PYTHON_ERRORS as error:
        return Unknown(f"Python raises {type(error).__name__}: {error}", span)
    if _size(result) > MAX_TEXT:
        return Unknown("it is too large", span)
    return lift(result, span, variables_of(*operands))


def cause(part: Value, span: Span) -> Unknown:
    """Why a value with this part can't be computed."""
    match part:
        case Unknown():
            return part
        case Symbolic():
            return Unknown("it is computed from an environment variable", part.origin)
        case Known():
            if isinstance(part.value, External):
                return Unknown(f"`{part.value.name}` comes from outside the project", part.origin)
            return Unknown("it is computed from an object of the program", span)


def _size(value: object) -> int:
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
        special = _on_objects(kind, left, right, span)
        if special is not None:
            return special
    left, right = settled(machine, left), settled(machine, right)
    if kind not in _BINARY:
        return Unknown("flashc does not evaluate this operator", span)
    if _explodes(kind, left, right):
        return Unknown("it is too large", span)
    return apply(_BINARY[kind], span, left, right)


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


def _on_objects(kind: type[cst.CSTNode], left: Known, right: Known, span: Span) -> Value | None:
    """Operators on containers with unknown elements, and on paths."""
    match left.value, right.value:
        case ListValue() as a, ListValue() as b if kind is cst.Add and a.kind is b.kind:
            problem = a.escaped or b.escaped
            if problem is not None:
                return problem
            if len(a.items) + len(b.items) > MAX_ITEMS:
                return Unknown("it is too large", span)
            return Known(ListValue(a.kind, [*a.items, *b.items]), span)
        case DictValue() as a, DictValue() as b if kind is cst.BitOr:
            result = DictValue(dict(a.entries))
            return containers.merge(result, right) or a.escaped or Known(result, span)
        case (ListValue() as a, int() as count) | (int() as count, ListValue() as a) if (
            kind is cst.Multiply and a.kind in (list, tuple)
        ):
            if len(a.items) * max(count, 0) > MAX_ITEMS:
                return Unknown("it is too large", span)
            return a.escaped or Known(ListValue(a.kind, a.items * count), span)
        case ProjectPath(text=False) as path, str() as name if kind is cst.Divide:
            return join(path, name, span)
        case _:
            return None


def join(path: ProjectPath, name: str, span: Span) -> Value:
    """A path below another; leaving the project gives Unknown."""
    import posixpath

    joined = posixpath.normpath(posixpath.join(path.path, name))
    if joined.startswith(("..", "/")):
        return Unknown("the path lies outside the project", span)
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
        return len(a) > 1000
    if kind is cst.Multiply:
        lengths = [_length(v) for v in (a, b)]
        counts = [v for v in (a, b) if isinstance(v, int)]
        if any(lengths) and counts:
            return max(lengths) * abs(counts[0]) > MAX_ITEMS
        return all(isinstance(v, int) and v.bit_length() > 50_000 for v in (a, b))
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
            return apply(_UNARY[type(node.operator)], span, settled(machine, value))


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


def comparison(machine: Machine, node: cst.Comparison, frame: Frame, span: Span) -> Value:
    """`a < b < c`, `x in y`, `x is None`."""
    left = settled(machine, expressions.evaluate(machine, node.left, frame))
    variables = variables_of(left)
    for part in node.comparisons:
        right = settled(machine, expressions.evaluate(machine, part.comparator, frame))
        variables |= variables_of(right)
        result = _compared(type(part.operator), left, right, span)
        if isinstance(result, Unknown) or not result:
            return result if isinstance(result, Unknown) else Known(False, span, variables)
        left = right
    return Known(True, span, variables)


def _compared(kind: type[cst.CSTNode], left: Value, right: Value, span: Span) -> bool | Unknown:
    if isinstance(left, Unknown):
        return left
    if isinstance(right, Unknown):
        return right
    if kind in (cst.Is, cst.IsNot):
        same = _identical(left, right)
        if same is None:
            return Unknown("`is` between these values depends on the interpreter", span)
        return same == (kind is cst.Is)
    if kind in (cst.In, cst.NotIn) and isinstance(right, Known):
        found = _key_in(left, right)
        if found is not None:
            return found == (kind is cst.In)
    value = apply(_COMPARE[kind], span, left, right)
    return value if isinstance(value, Unknown) else isinstance(value, Known) and bool(value.value)


def _key_in(left: Value, right: Known) -> bool | None:
    """`key in table` needs the table's keys only."""
    if isinstance(right.value, DictValue) and right.value.escaped is None:
        try:
            return concrete(left) in right.value.entries
        except (NotConcrete, TypeError):
            return None
    return None


def _identical(left: Value, right: Value) -> bool | None:
    from enum import Enum

    if not isinstance(left, Known) or not isinstance(right, Known):
        return None
    singletons = (type(None), bool, type(...), Enum, type)
    if isinstance(left.value, singletons) or isinstance(right.value, singletons):
        return left.value is right.value
    return None


def formatted(value: Value, conversion: str | None, spec: str, span: Span) -> Value:
    """One placeholder of an f-string as text."""
    functions: dict[str | None, Callable[[object], str]] = {"s": str, "r": repr, "a": ascii}

    def render(plain: object) -> str:
        shown = functions[conversion](plain) if conversion else plain
        return format(shown, spec)

    if any(len(digits) > 4 for digits in _numbers(spec)):
        return Unknown("it is too large", span)
    return apply(render, span, value)


def _numbers(spec: str) -> list[str]:
    import re

    return re.findall(r"\d+", spec)


def augmented(kind: type[cst.CSTNode]) -> type[cst.CSTNode]:
    """The operator of `+=` and its like."""
    return _AUGMENTED.get(kind, kind)
