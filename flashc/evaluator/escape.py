"""Make mutable values unknown if code that flashc does not evaluate may have changed them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from msgspec.structs import replace

from .config_values import ConfigList
from .failures import ExceptionValue, IterationUnknown, PythonError
from .library_values import AttributesValue, FileValue, VariableReader
from .objects import (
    FunctionValue,
    InstanceValue,
    LambdaValue,
    NamespaceValue,
    PartialValue,
)
from .values import (
    MAX_ITEMS,
    BoundMethod,
    Compound,
    DictValue,
    DisorderedValue,
    IteratorValue,
    Known,
    MappingObject,
    SequenceValue,
    Unknown,
    Value,
    ViewValue,
    is_constant,
)

_MAX_SHARED = 20
_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})  # most values, which nothing changes
_SHARED = (
    Compound,
    IteratorValue,
    BoundMethod,
    PartialValue,
    AttributesValue,
    NamespaceValue,
)


def sharing(unknown: Unknown, *values: Value | None) -> Unknown:
    """Return `unknown` with a note that it may be one of these values, or contain some of them.

    What changes the unknown value may change these values too.  If there are too many, they become
    unknown at once.
    """
    shares = {id(each.value): each for each in unknown.shares}
    for value in values:
        if isinstance(value, Unknown):
            shares |= {id(each.value): each for each in value.shares}
        elif isinstance(value, Known) and isinstance(value.value, _SHARED):
            shares[id(value.value)] = value
    if len(shares) == len(unknown.shares):
        return unknown
    if len(shares) > _MAX_SHARED:
        for each in shares.values():
            escape_value(each, unknown)
        return replace(unknown, shares=())
    return replace(unknown, shares=tuple(shares.values()))


def remaining(iterator: IteratorValue) -> Iterable[Value]:
    """Yield the elements of an iterator that are not read yet, up to the first that is not known."""
    try:
        yield from islice(iterator.source, MAX_ITEMS)
    except IterationUnknown as problem:
        yield problem.reason
    except (PythonError, ValueError):  # "generator already executing"
        return


def _nothing(iterator: IteratorValue) -> Iterable[Value]:
    """Return no elements: those that are not read yet are not passed on."""
    return ()


def escape_value(
    value: Value, reason: Unknown, rest: Callable[[IteratorValue], Iterable[Value]] = _nothing
) -> int:
    """Make the containers and instances that `value` contains unknown; return how many values it contains.

    `rest` returns the elements of an iterator that are passed on with it.
    """
    count = 0
    pending, seen = [value], set[int]()
    while pending:
        current = pending.pop()
        count += 1
        if isinstance(current, Unknown):
            pending.extend(each for each in current.shares if id(each.value) not in seen)
            continue
        inside = current.value if isinstance(current, Known) else None
        if type(inside) in _PLAIN or id(inside) in seen or not isinstance(current, Known):
            continue
        seen.add(id(inside))
        if isinstance(inside, IteratorValue):
            pending.extend(rest(inside))
        pending.extend(_escaped_parts(current, reason))
    return count


def _escaped_parts(value: Known, reason: Unknown) -> list[Value]:
    """Make one object unknown, but not what it contains; return what it contains."""
    match value.value:
        case ConfigList(document=document) as items:
            document.escape(reason)
            items.escaped = items.escaped or reason
        case SequenceValue(kind=kind) as items:
            inside = [*items.items, *_causes(items.escaped)]
            if kind in (list, set):
                items.escaped = items.escaped or reason
            return inside
        case DictValue() as mapping:
            inside = [*mapping.parts(), *_causes(mapping.escaped)]
            mapping.escaped = mapping.escaped or reason
            return inside
        case IteratorValue() as iterator:
            iterator.escaped = iterator.escaped or reason
        case InstanceValue(names=names) | AttributesValue(names=names) as instance:
            inside = [*names.values(), *_causes(instance.escaped)]
            if isinstance(instance, AttributesValue) or not instance.of.is_named_tuple:
                instance.escaped = instance.escaped or reason
                names.update(dict.fromkeys(names, reason))
            return inside
        case MappingObject() as mapping:
            inside = list(mapping.parts())
            mapping.escape(reason)
            return inside
        case DisorderedValue() as found:
            found.escaped = found.escaped or reason
            return list(found.items)
        case VariableReader() as env:
            env.escaped = env.escaped or reason
        case FileValue() as file:
            file.lines.escaped = file.lines.escaped or reason
        case _:
            return _reachable(value, reason)
    return []


def _reachable(value: Known, reason: Unknown) -> list[Value]:
    """Return what code can reach through an object that is no container."""
    match value.value:
        case ViewValue(of=MappingObject() as mapping):
            return [Known(mapping, value.origin)]
        case ViewValue() as view:  # it does not change its dict, but shows what is in it
            return view.members()
        case BoundMethod(receiver=receiver):
            return [receiver]
        case PartialValue(function=function, positional=positional, keywords=keywords):
            return [function, *positional, *(argument.value for argument in keywords.values())]
        case FunctionValue(defaults=defaults) | LambdaValue(defaults=defaults):
            return list(defaults.values())
        case ExceptionValue(arguments=arguments):
            return [Known(arguments, value.origin)]
        case NamespaceValue(frame=frame):
            plain = {n: v for n, v in frame.names.items() if _may_be_assigned(v)}
            frame.names.update(dict.fromkeys(plain, reason))
            return list(plain.values())
        case _:
            return []


def _causes(escaped: Unknown | None) -> list[Value]:
    """Return the reason why a container is not known; values that it may contain are noted in it."""
    return [] if escaped is None else [escaped]


def _may_be_assigned(value: Value) -> bool:
    """Return whether other code may give a name with this value another one; definitions stay."""
    return isinstance(value, Known) and (
        isinstance(value.value, _SHARED) or is_constant(value.value)
    )
