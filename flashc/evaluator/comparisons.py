"""Comparisons of values: order, equality, membership and identity."""

from __future__ import annotations

import operator
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

import libcst as cst

from flashc_core.source import Span

from . import expressions, operators
from .objects import Frame
from .values import (
    DictValue,
    Known,
    ListValue,
    NotConcrete,
    Unknown,
    Value,
    ViewValue,
    concrete,
    variables_of,
)

if TYPE_CHECKING:
    from .machine import Machine

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


def comparison(machine: Machine, node: cst.Comparison, frame: Frame, span: Span) -> Value:
    """`a < b < c`, `x in y`, `x is None`."""
    left = operators.settled(machine, expressions.evaluate(machine, node.left, frame))
    variables = variables_of(left)
    for part in node.comparisons:
        right = operators.settled(machine, expressions.evaluate(machine, part.comparator, frame))
        variables |= variables_of(right)
        result = compared(machine, type(part.operator), left, right, span)
        if isinstance(result, Unknown) or not result:
            return result if isinstance(result, Unknown) else Known(False, span, variables)
        left = right
    return Known(True, span, variables)


def compared(
    machine: Machine, kind: type[cst.CSTNode], left: Value, right: Value, span: Span
) -> bool | Unknown:
    if isinstance(left, Unknown):
        return left
    if isinstance(right, Unknown):
        return right
    if kind in (cst.Is, cst.IsNot):
        same = _identical(left, right)
        if same is None:
            return Unknown(
                reason="`is` between these values depends on the interpreter", origin=span
            )
        return same == (kind is cst.Is)
    if kind in (cst.In, cst.NotIn) and isinstance(right, Known):
        found = _key_in(left, right)
        if found is not None:
            return found == (kind is cst.In)
    value = operators.apply(machine, _COMPARE[kind], span, left, right, unordered=True)
    return value if isinstance(value, Unknown) else isinstance(value, Known) and bool(value.value)


def _key_in(left: Value, right: Known) -> bool | None:
    """`key in table` needs the table's keys only."""
    table = right.value
    if isinstance(table, ViewValue) and table.part == "keys":
        table = table.table
    if isinstance(table, DictValue) and table.escaped is None:
        try:
            return concrete(left) in table.entries
        except (NotConcrete, TypeError):
            return None
    return None


def _identical(left: Value, right: Value) -> bool | None:
    if not isinstance(left, Known) or not isinstance(right, Known):
        return None
    if _has_identity(left.value) or _has_identity(right.value):
        return left.value is right.value
    if type(left.value) is not type(right.value):
        return False
    return None


def _has_identity(value: object) -> bool:
    """Whether one object of the program is one object here too."""
    singletons = (type(None), bool, type(...), Enum, type, DictValue)
    return isinstance(value, singletons) or (
        isinstance(value, ListValue) and value.kind in (list, set)
    )
