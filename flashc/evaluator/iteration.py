"""Iterating over values as Python does: lists are read live, iterators once, sets in no known order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flashc_core.source import Span

from .failures import PythonError
from .objects import InstanceValue
from .values import (
    MAX_ITEMS,
    SET_ORDER,
    DictValue,
    IteratorValue,
    Known,
    ListValue,
    Symbolic,
    Unknown,
    Value,
    ViewValue,
    list_members,
)

if TYPE_CHECKING:
    from .machine import Machine


class Lost(Exception):
    """What comes next can't be known."""

    def __init__(self, reason: Unknown) -> None:
        super().__init__()
        self.reason = reason


def elements(machine: Machine, value: Value, *, unordered: bool = False) -> list[Value] | Unknown:
    """The values that iterating over all of `value` gives.

    Raises:
        PythonError: it can't be iterated over.
    """
    try:
        found: list[Value] = []
        for item in iterate(machine, value, unordered=unordered):
            found.append(item)
            if len(found) > MAX_ITEMS:
                return Unknown(reason="it is too large", origin=value.origin)
        return found
    except Lost as lost:
        return lost.reason


def iterate(machine: Machine, value: Value, *, unordered: bool = False) -> Iterator[Value]:
    """The elements of `value`, one by one, as Python hands them out.

    Raises:
        Lost: the next element can't be known.
        PythonError: it can't be iterated over, or changed its size on the way.
    """
    if isinstance(value, Unknown):
        raise Lost(value)
    if isinstance(value, Symbolic):
        raise Lost(Unknown(reason="it iterates over an environment variable", origin=value.origin))
    match value.value:
        case ListValue() as items:
            if items.is_disordered and not unordered:
                raise Lost(items.escaped or Unknown(reason=SET_ORDER, origin=value.origin))
            return _live(items)
        case DictValue() as table:
            return _of_table(ViewValue(table, "keys"), value.origin)
        case ViewValue() as view:
            return _of_table(view, value.origin)
        case IteratorValue() as iterator:
            return _once(machine, iterator, value.origin)
        case str() | bytes() | range() as plain if len(plain) <= MAX_ITEMS:
            return iter([Known(item, value.origin, value.variables) for item in plain])
        case str() | bytes() | range():
            raise Lost(Unknown(reason="it is too large", origin=value.origin))
        case InstanceValue() as record if record.of.is_tuple:
            return iter(list(record.names.values()))
        case type() as enum_class if list_members(enum_class):
            return iter([Known(member, value.origin) for member in list_members(enum_class)])
        case int() | float() | complex() | None:
            kind = type(value.value).__name__
            raise PythonError(TypeError, f"'{kind}' object is not iterable", value.origin)
        case _:
            raise Lost(
                Unknown(reason="it can't be iterated over when building", origin=value.origin)
            )


def _once(machine: Machine, iterator: IteratorValue, origin: Span) -> Iterator[Value]:
    """The rest of an iterator.  In a branch that may not run, nobody knows what is left afterwards."""
    while True:
        if iterator.lost is not None:
            raise Lost(iterator.lost)
        iterator.lost = machine.condition
        try:
            item = next(iterator.source)
        except StopIteration:
            return
        except Lost as lost:
            iterator.lost = lost.reason
            raise
        except ValueError as error:  # "generator already executing"
            raise Lost(Unknown(reason="an iterator reads itself", origin=origin)) from error
        yield item


def _live(items: ListValue) -> Iterator[Value]:
    index = 0
    while items.escaped is None and index < len(items.items):
        yield items.items[index]
        index += 1
    if items.escaped is not None:
        raise Lost(items.escaped)


def _of_table(view: ViewValue, origin: Span) -> Iterator[Value]:
    table, size = view.table, len(view.table.entries)
    if table.escaped is not None:
        raise Lost(table.escaped)
    for member in view.members():
        yield member
        if table.escaped is not None:
            raise Lost(table.escaped)
        if len(table.entries) != size:
            text = "dictionary changed size during iteration"
            raise PythonError(RuntimeError, text, origin)


def lazily(source: Iterator[Value], name: str, span: Span) -> Known:
    """An iterator of the program, whose elements come from `source`."""
    return Known(IteratorValue(source, name), span)
