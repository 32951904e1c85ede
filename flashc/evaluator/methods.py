"""Methods of plain values: the pure ones of `str` and its like, those that read and change containers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flashc_core.source import Span

from . import containers, operators, paths, sequences
from .failures import PythonError
from .iteration import elements
from .objects import CallArguments
from .values import (
    MAX_ITEMS,
    DictValue,
    IteratorValue,
    Known,
    ListValue,
    NotConcrete,
    ProjectPath,
    Unknown,
    Value,
    ViewValue,
    concrete,
    variables_of,
)

if TYPE_CHECKING:
    from .machine import Machine

_PURE: dict[type, frozenset[str]] = {
    kind: frozenset(name for name in dir(kind) if not name.startswith("_")) - {"format_map"}
    for kind in (str, bytes, int, float, complex)
}
_GROWING = frozenset(
    {"ljust", "rjust", "center", "zfill", "expandtabs", "replace", "join", "to_bytes", "translate"}
)


def call(machine: Machine, receiver: Value, name: str, arguments: CallArguments) -> Value:
    """`receiver.name(arguments)`."""
    receiver = operators.settled(machine, receiver)
    if not isinstance(receiver, Known):
        return receiver
    match receiver.value:
        case ListValue() as items:
            return _sequence_method(machine, items, receiver, name, arguments)
        case DictValue() as table:
            return _dict_method(machine, table, receiver, name, arguments)
        case ProjectPath() as path:
            return paths.method(machine, path, receiver, name, arguments)
        case ViewValue() if name == "isdisjoint":
            return _pure_on_containers(machine, receiver, name, arguments)
        case bool() | int() | float() | complex() | str() | bytes() as plain:
            return _plain_method(machine, plain, receiver, name, arguments)
        case _:
            machine.escape(arguments)
            return Unknown(
                reason=f"flashc does not evaluate the method `{name}` here", origin=arguments.span
            )


def _plain_method(
    machine: Machine, plain: object, receiver: Known, name: str, arguments: CallArguments
) -> Value:
    span = arguments.span
    kind = next((k for k in _PURE if isinstance(plain, k)), None)
    if kind is None or name not in _PURE[kind]:
        return Unknown(reason=f"flashc does not evaluate the method `{name}` here", origin=span)
    names = list(arguments.keywords)
    values = [_read(machine, value) for value in arguments.values]
    named = [_read(machine, arguments.keywords[n].value) for n in names]
    if name in _GROWING and any(_large(value) for value in values):
        return Unknown(reason="it is too large", origin=span)
    if name == "format" and isinstance(plain, str) and operators.long_numbers(plain):
        return Unknown(reason="it is too large", origin=span)
    count = len(values)

    def run(self: object, *flat: object) -> object:
        keywords = dict(zip(names, flat[count:], strict=True))
        return getattr(self, name)(*flat[:count], **keywords)

    return operators.apply(machine, run, span, receiver, *values, *named)


def _read(machine: Machine, value: Value) -> Value:
    """An argument for Python itself: environment variables and iterators are read."""
    value = operators.settled(machine, value)
    if isinstance(value, Known) and isinstance(value.value, IteratorValue):
        items = elements(machine, value)
        return items if isinstance(items, Unknown) else Known(ListValue(list, items), value.origin)
    return value


def _large(value: Value) -> bool:
    if not isinstance(value, Known):
        return False
    plain = value.value
    return (isinstance(plain, int) and plain > MAX_ITEMS) or (
        isinstance(plain, str) and len(plain) > 10_000
    )


def _sequence_method(
    machine: Machine,
    items: ListValue,
    receiver: Known,
    name: str,
    arguments: CallArguments,
) -> Value:
    if items.escaped is not None:
        machine.escape(arguments)
        return items.escaped
    if not hasattr(items.kind, name):
        text = f"'{items.kind.__name__}' object has no attribute '{name}'"
        raise PythonError(AttributeError, text, arguments.span)
    if name == "copy":
        return Known(ListValue(items.kind, list(items.items)), arguments.span)
    changes = _CHANGES.get((items.kind, name))
    if changes is None:
        return _pure_on_containers(machine, receiver, name, arguments)
    result = changes(machine, items, arguments)
    if isinstance(result, Unknown) and (items.kind, name) not in _TAKING:
        items.escaped = items.escaped or result
    return result


def _pure_on_containers(
    machine: Machine, receiver: Known, name: str, arguments: CallArguments
) -> Value:
    """Methods that read containers as a whole: `count`, `index`, `union`, `issubset`."""
    values = [_read(machine, value) for value in arguments.values]

    def run(self: object, *others: object) -> object:
        return getattr(self, name)(*others)

    return operators.apply(machine, run, arguments.span, receiver, *values, unordered=True)


# Changing lists and sets ----------------------------------------------------------------------------

_Change = Callable[["Machine", ListValue, CallArguments], Value]


def _append(machine: Machine, items: ListValue, arguments: CallArguments) -> Value:
    items.items.append(_only(arguments))
    if len(items.items) > MAX_ITEMS:
        return Unknown(reason="it is too large", origin=arguments.span)
    return Known(None, arguments.span)


def _only(arguments: CallArguments) -> Value:
    if len(arguments.values) != 1 or arguments.keywords:
        raise PythonError(TypeError, "takes exactly one argument", arguments.span)
    return arguments.values[0]


def _extend(machine: Machine, items: ListValue, arguments: CallArguments) -> Value:
    more = elements(machine, _only(arguments))
    if isinstance(more, Unknown):
        return more
    if len(items.items) + len(more) > MAX_ITEMS:
        return Unknown(reason="it is too large", origin=arguments.span)
    items.items.extend(more)
    return Known(None, arguments.span)


def _on_the_list(name: str) -> _Change:
    """`insert`, `pop`, `clear`, `reverse`: Python's own, on the list of values."""

    def run(machine: Machine, items: ListValue, arguments: CallArguments) -> Value:
        given: list[object] = []
        for index, value in enumerate(arguments.values):
            if name == "insert" and index == 1:
                given.append(value)
                continue
            value = operators.settled(machine, value)
            if not isinstance(value, Known) or not isinstance(value.value, int):
                items.escaped = Unknown(reason="the index is not known", origin=value.origin)
                return items.escaped
            given.append(value.value)
        try:
            result: Value | None = getattr(items.items, name)(*given)
        except (IndexError, TypeError) as error:
            return operators.fail(machine, type(error), str(error), arguments.span)
        return Known(None, arguments.span) if result is None else result

    return run


def _remove(machine: Machine, items: ListValue, arguments: CallArguments) -> Value:
    span = arguments.span
    wanted = operators.settled(machine, _only(arguments))
    try:
        plain = concrete(wanted, unordered=True)
        index = [concrete(item, unordered=True) for item in items.items].index(plain)
    except NotConcrete as problem:
        return operators.cause(problem.part, span)
    except ValueError:
        return operators.fail(
            machine, ValueError, "list.remove(x): x not in list", span, variables_of(wanted)
        )
    del items.items[index]
    return Known(None, span)


def _sort(machine: Machine, items: ListValue, arguments: CallArguments) -> Value:
    ordered = sequences.sort(machine, list(items.items), arguments)
    if isinstance(ordered, Unknown):
        return ordered
    items.items[:] = ordered
    return Known(None, arguments.span)


def _change_set(name: str) -> _Change:
    """`add`, `discard`, `update` and their like: Python's own, on the concrete elements."""

    def run(machine: Machine, items: ListValue, arguments: CallArguments) -> Value:
        span = arguments.span
        values = [_read(machine, value) for value in arguments.values]

        def changed(*given: Any) -> object:
            kept: set[object] = set(given[0])
            getattr(kept, name)(*given[1:])
            return kept

        own = Known(ListValue(set, items.items), span)
        result = operators.apply(machine, changed, span, own, *values, unordered=True)
        if not isinstance(result, Known) or not isinstance(result.value, ListValue):
            return result
        items.items[:] = result.value.items
        return Known(None, span)

    return run


def _pop_of_set(machine: Machine, items: ListValue, arguments: CallArguments) -> Value:
    if len(items.items) == 1:
        return items.items.pop()
    if not items.items:
        raise PythonError(KeyError, "'pop from an empty set'", arguments.span)
    return Unknown(reason="the order of a set differs from run to run", origin=arguments.span)


_CHANGES: dict[tuple[type, str], _Change] = {
    (list, "append"): _append,
    (list, "extend"): _extend,
    (list, "remove"): _remove,
    (list, "sort"): _sort,
    **{(list, name): _on_the_list(name) for name in ("insert", "pop", "clear", "reverse")},
    **{
        (set, name): _change_set(name)
        for name in ("add", "discard", "remove", "clear", "update", "difference_update")
    },
    **{
        (set, name): _change_set(name)
        for name in ("intersection_update", "symmetric_difference_update")
    },
    (set, "pop"): _pop_of_set,
}
# Their result may be unknown although what is left is not.
_TAKING = frozenset({(list, "pop")})


# Dicts ----------------------------------------------------------------------------------------------


def _dict_method(
    machine: Machine, table: DictValue, receiver: Known, name: str, arguments: CallArguments
) -> Value:
    span, values = arguments.span, arguments.values
    if table.escaped is not None:
        machine.escape(arguments)
        return table.escaped
    match name, values:
        case (("keys" | "values" | "items"), []):
            return Known(ViewValue(table, name), span)
        case "copy", []:
            return Known(DictValue(dict(table.entries)), span)
        case (("get" | "pop" | "setdefault"), [key, *rest]):
            return _lookup(machine, table, name, key, rest, span)
        case "popitem", []:
            return _popitem(table, span)
        case "update", _:
            return _update(machine, table, arguments)
        case "clear", []:
            table.entries.clear()
            return Known(None, span)
        case _:
            machine.escape(arguments)
            table.escaped = Unknown(
                reason=f"flashc does not evaluate `dict.{name}` here", origin=span
            )
            return table.escaped


def _lookup(
    machine: Machine, table: DictValue, name: str, key: Value, rest: list[Value], span: Span
) -> Value:
    key = operators.settled(machine, key)
    try:
        plain = concrete(key)
        entry = table.entries.get(plain)
    except NotConcrete:
        unknown = Unknown(reason="the key is not known", origin=span)
        if name != "get":
            table.escaped = unknown
        return unknown
    except TypeError as error:
        raise PythonError(TypeError, str(error), span) from error
    default = rest[0] if rest else Known(None, span)
    if name == "pop":
        table.entries.pop(plain, None)
        if entry is None and not rest:
            return operators.fail(machine, KeyError, repr(plain)[:80], span, variables_of(key))
    elif name == "setdefault" and entry is None:
        table.entries[plain] = (key, default)
    return operators.tainted(entry[1] if entry is not None else default, variables_of(key))


def _popitem(table: DictValue, span: Span) -> Value:
    if not table.entries:
        raise PythonError(KeyError, "'popitem(): dictionary is empty'", span)
    _, (key, value) = table.entries.popitem()
    return Known(ListValue(tuple, [key, value]), span)


def _update(machine: Machine, table: DictValue, arguments: CallArguments) -> Value:
    for value in arguments.values:
        problem = containers.merge(machine, table, value)
        if problem is not None:
            table.escaped = problem
            return problem
    for name, argument in arguments.keywords.items():
        containers.put(table, name, (Known(name, argument.span), argument.value))
    return Known(None, arguments.span)


def copied(value: Value, span: Span, *, deep: bool) -> Value:
    """`copy.copy(value)` or `copy.deepcopy(value)`."""
    if not isinstance(value, Known):
        return value
    match value.value:
        case ListValue() as items:
            parts = [copied(i, span, deep=True) for i in items.items] if deep else list(items.items)
            return Known(ListValue(items.kind, parts, items.escaped), span)
        case DictValue() as table:
            entries = {
                key: (k, copied(item, span, deep=True) if deep else item)
                for key, (k, item) in table.entries.items()
            }
            return Known(DictValue(entries, table.escaped), span)
        case _:
            return value
