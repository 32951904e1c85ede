"""Sort values as Python does: find the keys by which they are compared, and whether these have one order."""

from __future__ import annotations

from collections.abc import ItemsView, KeysView
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any, cast

from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.operations.apply import cause, fail, resolve_symbolic
from flashc.evaluator.operations.special_methods import run_special_methods
from flashc.evaluator.path_values import ProjectPath
from flashc.evaluator.values import Known, NotConcrete, Unknown, Value, concrete, variables_of


def sort(
    machine: Machine, items: list[Value], arguments: CallArguments, doubt: str | None = None
) -> list[Value] | Unknown:
    """Return the items in the order that `key=` and `reverse=` ask for.

    `doubt` is the reason why the order of the given items is not known, None if it is known.

    Raises:
        PythonError: the items can't be compared.
    """
    span, keywords = arguments.span, arguments.keywords
    keys = keys_of(machine, items, arguments)
    if isinstance(keys, Unknown):
        return keys
    reverse: Value = Known(False, span)
    if "reverse" in keywords:
        reverse = resolve_symbolic(machine, keywords["reverse"].value)
    if isinstance(reverse, Unknown):
        return reverse
    if not isinstance(reverse, Known) or not isinstance(reverse.value, int):
        reason = "not every Python takes this value of `reverse`"
        return Unknown(reason=reason, origin=reverse.origin)
    try:
        order = sorted(range(len(items)), key=keys.__getitem__, reverse=bool(reverse.value))
    except TypeError as error:
        return fail(machine, TypeError, str(error), span, variables_of(*items))
    in_order = [keys[index] for index in order]
    if doubt is not None and any(a == b and repr(a) != repr(b) for a, b in pairwise(in_order)):
        return Unknown(reason=doubt, origin=span)
    return [items[index] for index in order]


def keys_of(machine: Machine, items: list[Value], arguments: CallArguments) -> list[Any] | Unknown:
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
            run_special_methods(machine, [value], span)
            return cause(problem.part, span)
    if len(found) > 1 and any(map(_has_partial_order, found)):
        reason = "sets and NaN have only a partial order"
        return Unknown(reason=reason, origin=span)
    return found


def _has_partial_order(key: object) -> bool:
    """Return whether neither of two such values may be less, although they differ.

    Then the result of sorting them depends on the order in which they are given.
    """
    match key:
        case set() | frozenset() | KeysView() | ItemsView():
            return True
        case tuple() | list():
            return any(map(_has_partial_order, cast("list[object]", key)))
        case float():
            return key != key
        case _:
            return False


def _comparable(value: Value) -> object:
    """Return an object that Python compares as it does the value.

    Paths inside the project all begin with the project's root, so the rest is compared.

    Raises:
        NotConcrete: the value is not known.
    """
    path = value.value if isinstance(value, Known) else None
    if isinstance(path, ProjectPath) and not path.normalised:
        return path.path if path.text else PurePosixPath(path.path)
    return concrete(value, unordered=True)
