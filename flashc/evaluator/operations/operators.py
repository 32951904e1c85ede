"""Evaluate unary and binary operators, given by symbols such as `+`, on evaluated values."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from flashc.evaluator.config_values import ConfigList
from flashc.evaluator.escape import sharing
from flashc.evaluator.machine import Machine
from flashc.evaluator.path_values import ProjectPath, join_path
from flashc.evaluator.values import (
    MAX_ITEMS,
    DictValue,
    Known,
    SequenceValue,
    Symbolic,
    Unknown,
    Value,
    variables_of,
)
from flashc_core.source import Span
from flashc_ir.resources import EnvironmentReference, Text

from . import config_nodes
from .apply import apply, has_long_number, resolve_symbolic, too_large
from .comparisons import truth
from .containers import merge
from .special_methods import call_special, operate
from .type_forms import united

_BINARY: dict[str, Callable[[Any, Any], object]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}
_OF_SETS = frozenset({"|", "&", "^", "-"})
METHODS = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "truediv",
    "//": "floordiv",
    "%": "mod",
    "**": "pow",
    "<<": "lshift",
    ">>": "rshift",
    "&": "and",
    "|": "or",
    "^": "xor",
    "@": "matmul",
}
"""The names of the methods for operators with two operands, without what is before and after them."""
_METHODS_OF_UNARY = {"-": "__neg__", "+": "__pos__", "~": "__invert__"}
_UNARY: dict[str, Callable[[Any], object]] = {
    "-": operator.neg,
    "+": operator.pos,
    "~": operator.invert,
}


def unary(machine: Machine, symbol: str, value: Value, span: Span) -> Value:
    """Return `<symbol> value`; the symbols are `-`, `+`, `~` and `not`.

    Raises:
        PythonError: the value does not have the operator.
    """
    if symbol == "not":
        verdict = truth(machine, value)
        if isinstance(verdict, Unknown):
            return verdict
        return Known(not verdict, span, variables_of(value))
    own = call_special(machine, value, _METHODS_OF_UNARY[symbol], [], span)
    if own is not None:
        return own
    return apply(machine, _UNARY[symbol], span, resolve_symbolic(machine, value))


def binary(machine: Machine, symbol: str, left: Value, right: Value, span: Span) -> Value:
    """Return `left <symbol> right`.

    Raises:
        PythonError: the operands do not fit the operator.
    """
    method = METHODS[symbol]
    own = operate(machine, left, right, (f"__{method}__", f"__r{method}__"), span)
    result = _of_operands(machine, symbol, left, right, span) if own is None else own
    return sharing(result, left, right) if isinstance(result, Unknown) else result


def _of_operands(machine: Machine, symbol: str, left: Value, right: Value, span: Span) -> Value:
    """Return `left <symbol> right`; raises what `binary` raises."""
    if isinstance(left, Unknown):
        return left
    if isinstance(right, Unknown):
        return right
    if symbol == "+":
        joined = _concatenated(left, right, span)
        if joined is not None:
            return joined
    if isinstance(left, Known) and isinstance(right, Known):
        special = _on_objects(machine, symbol, left, right, span)
        if special is not None:
            return special
    left, right = resolve_symbolic(machine, left), resolve_symbolic(machine, right)
    if symbol not in _BINARY:
        return Unknown(reason="flashc does not evaluate this operator", origin=span)
    if _may_be_huge(symbol, left, right):
        return too_large(span)
    return apply(machine, _BINARY[symbol], span, left, right, unordered=symbol in _OF_SETS)


def _concatenated(left: Value, right: Value, span: Span) -> Value | None:
    """Return `"x" + os.environ["Y"]` as a reference to the variable."""
    if not isinstance(left, Symbolic) and not isinstance(right, Symbolic):
        return None
    parts: list[Text | EnvironmentReference] = []
    computed: frozenset[str] = frozenset()
    for side in (left, right):
        if isinstance(side, Symbolic) and not side.optional:
            parts.extend(side.parts)
            computed |= side.computed
        elif isinstance(side, Known) and isinstance(side.value, str):
            parts.append(Text(side.value))
            computed |= side.variables
        else:
            return None
    return Symbolic(tuple(parts), span, computed=computed)


def _on_objects(
    machine: Machine, symbol: str, left: Known, right: Known, span: Span
) -> Value | None:
    """Return the result of an operator on paths or on containers with unknown elements."""
    match left.value, right.value:
        case (ConfigList(), _) | (_, ConfigList()):
            return config_nodes.joined(symbol, left, right, span)
        case SequenceValue() as a, SequenceValue() as b if symbol == "+" and a.kind is b.kind:
            problem = a.escaped or b.escaped
            if problem is not None:
                return problem
            if len(a.items) + len(b.items) > MAX_ITEMS:
                return too_large(span)
            machine.charge(len(a.items) + len(b.items), span)
            return Known(SequenceValue(a.kind, [*a.items, *b.items]), span)
        case DictValue() as a, DictValue() as b if symbol == "|":
            result = DictValue(dict(a.entries))
            machine.charge(len(a.entries) + len(b.entries), span)
            return merge(machine, result, right) or a.escaped or Known(result, span)
        case (SequenceValue() as a, int() as count) | (int() as count, SequenceValue() as a) if (
            symbol == "*" and a.kind in (list, tuple)
        ):
            if len(a.items) * max(count, 0) > MAX_ITEMS:
                return too_large(span)
            machine.charge(len(a.items) * max(count, 0), span)
            return a.escaped or Known(SequenceValue(a.kind, a.items * count), span)
        case ProjectPath(text=False) as path, str() as name if symbol == "/":
            return join_path(path, name, span)
        case _:
            return united(left, right, span) if symbol == "|" else None


def _may_be_huge(symbol: str, left: Value, right: Value) -> bool:
    """Return whether the result of an operator could be huge although the operands are small."""
    if not isinstance(left, Known) or not isinstance(right, Known):
        return False
    a, b = left.value, right.value
    match symbol:
        case "**":
            return isinstance(a, int) and isinstance(b, int) and a.bit_length() * abs(b) > 100_000
        case "<<":
            return isinstance(b, int) and b > 100_000
        case "%" if isinstance(a, (str, bytes)):
            return has_long_number(a)
        case "*":
            lengths = [_length(v) for v in (a, b)]
            counts = [v for v in (a, b) if isinstance(v, int)]
            if any(lengths) and counts:
                return max(lengths) * abs(counts[0]) > MAX_ITEMS
            return sum(v.bit_length() for v in counts) > 200_000
        case _:
            return False


def _length(value: object) -> int:
    """Return the number of elements of a sequence or text; 0 for other values."""
    if isinstance(value, SequenceValue):
        return len(value.items)
    return len(value) if isinstance(value, (str, bytes)) else 0
