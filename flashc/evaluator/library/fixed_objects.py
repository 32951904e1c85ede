"""Evaluate objects of the standard library that nothing changes, by making them again when they are used.

The value of `string.Template("$a")` is its recipe: the function and its constant arguments.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from flashc.evaluator.library_objects import HASHES, MATCHES, LibraryObject
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.operations.apply import apply, grows, resolve_symbolic, tainted, too_large
from flashc.evaluator.values import BoundMethod, Known, Unknown, Value, concrete, variables_of
from flashc_core.source import Span

from . import patterns

_OF_A_DAY = frozenset({"year", "month", "day"})
_OF_A_TIME = frozenset({"hour", "minute", "second", "microsecond"})
_DAY_METHODS = frozenset({"isoformat", "toordinal", "weekday", "isoweekday"})
_HASH_METHODS = frozenset({"hexdigest", "digest"})
_MATCH_METHODS = frozenset("group groups groupdict start end span expand".split())
_ATTRIBUTES: dict[str, frozenset[str]] = {
    "string.Template": frozenset({"template"}),
    "datetime.date": _OF_A_DAY,
    "datetime.datetime": _OF_A_DAY | _OF_A_TIME,
    "re.compile": frozenset({"pattern", "groups"}),
    **dict.fromkeys(MATCHES, frozenset({"string", "lastgroup", "lastindex"})),
}
_METHODS: dict[str, frozenset[str]] = {
    "string.Template": frozenset({"substitute", "safe_substitute"}),
    "datetime.date": _DAY_METHODS,
    "datetime.datetime": _DAY_METHODS,
    **dict.fromkeys((f"hashlib.{name}" for name in HASHES), _HASH_METHODS),
    **dict.fromkeys(MATCHES, _MATCH_METHODS),
}


def construct(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Return the object that a function of the standard library makes of constants."""
    if arguments.keywords:
        return None
    values = [resolve_symbolic(machine, value) for value in arguments.values]

    def make(*flat: Any) -> None:
        LibraryObject(name, flat).object()

    made = apply(machine, make, arguments.span, *values)
    if not isinstance(made, Known):
        return made
    given = tuple(map(concrete, values))
    return Known(LibraryObject(name, given), arguments.span, variables_of(*values))


def attribute(
    machine: Machine, made: LibraryObject, receiver: Known, name: str, span: Span
) -> Value:
    """Return an attribute, or a method that is not called yet."""
    if name in _ATTRIBUTES.get(made.made_by, ()):
        found = apply(machine, lambda: operator.attrgetter(name)(made.object()), span)
        return tainted(found, receiver.variables)
    return Known(BoundMethod(receiver, name), span)


def method(
    machine: Machine, made: LibraryObject, receiver: Known, name: str, arguments: CallArguments
) -> Value:
    """Return the result of a method."""
    if made.made_by == "re.compile":
        found = patterns.method(machine, receiver, name, arguments)
        if found is not None:
            return found
    elif name in _METHODS[made.made_by]:
        names = list(arguments.keywords)
        values = [resolve_symbolic(machine, value) for value in arguments.values]
        values += [resolve_symbolic(machine, arguments.keywords[key].value) for key in names]
        count = len(arguments.values)
        if grows(*values, *(Known(part, arguments.span) for part in made.arguments)):
            return too_large(arguments.span)

        def run(*flat: Any) -> object:
            keywords = dict(zip(names, flat[count:], strict=True))
            return getattr(made.object(), name)(*flat[:count], **keywords)

        return tainted(apply(machine, run, arguments.span, *values), receiver.variables)
    machine.escape(arguments)
    reason = f"flashc does not evaluate the method `{name}` here"
    return Unknown(reason=reason, origin=arguments.span)


FUNCTIONS: dict[str, Callable[[Machine, str, CallArguments], Value | None]] = {
    **{name: construct for name in _METHODS if not name.startswith("re.")},
    **patterns.FUNCTIONS,
}
