"""Forget what a mutable value holds, once code that flashc does not follow may have changed it."""

from __future__ import annotations

from .objects import InstanceValue
from .values import DictValue, IteratorValue, Known, SequenceValue, Unknown, Value


def escape_value(value: Value, reason: Unknown) -> None:
    """Make the elements of a container and the attributes of an instance unknown because of `reason`."""
    if not isinstance(value, Known):
        return
    match value.value:
        case SequenceValue(kind=kind) as items if kind in (list, set):
            items.escaped = items.escaped or reason
        case DictValue() as mapping:
            mapping.escaped = mapping.escaped or reason
        case IteratorValue() as iterator:
            iterator.escaped = iterator.escaped or reason
        case InstanceValue() as instance if not instance.of.is_tuple:
            instance.names.update(dict.fromkeys(instance.names, reason))
        case _:
            pass
