"""Copy values as `copy.copy` and `copy.deepcopy` do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flashc.evaluator.library_values import AttributesValue, FileValue
from flashc.evaluator.objects import InstanceValue
from flashc.evaluator.values import (
    DictValue,
    DisorderedValue,
    IteratorValue,
    Known,
    MappingObject,
    SequenceValue,
    Unknown,
    Value,
)
from flashc_core.source import Span


def copied(value: Value, span: Span, *, deep: bool) -> Value:
    """Return `copy.copy(value)` or `copy.deepcopy(value)`."""
    return _copied(value, span, {} if deep else None)


def _copied(value: Value, span: Span, made: dict[int, Value] | None) -> Value:
    """Return a shallow copy of a value if `made` is None, and a deep copy otherwise.

    `made` maps the id of each container to the copy that was made of it.  So in a deep copy, a
    container that the original contains several times is copied once, and the copy of a container
    that contains itself contains itself too.
    """
    if not isinstance(value, Known):
        return value
    if made is not None and id(value.value) in made:
        return made[id(value.value)]
    match value.value:
        case SequenceValue(is_python=False):
            return _not_copied("a configuration", span)
        case SequenceValue() as items:
            parts: list[Value] = []
            sequence = _noted(value, SequenceValue(items.kind, parts, items.escaped), span, made)
            parts.extend(_parts(items.items, span, made))
            return sequence
        case DictValue() as mapping:
            entries: dict[object, tuple[Value, Value]] = {}
            copy = _noted(value, DictValue(entries, mapping.escaped), span, made)
            inside = _parts((item for _, item in mapping.entries.values()), span, made)
            keys = ((key, known) for key, (known, _) in mapping.entries.items())
            entries |= {key: (known, item) for (key, known), item in zip(keys, inside, strict=True)}
            return copy
        case InstanceValue(of=of) as instance if not of.has_open_bases():
            if any(of.find(name) is not None for name in _OF_COPIES):
                return _not_copied(of.name, span)
            names: dict[str, Value] = {}
            copy = _noted(value, InstanceValue(of, names, instance.escaped), span, made)
            names |= zip(instance.names, _parts(instance.names.values(), span, made), strict=True)
            return copy
        case AttributesValue() as attributes:
            names = {}
            copy = _noted(value, AttributesValue(names, attributes.escaped), span, made)
            names |= zip(
                attributes.names, _parts(attributes.names.values(), span, made), strict=True
            )
            return copy
        case InstanceValue() | IteratorValue() | FileValue() | DisorderedValue() | MappingObject():
            return _not_copied("an object", span)
        case _:
            return value


def _noted(original: Known, copy: object, span: Span, made: dict[int, Value] | None) -> Known:
    """Return a copy as a known value, and record in `made` that it is the copy of `original`."""
    known = Known(copy, span)
    if made is not None:
        made[id(original.value)] = known
    return known


def _parts(values: Iterable[Value], span: Span, made: dict[int, Value] | None) -> Iterator[Value]:
    """Yield the values; for a deep copy, their copies."""
    return iter(values) if made is None else (_copied(value, span, made) for value in values)


_OF_COPIES = (
    "__copy__",
    "__deepcopy__",
    "__getstate__",
    "__setstate__",
    "__reduce__",
    "__reduce_ex__",
)


def _not_copied(name: str, span: Span) -> Unknown:
    """Return an `Unknown` for a copy that flashc does not evaluate."""
    return Unknown(reason=f"flashc does not evaluate the copy of `{name}`", origin=span)
