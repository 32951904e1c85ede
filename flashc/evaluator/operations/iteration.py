"""Iterate over evaluated lists, iterators, sets and dicts as Python does.

A list may change during the iteration, an iterator can be read only once, and the order of a set is
not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import EnumMeta
from itertools import count, repeat

from flashc.evaluator.failures import IterationUnknown, PythonError
from flashc.evaluator.library_values import FileValue
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import InstanceValue
from flashc.evaluator.values import (
    MAX_ITEMS,
    SET_ORDER,
    DictValue,
    DisorderedValue,
    IteratorValue,
    Known,
    MappingObject,
    SequenceValue,
    Symbolic,
    Unknown,
    Value,
    ViewValue,
)
from flashc_core.source import Span

from .apply import resolve_symbolic, too_large
from .special_methods import call_special, special_method


def elements(machine: Machine, value: Value, *, unordered: bool = False) -> list[Value] | Unknown:
    """Return all elements of `value` as a list; the reason if they are not known.

    Raises:
        PythonError: the value can't be iterated over.
    """
    try:
        found: list[Value] = []
        for item in iterate(machine, value, unordered=unordered):
            found.append(item)
            if len(found) > MAX_ITEMS:
                return too_large(value.origin)
        return found
    except IterationUnknown as problem:
        return problem.reason


def iterate(machine: Machine, value: Value, *, unordered: bool = False) -> Iterator[Value]:
    """Yield the elements of `value` one by one, as Python does.

    Raises:
        IterationUnknown: the next element is not known.
        PythonError: the value can't be iterated over, or its size changed during the iteration.
    """
    if isinstance(value, Unknown):
        raise IterationUnknown(value)
    if isinstance(value, Symbolic):
        raise IterationUnknown(
            Unknown(reason="it iterates over an environment variable", origin=value.origin)
        )
    match value.value:
        case SequenceValue() as items:
            if items.is_disordered and not unordered:
                raise IterationUnknown(
                    items.escaped or Unknown(reason=SET_ORDER, origin=value.origin)
                )
            return _live_elements(items)
        case DictValue() | MappingObject() as mapping:
            return _of_view(ViewValue(mapping, "keys"), value.origin)
        case DisorderedValue() as found:
            return _disordered(machine, found, value.origin, unordered)
        case ViewValue() as view:
            return _of_view(view, value.origin)
        case IteratorValue(disorder=str() as reason) if not unordered:
            raise IterationUnknown(Unknown(reason=reason, origin=value.origin))
        case IteratorValue() as iterator:
            return _rest_of_iterator(machine, iterator, value.origin)
        case str() | bytes() | range() as plain if len(plain) <= MAX_ITEMS:
            return iter([Known(item, value.origin, value.variables) for item in plain])
        case str() | bytes() | range():
            raise IterationUnknown(too_large(value.origin))
        case FileValue() as file:
            return _rest_of_iterator(machine, file.lines, value.origin)
        case InstanceValue() if (own := _by_methods(machine, value)) is not None:
            return own
        case InstanceValue() as record if record.of.is_named_tuple:
            return iter(list(record.names.values()))
        case type() as enum_class if list_members(enum_class):
            return iter([Known(member, value.origin) for member in list_members(enum_class)])
        case int() | float() | complex() | None:
            kind = type(value.value).__name__
            raise PythonError(TypeError, f"'{kind}' object is not iterable", value.origin)
        case _:
            raise IterationUnknown(
                Unknown(reason="it can't be iterated over when building", origin=value.origin)
            )


def _by_methods(machine: Machine, value: Known) -> Iterator[Value] | None:
    """Return an iterator over an instance by its methods; None if its class shows none.

    Raises what `iterate` raises.
    """
    made = call_special(machine, value, "__iter__", [], value.origin)
    if made is None:
        if special_method(value, "__getitem__") is None:
            return None
        numbers: Iterator[list[Value]] = ([Known(i, value.origin)] for i in count())
        return _by_calls(machine, value, "__getitem__", IndexError, numbers)
    if special_method(made, "__next__") is None:
        return iterate(machine, made)
    return _by_calls(machine, made, "__next__", StopIteration, repeat([]))


def _by_calls(
    machine: Machine,
    receiver: Value,
    name: str,
    end: type[Exception],
    arguments: Iterator[list[Value]],
) -> Iterator[Value]:
    """Yield what a method returns, until it raises the exception that ends an iteration.

    Raises:
        IterationUnknown: it may raise this exception.
        PythonError: it raises another one.
    """
    for given in arguments:
        before = machine.may_raise_count
        try:
            found = call_special(machine, receiver, name, given, receiver.origin)
        except PythonError as error:
            if error.kind is end:
                return
            raise
        if found is None or machine.may_raise_count > before:
            reason = Unknown(reason=f"`{name}` may end the iteration", origin=receiver.origin)
            raise IterationUnknown(found if isinstance(found, Unknown) else reason)
        yield found


def _disordered(
    machine: Machine, found: DisorderedValue, origin: Span, unordered: bool
) -> Iterator[Value]:
    """Return the elements of a value without an order; an iterator has none left after that."""
    if found.escaped is not None:
        raise IterationUnknown(found.escaped)
    items = found.items
    if found.is_iterator:
        found.items, found.escaped = (), machine.condition
    if len(items) > 1 and not unordered:
        raise IterationUnknown(Unknown(reason=found.reason, origin=origin))
    return iter(items)


def _rest_of_iterator(machine: Machine, iterator: IteratorValue, origin: Span) -> Iterator[Value]:
    """Yield the elements of an iterator that are not read yet.

    If a branch that may not run has read some of them, the next element is not known.
    """
    while True:
        if iterator.escaped is not None:
            raise IterationUnknown(iterator.escaped)
        iterator.escaped = machine.condition
        iterator.taken += 1
        try:
            item = next(iterator.source)
        except StopIteration:
            return
        except IterationUnknown as problem:
            iterator.escaped = problem.reason
            raise
        except ValueError as error:  # "generator already executing"
            raise IterationUnknown(
                Unknown(reason="an iterator reads itself", origin=origin)
            ) from error
        yield item


def _live_elements(items: SequenceValue) -> Iterator[Value]:
    """Yield the elements of a list, also those that are appended during the iteration."""
    index = 0
    while items.escaped is None and index < len(items.items):
        yield items.items[index]
        index += 1
    if items.escaped is not None:
        raise IterationUnknown(items.escaped)


def _of_view(view: ViewValue, origin: Span) -> Iterator[Value]:
    """Yield the elements of `d.keys()`, `d.values()` or `d.items()`."""
    mapping = view.of.current()
    size = len(mapping.entries)
    if mapping.escaped is not None:
        raise IterationUnknown(mapping.escaped)
    for member in view.members():
        yield member
        if mapping.escaped is not None:
            raise IterationUnknown(mapping.escaped)
        if len(mapping.entries) != size:
            text = "dictionary changed size during iteration"
            raise PythonError(RuntimeError, text, origin)


def disorder(value: Value) -> str | None:
    """Return the reason why the order of the elements of a value is not known; None if it is."""
    match value.value if isinstance(value, Known) else None:
        case SequenceValue(is_disordered=True):
            return SET_ORDER
        case DisorderedValue(items=items, reason=reason) if len(items) > 1:
            return reason
        case IteratorValue(disorder=reason):
            return reason
        case _:
            return None


def list_members(enum_class: type) -> list[object]:
    """Return the members of an enum class; none for other classes."""
    return list(enum_class) if isinstance(enum_class, EnumMeta) else []


def lazy_iterator(source: Iterator[Value], name: str, span: Span) -> Known:
    """Return an iterator of the program that reads its elements from `source` when needed."""
    return Known(IteratorValue(source, name), span)


def argument_for_python(machine: Machine, value: Value) -> Value:
    """Return an argument that Python can use: environment variables and iterators are read."""
    value = resolve_symbolic(machine, value)
    if isinstance(value, Known) and isinstance(value.value, IteratorValue):
        items = elements(machine, value)
        return (
            items if isinstance(items, Unknown) else Known(SequenceValue(list, items), value.origin)
        )
    return value
