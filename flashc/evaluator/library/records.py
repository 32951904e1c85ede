"""Construct, copy and convert evaluated records: dataclasses and named tuples."""

from __future__ import annotations

from msgspec.structs import replace

from flashc.evaluator.failures import PythonError
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    Argument,
    CallArguments,
    ClassValue,
    FieldValue,
    FunctionValue,
    InstanceValue,
)
from flashc.evaluator.operations.iteration import elements
from flashc.evaluator.values import DictValue, Known, SequenceValue, Unknown, Value
from flashc_core.source import Span

from . import models
from .model_fields import is_model


def fields_of(class_value: ClassValue) -> list[str]:
    """Return the fields of a record in the order of its constructor, inherited ones first."""
    found: list[str] = []
    for ancestor in reversed(class_value.ancestry()):
        found.extend(name for name in ancestor.fields if name not in found)
    return found


def maker_of(class_value: ClassValue) -> ClassValue | None:
    """Return the record whose generated constructor makes instances of a class; None if it has another."""
    maker = class_value.definer("__init__")
    return maker if maker is not None and maker.is_record and _is_generated(maker) else None


def _is_generated(maker: ClassValue) -> bool:
    """Return whether the constructor of a record is not in its body, and no other decorator may change it."""
    return "__init__" not in maker.names and not maker.decorated


def build(machine: Machine, class_value: ClassValue, arguments: CallArguments) -> Value:
    """Return the instance that `Record(arguments)` makes."""
    maker = maker_of(class_value)
    if maker is None or class_value.find("__new__") is not None:
        return Unknown(
            reason=f"`{class_value.name}` has a constructor of its own", origin=arguments.span
        )
    if any(ancestor.has_other_constructor for ancestor in class_value.ancestry()):
        machine.escape(arguments)
        reason = f"flashc does not evaluate the constructor of `{class_value.name}`"
        return Unknown(reason=reason, origin=arguments.span)
    fields = [name for name in fields_of(maker) if not _is_made_later(maker, name)]
    given = dict(zip(fields, arguments.values, strict=False))
    twice = set(given) & set(arguments.keywords)
    given |= {name: argument.value for name, argument in arguments.keywords.items()}
    if len(arguments.values) > len(fields) or not set(given) <= set(fields) or twice:
        return _wrong_arguments(machine, class_value, arguments)
    names: dict[str, Value] = {}
    for name in fields:
        value = given.get(name) or _default(machine, maker, name, arguments)
        if value is None:
            return _wrong_arguments(machine, class_value, arguments)
        names[name] = value
    for name in fields_of(maker):
        later = None if name in names else _default(machine, maker, name, arguments)
        if later is not None:
            names[name] = later
    instance = Known(InstanceValue(class_value, names), arguments.span)
    return _initialised(machine, instance, class_value, arguments)


def _is_made_later(class_value: ClassValue, name: str) -> bool:
    """Return whether the constructor does not take a field: `field(init=False)`."""
    value = class_value.find(name)
    options = (
        value.value.options
        if isinstance(value, Known) and isinstance(value.value, FieldValue)
        else {}
    )
    init = options.get("init")
    return isinstance(init, Known) and init.value is False


def _wrong_arguments(
    machine: Machine, class_value: ClassValue, arguments: CallArguments
) -> Unknown:
    """Return an `Unknown` for arguments that do not fit the fields; note that the call may raise.

    The call is not certain to raise, because a base outside the project may add fields.
    """
    machine.escape(arguments)
    return Unknown(reason=f"the arguments do not fit `{class_value.name}`", origin=arguments.span)


def _initialised(
    machine: Machine, instance: Known, class_value: ClassValue, arguments: CallArguments
) -> Value:
    """Call `__post_init__` of a new record, and return the record."""
    after = class_value.find("__post_init__")
    if after is None or class_value.is_named_tuple:
        return instance
    if isinstance(after, Known) and isinstance(after.value, FunctionValue):
        inside = arguments.inner([instance])
        result = machine.call(after, inside)
        return result if isinstance(result, Unknown) else instance
    return Unknown(
        reason=f"flashc can't evaluate `__post_init__` of `{class_value.name}`",
        origin=arguments.span,
    )


def _default(
    machine: Machine, class_value: ClassValue, name: str, arguments: CallArguments
) -> Value | None:
    """Return the default of a field; `field(default_factory=...)` makes a new one each time."""
    value = class_value.find(name)
    if not isinstance(value, Known) or not isinstance(value.value, FieldValue):
        return value
    options = value.value.options
    if "default_factory" in options:
        return machine.call(options["default_factory"], arguments.inner([]))
    return options.get("default")


def method(machine: Machine, receiver: Known, name: str, arguments: CallArguments) -> Value:
    """Return the result of `_replace`, `_asdict` or `_make`, which every named tuple has."""
    match receiver.value, name:
        case InstanceValue(of=of) as record, "_replace" if not arguments.positional:
            return replaced(machine, of, record, arguments)
        case InstanceValue() as record, "_asdict":
            return as_dict(record, arguments.span)
        case ((InstanceValue(of=of) | (ClassValue() as of)), _) if is_model(of):
            return models.method(machine, receiver, of, name, arguments)
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


def replaced(
    machine: Machine, of: ClassValue, record: InstanceValue, arguments: CallArguments
) -> Value:
    """Return a copy of a record with some fields changed.

    This evaluates `record._replace(...)` and `dataclasses.replace(record, ...)`, which calls the
    constructor of the dataclass.

    Raises:
        PythonError: the record has no such field.
    """
    if record.escaped is not None:
        return record.escaped
    if not arguments.keywords.keys() <= set(fields_of(of)):
        raise PythonError(TypeError, f"`{of.name}` has no such field", arguments.span)
    if not set(fields_of(of)) <= record.names.keys():
        return Unknown(reason=f"a field of the `{of.name}` was deleted", origin=arguments.span)
    kept = {name: Argument(record.names[name], arguments.span) for name in fields_of(of)}
    fields = {**kept, **arguments.keywords}
    if not of.is_named_tuple:
        return build(machine, of, replace(arguments, positional=[], keywords=fields))
    names = {name: argument.value for name, argument in fields.items()}
    return Known(InstanceValue(of, names), arguments.span)


def as_dict(record: InstanceValue, span: Span) -> Value:
    """Return the result of `record._asdict()`."""
    entries: dict[object, tuple[Value, Value]] = {
        name: (Known(name, span), value) for name, value in record.names.items()
    }
    return Known(DictValue(entries), span)


def deep_dict(value: Value, span: Span) -> Value:
    """Return `dataclasses.asdict(value)`.

    Containers are copied and records in them converted too.
    """
    if not isinstance(value, Known):
        return value
    match value.value:
        case InstanceValue() as record:
            entries: dict[object, tuple[Value, Value]] = {
                name: (Known(name, span), deep_dict(record.names[name], span))
                for name in (fields_of(record.of) if record.of.is_record else record.names)
                if name in record.names
            }
            return Known(DictValue(entries), span)
        case SequenceValue(is_python=True) as items:
            copies = [deep_dict(item, span) for item in items.items]
            return Known(SequenceValue(items.kind, copies, items.escaped), span)
        case DictValue() as mapping:
            copied = {k: (key, deep_dict(v, span)) for k, (key, v) in mapping.entries.items()}
            return Known(DictValue(copied, mapping.escaped), span)
        case _:
            return value


def is_record(value: Value) -> bool:
    """Return whether `value` is an instance of a dataclass or named tuple."""
    return (
        isinstance(value, Known)
        and isinstance(value.value, InstanceValue)
        and value.value.of.is_record
    )
