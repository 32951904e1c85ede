"""Containers: subscripts, storing, merging and unpacking, element by element."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import libcst as cst

from flashc_ir.resources import EnvironmentReference
from flashc_ir.source import Span

from . import expressions
from .objects import Frame, InstanceValue
from .operators import apply, cause, settled
from .values import (
    MAX_ITEMS,
    DictValue,
    External,
    Known,
    ListValue,
    NotConcrete,
    SequenceKind,
    Symbolic,
    Unknown,
    Value,
    concrete,
    elements,
)

if TYPE_CHECKING:
    from .machine import Machine


def subscript(machine: Machine, node: cst.Subscript, frame: Frame, span: Span) -> Value:
    """`table[key]`, `items[1:]`, `os.environ["K"]`, `Enum["A"]`."""
    receiver = expressions.evaluate(machine, node.value, frame)
    if len(node.slice) != 1:
        return Unknown("flashc does not evaluate this subscript", span)
    part = node.slice[0].slice
    if isinstance(part, cst.Slice):
        bounds = [
            Known(None, span) if bound is None else expressions.evaluate(machine, bound, frame)
            for bound in (part.lower, part.upper, part.step)
        ]
        key = apply(slice, span, *(settled(machine, bound) for bound in bounds))
    elif isinstance(part, cst.Index) and part.star is None:
        key = expressions.evaluate(machine, part.value, frame)
    else:
        return Unknown("flashc does not evaluate this subscript", span)
    return item(machine, receiver, key, span)


def item(machine: Machine, receiver: Value, key: Value, span: Span) -> Value:
    """`receiver[key]`."""
    if isinstance(receiver, Unknown):
        return receiver
    key = settled(machine, key)
    if isinstance(key, Unknown):
        return key
    if not isinstance(receiver, Known) or not isinstance(key, Known):
        return apply(operator.getitem, span, settled(machine, receiver), key)
    match receiver.value, key.value:
        case External("os.environ"), str() as name:
            return machine.assigned.get(name) or Symbolic((EnvironmentReference(name),), span)
        case DictValue() as table, _:
            try:
                entry = table.entries.get(concrete(key))
            except (NotConcrete, TypeError):
                return Unknown("the key is not known", span)
            if entry is not None:
                return table.escaped or entry[1]
            return table.escaped or Unknown("the dict has no such key", span)
        case ListValue(kind=kind) as items, int() | slice() as index if kind in (list, tuple):
            if items.escaped is not None:
                return items.escaped
            try:
                chosen = items.items[index]
            except (IndexError, ValueError) as error:
                return Unknown(f"Python raises {type(error).__name__}: {error}", span)
            return Known(ListValue(kind, chosen), span) if isinstance(chosen, list) else chosen
        case InstanceValue() as instance, int() as index if instance.of.find("_fields") is None:
            values = list(instance.names.values())
            return (
                values[index]
                if -len(values) <= index < len(values)
                else Unknown("no such item", span)
            )
        case _:
            return apply(operator.getitem, span, receiver, key)


def store(machine: Machine, table: DictValue, key: Value, value: Value) -> Unknown | None:
    """`table[key] = value`; a key that is not known makes the whole table unknown."""
    key = settled(machine, key)
    try:
        table.entries[concrete(key)] = (key, value)
    except NotConcrete as problem:
        return cause(problem.part, key.origin)
    except TypeError:
        return Unknown("a key can't be hashed", key.origin)
    if len(table.entries) > MAX_ITEMS:
        return Unknown("it is too large", key.origin)
    return None


def merge(table: DictValue, other: Value) -> Unknown | None:
    """`table.update(other)`."""
    if isinstance(other, Unknown):
        return other
    if not isinstance(other, Known) or not isinstance(other.value, DictValue):
        return Unknown("what is merged in is no dict that flashc knows", other.origin)
    if other.value.escaped is not None:
        return other.value.escaped
    table.entries.update(other.value.entries)
    return None


def make_set(kind: SequenceKind, items: list[Value], span: Span) -> Value:
    """A set of these values, without repeats."""
    unique: dict[object, Value] = {}
    for value in items:
        try:
            unique.setdefault(concrete(value), value)
        except (NotConcrete, TypeError):
            return value if isinstance(value, Unknown) else Unknown("an element is not known", span)
    return Known(ListValue(kind, list(unique.values())), span)


def unpack(
    machine: Machine, target: cst.BaseExpression, value: Value, frame: Frame
) -> Unknown | None:
    """Assign `value` to `target`, taking tuples apart.  Returns why it can't be told, if so."""
    match target:
        case cst.Name():
            scope = frame.module if target.value in frame.global_names else frame
            scope.names[target.value] = value
            return None
        case cst.Tuple() | cst.List():
            items = elements(value)
            if isinstance(items, Unknown):
                for element in target.elements:
                    unpack(machine, element.value, items, frame)
                return None
            return _unpack_items(machine, target, items, frame)
        case _:
            return None


def _unpack_items(
    machine: Machine, target: cst.Tuple | cst.List, items: list[Value], frame: Frame
) -> Unknown | None:
    goals = target.elements
    starred = next((i for i, g in enumerate(goals) if isinstance(g, cst.StarredElement)), None)
    span = frame.syntax.span(target)
    if (starred is None and len(items) != len(goals)) or len(items) < len(goals) - 1:
        return Unknown("the number of values does not fit", span)
    for index, goal in enumerate(goals):
        if starred is None or index < starred:
            unpack(machine, goal.value, items[index], frame)
        elif index == starred:
            rest = items[starred : len(items) - (len(goals) - starred - 1)]
            unpack(machine, goal.value, Known(ListValue(list, rest), span), frame)
        else:
            unpack(machine, goal.value, items[index - len(goals)], frame)
    return None
