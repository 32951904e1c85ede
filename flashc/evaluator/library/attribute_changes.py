"""Assign and delete attributes of evaluated values, as `value.name = x` and `del value.name` do in Python."""

from __future__ import annotations

from flashc.evaluator.config_values import ConfigMapping
from flashc.evaluator.dialect import DialectObject
from flashc.evaluator.escape import escape_value, sharing
from flashc.evaluator.failures import ExceptionValue
from flashc.evaluator.library_values import (
    AttributesValue,
    ParserValue,
)
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    ClassValue,
    FunctionValue,
    InstanceValue,
)
from flashc.evaluator.operations import config_nodes
from flashc.evaluator.operations.kept_values import keep_somewhere
from flashc.evaluator.operations.special_methods import run_method_maybe
from flashc.evaluator.values import (
    External,
    Known,
    MappingObject,
    ModuleRef,
    SequenceValue,
    Unknown,
    Value,
)
from flashc_core.source import Span

from . import (
    configuration,
    frozen,
)


def assign_attribute(
    machine: Machine, receiver: Value, name: str, value: Value, span: Span
) -> None:
    """Execute `receiver.name = value`, which is written at `span`.

    Raises:
        PythonError: the object surely refuses the change.
    """
    if not isinstance(receiver, Known):
        machine.may_raise()
        keep_somewhere(machine, receiver, value)
        return
    match receiver.value:
        case InstanceValue() as instance:
            frozen.check_not_frozen(machine, instance.of, name, "__setattr__", span)
            if _stores_plainly(instance.of, name, "__setattr__"):
                instance.names[name] = _stored(machine, instance.names.get(name), value)
            else:
                _run_setters(machine, receiver, name, value)
                _change_somehow(machine, receiver, name, value.origin)
        case ClassValue() as class_value:
            class_value.names[name] = _stored(machine, class_value.names.get(name), value)
        case ModuleRef() as module:
            frame = machine.evaluate_module(module.name)
            if frame is not None:
                frame.names[name] = _stored(machine, frame.names.get(name), value)
        case AttributesValue() as attributes:
            attributes.names[name] = _stored(machine, attributes.names.get(name), value)
        case DialectObject() as sdk_object:
            sdk_object.assign_attribute(machine, name, value, span)
        case External(name=module_name):
            machine.assigned_externals.add(f"{module_name}.{name}")
            machine.may_raise()
            keep_somewhere(machine, receiver, value)
        case ParserValue() as parser:
            configuration.assign_attribute(machine, parser, name, value)
        case ConfigMapping() as config:
            config_nodes.assign(machine, config, name, value)
        case MappingObject():
            _change_somehow(machine, receiver, name, value.origin)
        case ExceptionValue(arguments=values) if name == "args":
            values.escaped = Unknown(reason="`args` was assigned", origin=value.origin)
            machine.may_raise()
        case _:
            machine.may_raise()  # most values refuse new attributes


def _stored(machine: Machine, before: Value | None, value: Value) -> Value:
    """Return what an attribute is after an assignment, which a branch may execute or not."""
    condition = machine.doubt
    return value if condition is None else sharing(condition, before, value)


def delete_attribute(machine: Machine, receiver: Value, name: str, span: Span) -> None:
    """Execute `del receiver.name`; raises what `assign_attribute` raises."""
    if not isinstance(receiver, Known):
        machine.may_raise()
        return
    match receiver.value:
        case InstanceValue() as instance:
            frozen.check_not_frozen(machine, instance.of, name, "__delattr__", span)
            if not _stores_plainly(instance.of, name, "__delattr__"):
                _change_somehow(machine, receiver, name, span)
                return
            names = instance.names
        case ClassValue(names=names):
            pass
        case ModuleRef() as module:
            frame = machine.evaluate_module(module.name)
            names = frame.names if frame is not None else {}
        case MappingObject():
            machine.may_raise()
            escape_value(receiver, Unknown(reason="an attribute was deleted", origin=span))
            return
        case _:
            names = {}
    if name not in names:
        machine.may_raise()
    elif machine.doubt is not None:
        names[name] = machine.doubt
    else:
        del names[name]


def _stores_plainly(of: ClassValue, name: str, special: str) -> bool:
    """Return whether `instance.name = value` only stores the value, or `del` only removes it.

    Otherwise it may run code of the program or raise.
    """
    slots = [
        ancestor.names["__slots__"] for ancestor in of.ancestry() if "__slots__" in ancestor.names
    ]
    if of.is_named_tuple or of.find(special) is not None:
        return False
    if any(ancestor.is_restricted for ancestor in of.ancestry()):
        return False
    if slots and not any(_contains(value, name) for value in slots):
        return False
    found = of.find(name)
    match found.value if isinstance(found, Known) else found:
        case (
            Unknown()
            | InstanceValue()
            | FunctionValue(kind="property")
            | FunctionValue(decorated=True)
        ):
            return False  # perhaps a descriptor
        case _:
            return True


def _contains(names: Value, name: str) -> bool:
    """Return whether a value of `__slots__` surely contains a name."""
    if not isinstance(names, Known):
        return False
    if isinstance(names.value, SequenceValue):
        return any(isinstance(item, Known) and item.value == name for item in names.value.items)
    return names.value == name


def _run_setters(machine: Machine, receiver: Known, name: str, value: Value) -> None:
    """Execute what may run when an attribute of an instance is assigned: `__setattr__`, a setter, a descriptor's `__set__`."""
    assert isinstance(receiver.value, InstanceValue)
    found = receiver.value.of.find(name)
    reason = Unknown(reason=f"the class decides what assigning `{name}` does", origin=value.origin)
    run_method_maybe(machine, receiver, "__setattr__", [Known(name, value.origin), value], reason)
    if isinstance(found, Known) and isinstance(found.value, FunctionValue):
        run_method_maybe(machine, receiver, name, [value], reason)
    elif found is not None:
        run_method_maybe(machine, found, "__set__", [receiver, value], reason)


def _change_somehow(machine: Machine, receiver: Known, name: str, span: Span) -> None:
    """Note that assigning or deleting an attribute may run code of the instance's class."""
    machine.may_raise()
    reason = Unknown(reason=f"the class decides what assigning `{name}` does", origin=span)
    instance = receiver.value
    if isinstance(instance, MappingObject):
        escape_value(receiver, reason)
    if isinstance(instance, InstanceValue) and not instance.of.is_named_tuple:
        instance.names[name] = reason
        escape_value(receiver, reason)
