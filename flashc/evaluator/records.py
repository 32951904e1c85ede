"""Records: dataclasses and named tuples, built from their fields, copied and taken apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashc_core.source import Span

from . import calls, functions
from .failures import PythonError
from .iteration import elements
from .objects import CallArguments, ClassValue, FunctionValue, InstanceValue
from .values import BoundMethod, DictValue, Known, ListValue, Unknown, Value

if TYPE_CHECKING:
    from .machine import Machine


def fields_of(class_value: ClassValue) -> list[str]:
    """The fields of a record in the order of its constructor, inherited ones first."""
    found: list[str] = []
    for ancestor in reversed(class_value.ancestry()):
        found.extend(name for name in ancestor.fields if name not in found)
    return found


def build(machine: Machine, class_value: ClassValue, arguments: CallArguments) -> Value:
    """`Record(arguments)`."""
    if class_value.find("__init__") is not None or class_value.find("__new__") is not None:
        return Unknown(reason=f"`{class_value.name}` builds itself", origin=arguments.span)
    fields = fields_of(class_value)
    given = dict(zip(fields, arguments.values, strict=False))
    twice = set(given) & set(arguments.keywords)
    given |= {name: argument.value for name, argument in arguments.keywords.items()}
    if len(arguments.values) > len(fields) or not set(given) <= set(fields) or twice:
        return _misfit(machine, class_value, arguments)
    names: dict[str, Value] = {}
    for name in fields:
        value = given.get(name) or _default(machine, class_value, name, arguments)
        if value is None:
            return _misfit(machine, class_value, arguments)
        names[name] = value
    instance = Known(InstanceValue(class_value, names), arguments.span)
    return _initialised(machine, instance, class_value, arguments)


def _misfit(machine: Machine, class_value: ClassValue, arguments: CallArguments) -> Unknown:
    """Not certain to raise: a base outside the project may have more fields."""
    machine.escape(arguments)
    return Unknown(reason=f"the arguments do not fit `{class_value.name}`", origin=arguments.span)


def _initialised(
    machine: Machine, instance: Known, class_value: ClassValue, arguments: CallArguments
) -> Value:
    after = class_value.find("__post_init__")
    if after is None or class_value.is_tuple:
        return instance
    if isinstance(after, Known) and isinstance(after.value, FunctionValue):
        inside = arguments.inner([instance])
        result = functions.call(machine, after.value, inside)
        return result if isinstance(result, Unknown) else instance
    return Unknown(reason=f"`{class_value.name}` changes itself", origin=arguments.span)


def _default(
    machine: Machine, class_value: ClassValue, name: str, arguments: CallArguments
) -> Value | None:
    """A field's default; `field(default_factory=...)` makes a new one each time."""
    value = class_value.find(name)
    if not isinstance(value, Known) or not isinstance(value.value, BoundMethod):
        return value
    declared = value.value.receiver
    if value.value.name != FIELD or not isinstance(declared, Known):
        return value
    options = declared.value
    assert isinstance(options, DictValue)
    if "default_factory" in options.entries:
        factory = options.entries["default_factory"][1]
        return calls.call_values(machine, factory, [], arguments)
    if "default" in options.entries:
        return options.entries["default"][1]
    return None


FIELD = "dataclasses.field"


def declare_field(arguments: CallArguments) -> Value:
    """`field(default_factory=list)`, until the class is built."""
    options = DictValue({k: (Known(k, a.span), a.value) for k, a in arguments.keywords.items()})
    return Known(BoundMethod(Known(options, arguments.span), FIELD), arguments.span)


def method(machine: Machine, receiver: Known, name: str, arguments: CallArguments) -> Value:
    """The methods that every named tuple has."""
    match receiver.value, name:
        case InstanceValue(of=of) as record, "_replace" if not arguments.positional:
            return replaced(of, record, arguments)
        case InstanceValue() as record, "_asdict":
            return as_dict(record, arguments.span)
        case ClassValue() as of, "_make" if len(arguments.values) == 1:
            items = elements(machine, arguments.values[0])
            if isinstance(items, Unknown):
                return items
            return build(machine, of, arguments.inner(items))
        case _:
            machine.escape(arguments)
            return Unknown(
                reason=f"flashc does not evaluate the method `{name}` here", origin=arguments.span
            )


def replaced(of: ClassValue, record: InstanceValue, arguments: CallArguments) -> Value:
    """A copy with some fields changed: `_replace(...)`, `dataclasses.replace(record, ...)`."""
    names = {key: argument.value for key, argument in arguments.keywords.items()}
    if not set(names) <= set(record.names):
        raise PythonError(TypeError, f"`{of.name}` has no such field", arguments.span)
    return Known(InstanceValue(of, {**record.names, **names}), arguments.span)


def as_dict(record: InstanceValue, span: Span) -> Value:
    """`_asdict()`."""
    entries: dict[object, tuple[Value, Value]] = {
        name: (Known(name, span), value) for name, value in record.names.items()
    }
    return Known(DictValue(entries), span)


def deep_dict(value: Value, span: Span) -> Value:
    """`dataclasses.asdict(value)`: containers copied, records inside taken apart too."""
    if not isinstance(value, Known):
        return value
    match value.value:
        case InstanceValue() as record:
            entries: dict[object, tuple[Value, Value]] = {
                name: (Known(name, span), deep_dict(inner, span))
                for name, inner in record.names.items()
            }
            return Known(DictValue(entries), span)
        case ListValue() as items:
            copies = [deep_dict(item, span) for item in items.items]
            return Known(ListValue(items.kind, copies, items.escaped), span)
        case DictValue() as table:
            copied = {k: (key, deep_dict(v, span)) for k, (key, v) in table.entries.items()}
            return Known(DictValue(copied, table.escaped), span)
        case _:
            return value


def is_record(value: Value) -> bool:
    """Whether `value` is an instance of a dataclass or named tuple."""
    return (
        isinstance(value, Known)
        and isinstance(value.value, InstanceValue)
        and value.value.of.is_record
    )
