"""Collect all source spans in a struct of the IR, by the types of its fields.

A large project has hundreds of thousands of spans; most of them are the field `span` of a struct in
a tuple.  So the types of the fields are analysed once.  Then fields that can't contain a span are
skipped, and the spans of a tuple of simple structs are collected by `map`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from functools import cache
from itertools import repeat
from operator import attrgetter
from typing import Any, cast, get_args, get_type_hints

from msgspec import Struct

from flashc_core.source import Span

Collector = Callable[[Any, list[Span]], None]


def spans_of(node: Struct, known: Container[int] = ()) -> list[Span]:
    """Return all spans in a struct, at any depth, in the order of the fields; of a span, itself.

    Fields whose value has one of the `id`s in `known` are left out.
    """
    found: list[Span] = []
    if isinstance(node, Span):
        found.append(node)
    for name, collect in _plan(type(node)):
        value = getattr(node, name)
        if id(value) not in known:
            collect(value, found)
    return found


def parts_with_spans(node: Struct) -> tuple[object, ...]:
    """Return a struct, and the values of its fields that may contain spans."""
    return node, *map(getattr, repeat(node), names_with_spans(type(node)))


def _collect(value: object, found: list[Span]) -> None:
    """Add the spans in a value: a span, a struct, a tuple of values, or a value without spans."""
    if isinstance(value, Span):
        found.append(value)
    elif isinstance(value, Struct):
        for name, collect in _plan(type(value)):
            collect(getattr(value, name), found)
    elif isinstance(value, tuple):
        for item in cast("tuple[object, ...]", value):
            _collect(item, found)


@cache
def _hints(type_: type[Struct]) -> dict[str, Any]:
    """Return the types of the fields of a struct."""
    return get_type_hints(type_)


@cache
def _plan(type_: type[Struct]) -> tuple[tuple[str, Collector], ...]:
    """Return the fields that may contain spans, with the function that collects them."""
    hints = _hints(type_)
    return tuple(
        (name, _collector(hints[name]))
        for name in type_.__struct_fields__
        if has_spans(frozenset(structs_in(hints[name])))
    )


@cache
def names_with_spans(type_: type[Struct]) -> tuple[str, ...]:
    """Return the names of the fields that may contain spans."""
    return tuple(name for name, _ in _plan(type_))


def _collector(hint: object) -> Collector:
    """Return the function that collects the spans in a value of this type."""
    if hint is Span:
        return lambda value, found: found.append(value)
    (item, *rest) = get_args(hint) or (None,)
    if rest == [...] and isinstance(item, type) and issubclass(item, Struct):
        fields = [(name, _hints(item)[name]) for name, _ in _plan(item)]
        if len(fields) == 1 and fields[0][1] is Span:
            span = attrgetter(fields[0][0])
            return lambda value, found: found.extend(map(span, value))
    return _collect


def structs_in(hint: object) -> Iterator[type[Struct]]:
    """Yield the struct types that a type hint mentions, as in a union or a tuple."""
    if isinstance(hint, type) and issubclass(hint, Struct):
        yield hint
    for part in get_args(hint):
        yield from structs_in(part)


@cache
def has_spans(types: frozenset[type[Struct]]) -> bool:
    """Return whether a value of one of these types may contain a span."""
    pending, seen = list(types), set[type[Struct]]()
    while pending:
        type_ = pending.pop()
        if type_ is Span:
            return True
        if type_ not in seen:
            seen.add(type_)
            pending += (each for hint in _hints(type_).values() for each in structs_in(hint))
    return False
