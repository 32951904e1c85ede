"""Evaluate builtin functions on sequences: `len`, `sorted`, `zip`, `map`, `next` and others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any, cast

from flashc.evaluator.failures import PythonError
from flashc.evaluator.library_values import FileValue
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments, InstanceValue
from flashc.evaluator.operations import containers
from flashc.evaluator.operations.apply import apply, cause, fail, resolve_symbolic, tainted
from flashc.evaluator.operations.comparisons import truth
from flashc.evaluator.operations.iteration import IterationUnknown, elements, iterate, lazy_iterator
from flashc.evaluator.operations.operators import binary
from flashc.evaluator.path_values import ProjectPath
from flashc.evaluator.values import (
    DictValue,
    DisorderedValue,
    IteratorValue,
    Known,
    MappingObject,
    NotConcrete,
    SequenceKind,
    SequenceValue,
    Unknown,
    Value,
    ViewValue,
    concrete,
    variables_of,
)
from flashc_core.source import Span

Builtin = Callable[[Machine, CallArguments], Value]


def unsupported_call(name: str, span: Span) -> Unknown:
    """Return the value of a call in a form that flashc does not evaluate."""
    return Unknown(reason=f"flashc does not evaluate this `{name}(...)`", origin=span)


# Sizes, truth and order -----------------------------------------------------------------------------


def _len(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `len(value)`."""
    span = arguments.span
    if len(arguments.values) != 1:
        return unsupported_call("len", span)
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
        if len(arguments.values) != 1:
            return unsupported_call("any", arguments.span)
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
    if not 1 <= len(given) <= 2:
        return unsupported_call("sum", arguments.span)
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
        if not set(keywords) <= {"key", "default"} or not arguments.values:
            return unsupported_call(name, span)
        values = arguments.values
        unordered = "key" not in keywords
        items = elements(machine, values[0], unordered=unordered) if len(values) == 1 else values
        if isinstance(items, Unknown):
            return items
        if not items:
            if "default" in keywords:
                return keywords["default"].value
            return fail(machine, ValueError, f"{name}() arg is an empty sequence", span)
        keys = _keys(machine, items, arguments)
        if isinstance(keys, Unknown):
            return keys
        try:
            best = (min if name == "min" else max)(range(len(items)), key=keys.__getitem__)
        except TypeError as error:
            return fail(machine, TypeError, str(error), span, variables_of(*items))
        return tainted(items[best], variables_of(*items))

    return run


def _sorted(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `sorted(items, key=..., reverse=...)`."""
    span, keywords = arguments.span, arguments.keywords
    if len(arguments.values) != 1:
        return unsupported_call("sorted", span)
    items = elements(machine, arguments.values[0], unordered="key" not in keywords)
    if isinstance(items, Unknown):
        return items
    ordered = sort(machine, items, arguments)
    return ordered if isinstance(ordered, Unknown) else Known(SequenceValue(list, ordered), span)


def sort(machine: Machine, items: list[Value], arguments: CallArguments) -> list[Value] | Unknown:
    """Return the items in the order that `key=` and `reverse=` ask for.

    Raises:
        PythonError: the items can't be compared.
    """
    span, keywords = arguments.span, arguments.keywords
    if not set(keywords) <= {"key", "reverse"}:
        return unsupported_call("sorted", span)
    keys = _keys(machine, items, arguments)
    if isinstance(keys, Unknown):
        return keys
    reverse: bool | Unknown = False
    if "reverse" in keywords:
        reverse = truth(machine, keywords["reverse"].value)
    if isinstance(reverse, Unknown):
        return reverse
    try:
        order = sorted(range(len(items)), key=keys.__getitem__, reverse=reverse)
    except TypeError as error:
        return fail(machine, TypeError, str(error), span, variables_of(*items))
    return [items[index] for index in order]


def _keys(machine: Machine, items: list[Value], arguments: CallArguments) -> list[Any] | Unknown:
    """Return the keys by which the items are compared, as Python's own objects."""
    span, keywords = arguments.span, arguments.keywords
    key = keywords["key"].value if "key" in keywords else Known(None, span)
    plain = isinstance(key, Known) and key.value is None
    machine.charge(20 * len(items), span)
    found: list[Any] = []
    for item in items:
        value = item if plain else machine.call(key, arguments.inner([item]))
        try:
            found.append(_comparable(resolve_symbolic(machine, value)))
        except NotConcrete as problem:
            return cause(problem.part, span)
    return found


def _comparable(value: Value) -> object:
    """Return an object that Python compares as it does the value.

    Paths inside the project have the same beginning, which does not matter.

    Raises:
        NotConcrete: the value is not known.
    """
    path = value.value if isinstance(value, Known) else None
    if isinstance(path, ProjectPath) and not path.normalised:
        return path.path if path.text else PurePosixPath(path.path)
    return concrete(value, unordered=True)


# Containers and iterators ---------------------------------------------------------------------------


def _sequence(kind: SequenceKind) -> Builtin:
    """Return the function that evaluates `list`, `tuple`, `set` or `frozenset`."""

    def run(machine: Machine, arguments: CallArguments) -> Value:
        if len(arguments.values) > 1 or arguments.keywords:
            return unsupported_call(kind.__name__, arguments.span)
        unordered = kind in (set, frozenset)
        source = arguments.values[0] if arguments.values else Known((), arguments.span)
        if not arguments.values:
            return Known(SequenceValue(kind, []), arguments.span)
        items = elements(machine, source, unordered=unordered)
        if isinstance(items, Unknown):
            return items
        machine.charge(len(items), arguments.span)
        if unordered:
            return containers.make_set(kind, items, arguments.span)
        return Known(SequenceValue(kind, items), arguments.span)

    return run


def _dict(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `dict(...)` with a mapping or pairs, and keywords."""
    mapping = DictValue()
    if len(arguments.values) > 1:
        return unsupported_call("dict", arguments.span)
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
    if len(arguments.values) < 2 or arguments.keywords:
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
    if len(arguments.values) != 2 or arguments.keywords:
        return unsupported_call("filter", arguments.span)
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
    given = [*arguments.values, *(a.value for a in arguments.keywords.values())]
    if not 1 <= len(given) <= 2:
        return unsupported_call("enumerate", span)
    start = resolve_symbolic(machine, given[1]) if len(given) > 1 else Known(0, span)
    if isinstance(start, Unknown):
        return start
    if not isinstance(start.value, int):
        return unsupported_call("enumerate", span)
    source = _iterators(machine, given[:1])
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
    if len(arguments.values) != 1:
        return unsupported_call("reversed", arguments.span)
    value = arguments.values[0]
    plain = value.value if isinstance(value, Known) else None
    if isinstance(plain, IteratorValue) or (
        isinstance(plain, SequenceValue) and plain.is_disordered
    ):
        raise PythonError(TypeError, "object is not reversible", arguments.span)
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
    if not 1 <= len(arguments.values) <= 2:
        return unsupported_call("next", span)
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
