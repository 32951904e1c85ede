"""Containers: subscripts, storing, merging and unpacking, element by element."""

from __future__ import annotations

import operator
from enum import EnumMeta
from typing import TYPE_CHECKING

import libcst as cst

from flashc_core.source import Span
from flashc_ir.resources import EnvironmentReference

from . import expressions, operators, statements
from .failures import PythonError
from .iteration import elements
from .objects import Frame, InstanceValue
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
    no_member,
)

if TYPE_CHECKING:
    from .machine import Machine


def subscript(machine: Machine, node: cst.Subscript, frame: Frame, span: Span) -> Value:
    """`table[key]`, `items[1:]`, `os.environ["K"]`, `Enum["A"]`."""
    receiver = expressions.evaluate(machine, node.value, frame)
    return item(machine, receiver, key_of(machine, node, frame), span)


def key_of(machine: Machine, node: cst.Subscript, frame: Frame) -> Value:
    """What stands between the brackets: a value, a slice, or a tuple of these."""
    span = frame.syntax.span(node)
    parts: list[Value] = []
    for element in node.slice:
        part = element.slice
        if isinstance(part, cst.Slice):
            bounds = [
                Known(None, span)
                if bound is None
                else operators.settled(machine, expressions.evaluate(machine, bound, frame))
                for bound in (part.lower, part.upper, part.step)
            ]
            parts.append(operators.apply(machine, slice, span, *bounds))
        elif isinstance(part, cst.Index) and part.star is None:
            parts.append(
                operators.settled(machine, expressions.evaluate(machine, part.value, frame))
            )
        else:
            return Unknown(reason="flashc does not evaluate this subscript", origin=span)
    if len(parts) == 1 and not isinstance(node.slice[0].comma, cst.Comma):
        return parts[0]
    return Known(ListValue(tuple, parts), span)


def item(machine: Machine, receiver: Value, key: Value, span: Span) -> Value:
    """`receiver[key]`."""
    if isinstance(receiver, Unknown):
        return receiver
    key = operators.settled(machine, key)
    if isinstance(key, Unknown):
        return key
    if not isinstance(receiver, Known) or not isinstance(key, Known):
        return operators.apply(
            machine, operator.getitem, span, operators.settled(machine, receiver), key
        )
    match receiver.value, key.value:
        case External("os.environ"), str() as name:
            return _variable(machine, name, span)
        case DictValue() as table, _:
            return table.escaped or _entry(machine, table, key, span)
        case ListValue(kind=kind) as items, int() | slice() as index if kind in (list, tuple):
            if items.escaped is not None:
                return items.escaped
            chosen = _chosen(machine, items, index, span)
            return Known(ListValue(kind, chosen), span) if isinstance(chosen, list) else chosen
        case InstanceValue() as instance, int() as index if instance.of.is_tuple:
            return _chosen_value(
                machine, ListValue(tuple, list(instance.names.values())), index, span
            )
        case EnumMeta() as enum_class, str() as name:
            return _member(machine, enum_class, name, key, span)
        case External("builtins.globals()"), str():
            return Unknown(reason="flashc does not read names out of `globals()`", origin=span)
        case _:
            return operators.apply(machine, operator.getitem, span, receiver, key)


def _member(machine: Machine, enum_class: EnumMeta, name: str, key: Known, span: Span) -> Value:
    """`Enum["A"]`."""
    found: object = enum_class.__members__.get(name)
    if found is not None:
        return Known(found, span, key.variables)
    if key.variables or machine.guards:
        return operators.fail(machine, KeyError, repr(name), span, key.variables)
    return no_member(enum_class, name, span)


def _variable(machine: Machine, name: str, span: Span) -> Value:
    """`os.environ["K"]`.  A program that is ready for its absence sees the build's environment."""
    assigned = machine.assigned.get(name)
    if assigned is not None:
        return assigned
    if machine.guards and name not in machine.environment:
        return operators.fail(machine, KeyError, "", span, frozenset({name}))
    return Symbolic((EnvironmentReference(name),), span)


def _entry(machine: Machine, table: DictValue, key: Known, span: Span) -> Value:
    try:
        plain = concrete(key)
        entry = table.entries.get(plain)
    except NotConcrete:
        return Unknown(reason="the key is not known", origin=span)
    except TypeError as error:
        raise PythonError(TypeError, str(error), span) from error
    if entry is None:
        return operators.fail(machine, KeyError, repr(plain)[:80], span, key.variables)
    return entry[1]


def _chosen(
    machine: Machine, items: ListValue, index: int | slice, span: Span
) -> Value | list[Value]:
    try:
        return items.items[index]
    except (IndexError, ValueError) as error:
        return operators.fail(machine, type(error), str(error), span)


def _chosen_value(machine: Machine, items: ListValue, index: int, span: Span) -> Value:
    chosen = _chosen(machine, items, index, span)
    assert not isinstance(chosen, list)
    return chosen


def store(machine: Machine, table: DictValue, key: Value, value: Value) -> Unknown | None:
    """`table[key] = value`; a key that is not known makes the whole table unknown."""
    key = operators.settled(machine, key)
    try:
        put(table, concrete(key, unordered=True), (key, value))
    except NotConcrete as problem:
        return operators.cause(problem.part, key.origin)
    except TypeError as error:
        raise PythonError(TypeError, str(error), key.origin) from error
    if len(table.entries) > MAX_ITEMS:
        return Unknown(reason="it is too large", origin=key.origin)
    return None


def merge(machine: Machine, table: DictValue, other: Value) -> Unknown | None:
    """`table.update(other)`, with another table or with pairs."""
    if isinstance(other, Unknown):
        return other
    if isinstance(other, Known) and isinstance(other.value, DictValue):
        if other.value.escaped is not None:
            return other.value.escaped
        for key, entry in other.value.entries.items():
            put(table, key, entry)
        return None
    pairs = elements(machine, other)
    if isinstance(pairs, Unknown):
        return pairs
    for pair in pairs:
        sides = elements(machine, pair)
        if isinstance(sides, Unknown):
            return sides
        if len(sides) != 2:
            text = f"dictionary update sequence element has length {len(sides)}; 2 is required"
            raise PythonError(ValueError, text, other.origin)
        problem = store(machine, table, sides[0], sides[1])
        if problem is not None:
            return problem
    return None


def put(table: DictValue, key: object, entry: tuple[Value, Value]) -> None:
    """Store an entry; the key that is there already stays, as `1` does for `True`."""
    if key in table.entries:
        entry = (table.entries[key][0], entry[1])
    table.entries[key] = entry


def make_set(kind: SequenceKind, items: list[Value], span: Span) -> Value:
    """A set of these values, without repeats."""
    unique: dict[object, Value] = {}
    for value in items:
        try:
            unique.setdefault(concrete(value, unordered=True), value)
        except NotConcrete:
            return (
                value
                if isinstance(value, Unknown)
                else Unknown(reason="an element is not known", origin=span)
            )
        except TypeError as error:
            raise PythonError(TypeError, str(error), span) from error
    return Known(ListValue(kind, list(unique.values())), span)


def unpack(
    machine: Machine, target: cst.BaseExpression, value: Value, frame: Frame
) -> Unknown | None:
    """Assign `value` to `target`, taking tuples apart.  Returns why it can't be told, if so."""
    match target:
        case cst.Name():
            frame.bind(target.value, value)
            return None
        case cst.Tuple() | cst.List():
            items = elements(machine, value)
            if isinstance(items, Unknown):
                for element in target.elements:
                    unpack(machine, element.value, items, frame)
                return None
            return _unpack_items(machine, target, items, frame)
        case _:
            statements.assign(machine, target, value, frame)
            return None


def _unpack_items(
    machine: Machine, target: cst.Tuple | cst.List, items: list[Value], frame: Frame
) -> Unknown | None:
    goals = target.elements
    starred = next((i for i, g in enumerate(goals) if isinstance(g, cst.StarredElement)), None)
    span = frame.syntax.span(target)
    if len(items) < len(goals) - (starred is not None):
        text = f"not enough values to unpack (expected {len(goals)}, got {len(items)})"
        raise PythonError(ValueError, text, span)
    if starred is None and len(items) > len(goals):
        raise PythonError(ValueError, f"too many values to unpack (expected {len(goals)})", span)
    for index, goal in enumerate(goals):
        if starred is None or index < starred:
            unpack(machine, goal.value, items[index], frame)
        elif index == starred:
            rest = items[starred : len(items) - (len(goals) - starred - 1)]
            unpack(machine, goal.value, Known(ListValue(list, rest), span), frame)
        else:
            unpack(machine, goal.value, items[index - len(goals)], frame)
    return None


def store_item(machine: Machine, receiver: Value, key: Value, value: Value) -> None:
    """`receiver[key] = value`."""
    if not isinstance(receiver, Known):
        return
    match receiver.value:
        case DictValue() as table:
            problem = machine.condition or store(machine, table, key, value)
            table.escaped = table.escaped or problem
        case ListValue() as items:
            _store_element(machine, items, key, value)
        case _:
            pass


def _store_element(machine: Machine, items: ListValue, key: Value, value: Value) -> None:
    if machine.condition is not None or not isinstance(key, Known) or items.kind is not list:
        reason = Unknown(
            reason="an element is assigned that flashc can't tell", origin=value.origin
        )
        items.escaped = items.escaped or machine.condition or reason
        return
    match key.value:
        case int() as index:
            if not -len(items.items) <= index < len(items.items):
                raise PythonError(IndexError, "list assignment index out of range", key.origin)
            items.items[index] = value
        case slice() as part:
            more = elements(machine, value)
            if isinstance(more, Unknown):
                items.escaped = items.escaped or more
                return
            try:
                items.items[part] = more
            except ValueError as error:
                raise PythonError(ValueError, str(error), key.origin) from error
        case _:
            items.escaped = Unknown(
                reason="an element is assigned that flashc can't tell", origin=key.origin
            )


def delete_item(machine: Machine, receiver: Value, key: Value, span: Span) -> None:
    """`del receiver[key]`."""
    if not isinstance(receiver, Known) or not isinstance(receiver.value, (ListValue, DictValue)):
        return
    held = receiver.value
    key = operators.settled(machine, key)
    if machine.condition is not None or not isinstance(key, Known):
        unknown = key if isinstance(key, Unknown) else None
        held.escaped = held.escaped or machine.condition or unknown
        return
    try:
        if isinstance(held, DictValue):
            del held.entries[concrete(key)]
        elif isinstance(key.value, (int, slice)):
            del held.items[key.value]
    except NotConcrete as problem:
        held.escaped = held.escaped or operators.cause(problem.part, span)
    except (LookupError, TypeError, ValueError) as error:
        operators.fail(machine, type(error), str(error), span, key.variables)
