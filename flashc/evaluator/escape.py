"""Make mutable values unknown if code that flashc does not evaluate may have changed them."""

from __future__ import annotations

from .library_values import AttributesValue, FileValue, VariableReader
from .objects import InstanceValue, PartialValue
from .values import (
    BoundMethod,
    DictValue,
    DisorderedValue,
    IteratorValue,
    Known,
    MappingObject,
    SequenceValue,
    Unknown,
    Value,
)


def escape_value(value: Value, reason: Unknown) -> None:
    """Make the containers and instances that `value` contains unknown because of `reason`."""
    pending, seen = [value], set[int]()
    while pending:
        current = pending.pop()
        if not isinstance(current, Known) or id(current.value) in seen:
            continue
        seen.add(id(current.value))
        match current.value:
            case SequenceValue(kind=kind) as items:
                pending.extend(items.items)
                if kind in (list, set):
                    items.escaped = items.escaped or reason
            case DictValue() as mapping:
                pending.extend(item for _, item in mapping.entries.values())
                mapping.escaped = mapping.escaped or reason
            case IteratorValue() as iterator:
                iterator.escaped = iterator.escaped or reason
            case InstanceValue() as instance:
                pending.extend(instance.names.values())
                if not instance.of.is_named_tuple:
                    instance.escaped = instance.escaped or reason
                    instance.names.update(dict.fromkeys(instance.names, reason))
            case AttributesValue() as attributes:
                pending.extend(attributes.names.values())
                attributes.escaped = attributes.escaped or reason
                attributes.names.update(dict.fromkeys(attributes.names, reason))
            case MappingObject() as mapping:
                pending.extend(mapping.parts())
                mapping.escape(reason)
            case DisorderedValue() as found:
                pending.extend(found.items)
                found.escaped = found.escaped or reason
            case VariableReader() as env:
                env.escaped = env.escaped or reason
            case FileValue() as file:
                file.lines.escaped = file.lines.escaped or reason
            case BoundMethod(receiver=receiver):
                pending.append(receiver)
            case PartialValue() as partial:
                pending.extend(partial.positional)
                pending.extend(argument.value for argument in partial.keywords.values())
            case _:
                pass
