"""Call methods of evaluated lists, tuples, sets and dicts, such as `append` and `update`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flashc.evaluator.escape import sharing
from flashc.evaluator.failures import PythonError
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.operations import containers
from flashc.evaluator.operations.apply import (
    apply,
    cause,
    fail,
    resolve_symbolic,
    tainted,
    too_large,
)
from flashc.evaluator.operations.iteration import argument_for_python, elements
from flashc.evaluator.operations.special_methods import run_special_methods
from flashc.evaluator.values import (
    MAX_ITEMS,
    SET_ORDER,
    DictValue,
    Known,
    NotConcrete,
    SequenceValue,
    Unknown,
    Value,
    ViewValue,
    concrete,
    variables_of,
)
from flashc_core.source import Span

from .parameters import COUNTS, check_arguments, check_positional
from .sorting import sort

# The methods that change their receiver, which is unknown after a branch that may not run.
CHANGING = frozenset(
    {
        "append",
        "extend",
        "insert",
        "remove",
        "pop",
        "clear",
        "sort",
        "reverse",
        "update",
        "setdefault",
        "popitem",
        "add",
        "discard",
        "difference_update",
        "intersection_update",
        "symmetric_difference_update",
    }
)


def sequence_method(
    machine: Machine,
    items: SequenceValue,
    receiver: Known,
    name: str,
    arguments: CallArguments,
) -> Value:
    """Return the result of a method of a list, tuple or set, and change the container accordingly.

    Raises:
        PythonError: there is no such method, or it is certain to raise.
    """
    if items.escaped is not None:
        machine.escape(arguments)
        return items.escaped
    if not hasattr(items.kind, name):
        text = f"'{items.kind.__name__}' object has no attribute '{name}'"
        raise PythonError(AttributeError, text, arguments.span)
    if (items.kind, name) != (list, "sort"):
        check_positional(name, arguments, COUNTS.get(name))
    if name == "copy":
        return Known(SequenceValue(items.kind, list(items.items)), arguments.span)
    changes = _CHANGES.get((items.kind, name))
    if changes is None:
        return call_pure_method(machine, receiver, name, arguments)
    result = changes(machine, items, arguments)
    if isinstance(result, Unknown) and (items.kind, name) not in _TAKING:
        items.escaped = sharing(items.escaped or result, *arguments.values)
    return result


def call_pure_method(
    machine: Machine, receiver: Known, name: str, arguments: CallArguments
) -> Value:
    """Return the result of a method that only reads its containers, such as `count` or `union`."""
    values = [argument_for_python(machine, value) for value in arguments.values]

    def run(self: object, *others: object) -> object:
        return getattr(self, name)(*others)

    return apply(machine, run, arguments.span, receiver, *values, unordered=True)


# Changing lists and sets ----------------------------------------------------------------------------

_Change = Callable[[Machine, SequenceValue, CallArguments], Value]


def _append(machine: Machine, items: SequenceValue, arguments: CallArguments) -> Value:
    """Execute `items.append(value)`."""
    items.items.append(_only(arguments))
    if len(items.items) > MAX_ITEMS:
        return too_large(arguments.span)
    return Known(None, arguments.span)


def _only(arguments: CallArguments) -> Value:
    """Return the argument of a method that takes exactly one."""
    if len(arguments.values) != 1 or arguments.keywords:
        raise PythonError(TypeError, "takes exactly one argument", arguments.span)
    return arguments.values[0]


def _extend(machine: Machine, items: SequenceValue, arguments: CallArguments) -> Value:
    """Execute `items.extend(more)`."""
    more = elements(machine, _only(arguments))
    if isinstance(more, Unknown):
        return more
    if len(items.items) + len(more) > MAX_ITEMS:
        return too_large(arguments.span)
    items.items.extend(more)
    return Known(None, arguments.span)


def _on_the_list(name: str) -> _Change:
    """Return a function that executes the list method `name`, such as `insert`, with Python's own."""

    def run(machine: Machine, items: SequenceValue, arguments: CallArguments) -> Value:
        given: list[object] = []
        for index, value in enumerate(arguments.values):
            if name == "insert" and index == 1:
                given.append(value)
                continue
            value = resolve_symbolic(machine, value)
            if not isinstance(value, Known) or not isinstance(value.value, int):
                items.escaped = Unknown(reason="the index is not known", origin=value.origin)
                return items.escaped
            given.append(value.value)
        try:
            result: Value | None = getattr(items.items, name)(*given)
        except (IndexError, TypeError) as error:
            return fail(machine, type(error), str(error), arguments.span)
        return Known(None, arguments.span) if result is None else result

    return run


def _remove(machine: Machine, items: SequenceValue, arguments: CallArguments) -> Value:
    """Execute `items.remove(value)`; all elements must be concrete."""
    span = arguments.span
    wanted = resolve_symbolic(machine, _only(arguments))
    try:
        plain = concrete(wanted, unordered=True)
        index = [concrete(item, unordered=True) for item in items.items].index(plain)
    except NotConcrete as problem:
        run_special_methods(machine, [wanted, *items.items], span)
        return cause(problem.part, span)
    except ValueError:
        return fail(
            machine, ValueError, "list.remove(x): x not in list", span, variables_of(wanted)
        )
    del items.items[index]
    return Known(None, span)


def _sort(machine: Machine, items: SequenceValue, arguments: CallArguments) -> Value:
    """Execute `items.sort(...)`."""
    check_arguments("list.sort", arguments)
    ordered = sort(machine, list(items.items), arguments)
    if isinstance(ordered, Unknown):
        return ordered
    items.items[:] = ordered
    return Known(None, arguments.span)


def _on_the_set(name: str) -> _Change:
    """Return a function that executes the set method `name`, such as `add`, with Python's own.

    The elements must be concrete.
    """

    def run(machine: Machine, items: SequenceValue, arguments: CallArguments) -> Value:
        span = arguments.span
        values = [argument_for_python(machine, value) for value in arguments.values]

        def changed(*given: Any) -> object:
            kept: set[object] = set(given[0])
            getattr(kept, name)(*given[1:])
            return kept

        own = Known(SequenceValue(set, items.items), span)
        result = apply(machine, changed, span, own, *values, unordered=True)
        if not isinstance(result, Known) or not isinstance(result.value, SequenceValue):
            return result
        items.items[:] = result.value.items
        return Known(None, span)

    return run


def _pop_of_set(machine: Machine, items: SequenceValue, arguments: CallArguments) -> Value:
    """Execute `pop()` of a set; with several elements, the result is unknown."""
    check_positional("pop", arguments, (0, 0))
    if len(items.items) == 1:
        return items.items.pop()
    if not items.items:
        raise PythonError(KeyError, "'pop from an empty set'", arguments.span)
    return Unknown(reason=SET_ORDER, origin=arguments.span)


_CHANGES: dict[tuple[type, str], _Change] = {
    (list, "append"): _append,
    (list, "extend"): _extend,
    (list, "remove"): _remove,
    (list, "sort"): _sort,
    **{(list, name): _on_the_list(name) for name in ("insert", "pop", "clear", "reverse")},
    **{
        (set, name): _on_the_set(name)
        for name in ("add", "discard", "remove", "clear", "update", "difference_update")
    },
    **{
        (set, name): _on_the_set(name)
        for name in ("intersection_update", "symmetric_difference_update")
    },
    (set, "pop"): _pop_of_set,
}
# The methods whose result may be unknown although the remaining elements are known.
_TAKING = frozenset({(list, "pop")})


# Dicts ----------------------------------------------------------------------------------------------


def dict_method(machine: Machine, mapping: DictValue, name: str, arguments: CallArguments) -> Value:
    """Return the result of a method of a dict, and change the dict accordingly.

    Raises:
        PythonError: the method is certain to raise.
    """
    span, values = arguments.span, arguments.values
    if mapping.escaped is not None:
        machine.escape(arguments)
        return mapping.escaped
    if name in COUNTS or name == "pop":
        check_positional(name, arguments, COUNTS.get(name, (1, 2)))
    match name, values:
        case (("keys" | "values" | "items"), []):
            return Known(ViewValue(mapping, name), span)
        case "copy", []:
            return Known(DictValue(dict(mapping.entries)), span)
        case (("get" | "pop" | "setdefault"), [key, *rest]):
            return _lookup(machine, mapping, name, key, rest, span)
        case "popitem", []:
            return _popitem(mapping, span)
        case "update", _:
            return _update(machine, mapping, arguments)
        case "clear", []:
            mapping.entries.clear()
            return Known(None, span)
        case _:
            machine.escape(arguments)
            mapping.escaped = Unknown(
                reason=f"flashc does not evaluate `dict.{name}` here", origin=span
            )
            return mapping.escaped


def _lookup(
    machine: Machine, mapping: DictValue, name: str, key: Value, rest: list[Value], span: Span
) -> Value:
    """Execute `get`, `pop` or `setdefault` of a dict."""
    key = resolve_symbolic(machine, key)
    try:
        plain = concrete(key)
        entry = mapping.entries.get(plain)
    except NotConcrete:
        unknown = Unknown(reason="the key is not known", origin=span)
        if name != "get":
            mapping.escaped = unknown
        return unknown
    except TypeError as error:
        raise PythonError(TypeError, str(error), span) from error
    default = rest[0] if rest else Known(None, span)
    if name == "pop":
        mapping.entries.pop(plain, None)
        if entry is None and not rest:
            return fail(machine, KeyError, repr(plain)[:80], span, variables_of(key))
    elif name == "setdefault" and entry is None:
        mapping.entries[plain] = (key, default)
    return tainted(entry[1] if entry is not None else default, variables_of(key))


def _popitem(mapping: DictValue, span: Span) -> Value:
    """Execute `popitem()` of a dict."""
    if not mapping.entries:
        raise PythonError(KeyError, "'popitem(): dictionary is empty'", span)
    _, (key, value) = mapping.entries.popitem()
    return Known(SequenceValue(tuple, [key, value]), span)


def _update(machine: Machine, mapping: DictValue, arguments: CallArguments) -> Value:
    """Execute `update(...)` of a dict with dicts, pairs and keywords."""
    check_arguments("dict.update", arguments)
    for value in arguments.values:
        problem = containers.merge(machine, mapping, value)
        if problem is not None:
            mapping.escaped = sharing(problem, *arguments.values)
            return problem
    for name, argument in arguments.keywords.items():
        containers.put_entry(mapping, name, (Known(name, argument.span), argument.value))
    return Known(None, arguments.span)
