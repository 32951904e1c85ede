"""Evaluate builtin functions on sequences: `len`, `sorted`, `zip`, `map`, `next` and others."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from typing import Any, cast

from flashc.evaluator.failures import IterationUnknown, PythonError
from flashc.evaluator.library_values import FileValue
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments, InstanceValue
from flashc.evaluator.operations import containers
from flashc.evaluator.operations.apply import apply, fail, resolve_symbolic, tainted
from flashc.evaluator.operations.comparisons import truth
from flashc.evaluator.operations.iteration import (
    disorder,
    elements,
    iterate,
    lazy_iterator,
)
from flashc.evaluator.operations.operators import binary
from flashc.evaluator.values import (
    DictValue,
    DisorderedValue,
    IteratorValue,
    Known,
    MappingObject,
    SequenceKind,
    SequenceValue,
    Unknown,
    Value,
    ViewValue,
    concrete,
    variables_of,
)
from flashc_core.source import Span

from .sorting import keys_of, sort

Builtin = Callable[[Machine, CallArguments], Value]


def unsupported_call(name: str, span: Span) -> Unknown:
    """Return the value of a call in a form that flashc does not evaluate."""
    return Unknown(reason=f"flashc does not evaluate this `{name}(...)`", origin=span)


# Sizes, truth and order -----------------------------------------------------------------------------


def _len(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `len(value)`."""
    span = arguments.span
    value = resolve_symbolic(machine, arguments.values[0])
    if isinstance(value, Known):
        match value.value:
            case SequenceValue() as items:
                return items.escaped or Known(len(items.items), span, variables_of(value))
            case DictValue() | MappingObject() as shown:
                mapping = shown.current()
                return mapping.escaped or Known(len(mapping.entries), span, variables_of(value))
            case ViewValue() as view:
                mapping = view.of.current()
                return mapping.escaped or Known(len(mapping.entries), span, variables_of(value))
            case DisorderedValue(is_iterator=False) as found:
                return found.escaped or Known(len(found.items), span)
            case InstanceValue() as record if record.of.is_named_tuple:
                return Known(len(record.names), span)
            case IteratorValue() as iterator:
                text = f"object of type '{iterator.name}' has no len()"
                raise PythonError(TypeError, text, span)
            case type() as enum_class:
                return Known(len(cast("Any", enum_class)), span)
            case _:
                pass
    return apply(machine, len, span, value)


def _any_or_all(wanted: bool) -> Builtin:
    """Return the function that evaluates `any` (`wanted` is True) or `all` (False)."""

    def run(machine: Machine, arguments: CallArguments) -> Value:
        variables: frozenset[str] = frozenset()
        try:
            for item in iterate(machine, arguments.values[0]):
                verdict = truth(machine, item)
                if isinstance(verdict, Unknown):
                    return verdict
                variables |= variables_of(item)
                if verdict is wanted:
                    return Known(wanted, arguments.span, variables)
        except IterationUnknown as problem:
            return problem.reason
        return Known(not wanted, arguments.span, variables)

    return run


def _sum(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `sum(items)`, with a start value or without."""
    given = [*arguments.values, *(a.value for a in arguments.keywords.values())]
    items = elements(machine, given[0])
    if isinstance(items, Unknown):
        return items
    total: Value = given[1] if len(given) == 2 else Known(0, arguments.span)
    if isinstance(total, Known) and isinstance(total.value, (str, bytes)):
        raise PythonError(TypeError, "sum() can't sum strings", arguments.span)
    for item in items:
        machine.charge(20, arguments.span)
        total = binary(machine, "+", total, item, arguments.span)
    return total


def _extreme(name: str) -> Builtin:
    """Return the function that evaluates `min` or `max`, which is `name`."""

    def run(machine: Machine, arguments: CallArguments) -> Value:
        span, keywords = arguments.span, arguments.keywords
        values = arguments.values
        unordered = "key" not in keywords
        doubt = disorder(values[0]) if len(values) == 1 else None
        items = elements(machine, values[0], unordered=unordered) if len(values) == 1 else values
        if isinstance(items, Unknown):
            return items
        if not items:
            if "default" in keywords:
                return keywords["default"].value
            return fail(machine, ValueError, f"{name}() arg is an empty sequence", span)
        keys = keys_of(machine, items, arguments)
        if isinstance(keys, Unknown):
            return keys
        try:
            best = (min if name == "min" else max)(range(len(items)), key=keys.__getitem__)
        except TypeError as error:
            if doubt is not None and any(isinstance(key, (tuple, list)) for key in keys):
                return Unknown(reason=doubt, origin=span)  # it decides which parts are compared
            return fail(machine, TypeError, str(error), span, variables_of(*items))
        first = keys[best]
        if doubt is not None and any(k == first and repr(k) != repr(first) for k in keys):
            return Unknown(reason=doubt, origin=span)
        return tainted(items[best], variables_of(*items))

    return run


def _sorted(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `sorted(items, key=..., reverse=...)`."""
    span, keywords = arguments.span, arguments.keywords
    doubt = disorder(arguments.values[0])
    items = elements(machine, arguments.values[0], unordered="key" not in keywords)
    if isinstance(items, Unknown):
        return items
    ordered = sort(machine, items, arguments, doubt)
    return ordered if isinstance(ordered, Unknown) else Known(SequenceValue(list, ordered), span)


# Containers and iterators ---------------------------------------------------------------------------


def _sequence(kind: SequenceKind) -> Builtin:
    """Return the function that evaluates `list`, `tuple`, `set` or `frozenset`."""

    def run(machine: Machine, arguments: CallArguments) -> Value:
        unordered = kind in (set, frozenset)
        source = arguments.values[0] if arguments.values else Known((), arguments.span)
        if not arguments.values:
            return Known(SequenceValue(kind, []), arguments.span)
        doubt = disorder(source)
        items = elements(machine, source, unordered=unordered)
        if isinstance(items, Unknown):
            return items
        machine.charge(len(items), arguments.span)
        if unordered:
            made = containers.make_set(kind, items, arguments.span)
            return _unless_ambiguous(made, items, doubt, arguments.span)
        return Known(SequenceValue(kind, items), arguments.span)

    return run


def _unless_ambiguous(made: Value, items: list[Value], doubt: str | None, span: Span) -> Value:
    """Return a set of items; unknown if their order decides which of equal ones, as `1` and `True`, it keeps.

    `doubt` is the reason why the order of the items is not known, None if it is known.
    """
    kept = made.value if isinstance(made, Known) else None
    if doubt is None or not isinstance(kept, SequenceValue) or len(kept.items) == len(items):
        return made
    plain = [concrete(item, unordered=True) for item in items]
    if len({(each, repr(each)) for each in plain}) > len(kept.items):
        return Unknown(reason=doubt, origin=span)
    return made


def _dict(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `dict(...)` with a mapping or pairs, and keywords."""
    mapping = DictValue()
    for source in arguments.values:
        problem = containers.merge(machine, mapping, source)
        if problem is not None:
            return problem
    for name, argument in arguments.keywords.items():
        containers.put_entry(mapping, name, (Known(name, argument.span), argument.value))
    return Known(mapping, arguments.span)


def _zip(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `zip(...)`, lazily."""
    if arguments.keywords:
        return Unknown(reason="flashc does not evaluate `zip(strict=...)`", origin=arguments.span)
    sources = _iterators(machine, arguments.values)
    if isinstance(sources, Unknown):
        return sources
    pairs = (
        Known(SequenceValue(tuple, list(p)), arguments.span) for p in zip(*sources, strict=False)
    )
    return lazy_iterator(iter(pairs), "zip", arguments.span)


def _map(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `map(function, ...)`, lazily."""
    if arguments.keywords:  # `strict`, which Python takes since 3.14
        return unsupported_call("map", arguments.span)
    function, *given = arguments.values
    sources = _iterators(machine, given)
    if isinstance(sources, Unknown):
        return sources
    results = (
        machine.call(function, arguments.inner(list(values)))
        for values in zip(*sources, strict=False)
    )
    return lazy_iterator(iter(results), "map", arguments.span)


def _filter(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `filter(function, items)`, lazily."""
    function, given = arguments.values
    source = _iterators(machine, [given])
    if isinstance(source, Unknown):
        return source
    by_truth = isinstance(function, Known) and function.value is None

    def kept() -> Iterator[Value]:
        for item in source[0]:
            answer = item if by_truth else machine.call(function, arguments.inner([item]))
            verdict = truth(machine, answer)
            if isinstance(verdict, Unknown):
                raise IterationUnknown(verdict)
            if verdict:
                yield item

    return lazy_iterator(kept(), "filter", arguments.span)


def _enumerate(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `enumerate(items)`, `enumerate(items, 1)` or `enumerate(items, start=1)`."""
    span = arguments.span
    named = {name: argument.value for name, argument in arguments.keywords.items()}
    given = dict(zip(("iterable", "start"), arguments.values, strict=False)) | named
    start = resolve_symbolic(machine, given.get("start", Known(0, span)))
    if isinstance(start, Unknown):
        return start
    if not isinstance(start.value, int):
        return unsupported_call("enumerate", span)
    source = _iterators(machine, [given["iterable"]])
    if isinstance(source, Unknown):
        return source
    first = start.value
    pairs = (
        Known(SequenceValue(tuple, [Known(number, span), item]), span)
        for number, item in enumerate(source[0], first)
    )
    return lazy_iterator(iter(pairs), "enumerate", span)


def _reversed(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `reversed(items)`."""
    value = arguments.values[0]
    match value.value if isinstance(value, Known) else None:
        case (
            IteratorValue()
            | FileValue()
            | DisorderedValue(is_iterator=True)
            | SequenceValue(kind=builtins.set | builtins.frozenset)
        ):
            raise PythonError(TypeError, "object is not reversible", arguments.span)
        case MappingObject() | ViewValue(of=MappingObject()):
            return unsupported_call("reversed", arguments.span)
        case _:
            pass
    items = elements(machine, value)
    if isinstance(items, Unknown):
        return items
    return lazy_iterator(iter(items[::-1]), "reversed", arguments.span)


def _iter(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `iter(items)`."""
    if len(arguments.values) != 1:
        return unsupported_call("iter", arguments.span)
    value = arguments.values[0]
    if isinstance(value, Known) and isinstance(value.value, (IteratorValue, FileValue)):
        return value
    source = _iterators(machine, [value])
    return (
        source
        if isinstance(source, Unknown)
        else lazy_iterator(source[0], "iterator", arguments.span)
    )


def _next(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `next(iterator)`, with a default or without."""
    span = arguments.span
    value = arguments.values[0]
    if isinstance(value, Unknown):
        return value
    if not isinstance(value, Known) or not isinstance(value.value, (IteratorValue, FileValue)):
        machine.escape(arguments)
        return unsupported_call("next", span)
    try:
        for item in iterate(machine, value):
            return item
    except IterationUnknown as problem:
        return problem.reason
    if len(arguments.values) == 2:
        return arguments.values[1]
    raise PythonError(StopIteration, "", span)


def _iterators(machine: Machine, values: list[Value]) -> list[Iterator[Value]] | Unknown:
    """Return an iterator over each of some values; the reason if one can't be iterated."""
    try:
        return [iterate(machine, value) for value in values]
    except IterationUnknown as problem:
        return problem.reason


FUNCTIONS: dict[str, Builtin] = {
    "len": _len,
    "any": _any_or_all(True),
    "all": _any_or_all(False),
    "sum": _sum,
    "min": _extreme("min"),
    "max": _extreme("max"),
    "sorted": _sorted,
    "list": _sequence(list),
    "tuple": _sequence(tuple),
    "set": _sequence(set),
    "frozenset": _sequence(frozenset),
    "dict": _dict,
    "zip": _zip,
    "map": _map,
    "filter": _filter,
    "enumerate": _enumerate,
    "reversed": _reversed,
    "iter": _iter,
    "next": _next,
}
