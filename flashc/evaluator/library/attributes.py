"""Read, assign and delete attributes of evaluated values, as `value.name` does in Python."""

from __future__ import annotations

import operator
from datetime import timedelta
from enum import Enum, EnumMeta
from pathlib import PurePosixPath

from flashc.evaluator.config_values import ConfigList, ConfigMapping
from flashc.evaluator.dialect import DialectObject
from flashc.evaluator.escape import escape_value, sharing
from flashc.evaluator.failures import ExceptionValue, PythonError
from flashc.evaluator.library_objects import LibraryObject
from flashc.evaluator.library_values import (
    AttributesValue,
    FileValue,
    ParserValue,
    SecretText,
    VariableReader,
    VersionValue,
)
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    Argument,
    CallArguments,
    ClassValue,
    FunctionValue,
    InstanceValue,
    NamespaceValue,
)
from flashc.evaluator.operations import config_nodes
from flashc.evaluator.operations.apply import apply
from flashc.evaluator.operations.kept_values import keep_somewhere
from flashc.evaluator.path_values import ProjectPath
from flashc.evaluator.values import (
    BoundMethod,
    DictValue,
    DisorderedValue,
    External,
    IteratorValue,
    Known,
    MappingObject,
    ModuleRef,
    SequenceValue,
    Symbolic,
    Unknown,
    Value,
    ViewValue,
    no_member,
)
from flashc_core.source import Span

from . import (
    configs,
    configuration,
    fixed_objects,
    frozen,
    models,
    paths,
    patterns,
    plain_objects,
    signatures,
)
from .model_fields import is_model

# The constants of workers, which may differ from those of the building machine.
WORKER_CONSTANTS: dict[str, object] = {
    "sys.platform": "linux",
    "os.name": "posix",
    "os.sep": "/",
    "os.linesep": "\n",
    "os.pathsep": ":",
    "typing.TYPE_CHECKING": False,
    "math.pi": 3.141592653589793,
    "math.e": 2.718281828459045,
    "math.tau": 6.283185307179586,
    "math.inf": float("inf"),
    "string.ascii_letters": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "string.ascii_lowercase": "abcdefghijklmnopqrstuvwxyz",
    "string.ascii_uppercase": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "string.digits": "0123456789",
    **patterns.CONSTANTS,
    **signatures.CONSTANTS,
}


def attribute(machine: Machine, receiver: Value, name: str, span: Span) -> Value:
    """Return `receiver.name`, which is written at `span`."""
    if isinstance(receiver, Unknown):
        return receiver
    if isinstance(receiver, Symbolic):
        return Known(BoundMethod(receiver, name), span)
    match receiver.value:
        case ModuleRef() as module:
            return machine.attribute_of_module(module.name, name, span)
        case External() as external:
            return of_external(machine, external, name, span)
        case EnumMeta() as enum_class:
            return _of_enum_class(machine, enum_class, receiver, name, span)
        case Enum() as member:
            return _of_member(member, receiver, name, span)
        case ClassValue() as class_value:
            return _of_class(class_value, receiver, name, span)
        case InstanceValue() as instance:
            return _of_instance(machine, instance, receiver, name, span)
        case ProjectPath(text=False) as path:
            return paths.attribute(path, receiver, name, span)
        case PurePosixPath() | timedelta():
            return plain_objects.attribute(machine, receiver, name, span)
        case AttributesValue() as attributes if name in attributes.names:
            return attributes.names[name]
        case LibraryObject() as made:
            return fixed_objects.attribute(machine, made, receiver, name, span)
        case ConfigMapping() as config:
            return configs.attribute(machine, config, receiver, name, span)
        case ConfigList():
            return configs.list_attribute(receiver, name, span)
        case FileValue() | MappingObject() | DisorderedValue() | SecretText() | VariableReader():
            return Known(BoundMethod(receiver, name), span)
        case DialectObject() as sdk_object:
            return sdk_object.attribute(name, span)
        case FunctionValue() as function if name in ("__name__", "__qualname__", "__doc__"):
            return _of_function(function, name, span)
        case int() | float() | complex() if name in _OF_NUMBERS:
            return apply(machine, operator.attrgetter(name), span, receiver)
        case SequenceValue() | DictValue() | str() | bytes() | int() | float() | ProjectPath():
            return Known(BoundMethod(receiver, name), span)
        case ViewValue() | IteratorValue():
            return Known(BoundMethod(receiver, name), span)
        case NamespaceValue():
            return Known(BoundMethod(receiver, name), span)
        case ExceptionValue() as error if name == "args":
            return Known(error.arguments, span)
        case _:
            reason = f"flashc does not know the attribute `{name}` here"
            return sharing(Unknown(reason=reason, origin=span), receiver)


_OF_NUMBERS = frozenset({"real", "imag", "numerator", "denominator"})


def _of_function(function: FunctionValue, name: str, span: Span) -> Value:
    """Return the value of an attribute of a function, such as `__name__`."""
    if function.decorated:
        return Unknown(reason=f"`{function.name}` is decorated", origin=span)
    match name:
        case "__name__":
            return Known(function.name, span)
        case "__qualname__":
            return Known(function.qualname, span)
        case _:
            return Known(function.docstring, span)


def of_external(machine: Machine, external: External, name: str, span: Span) -> Value:
    """Return the value of `module.name` of a module outside the project.

    It is an object of an SDK, a constant that is the same on every worker, or an `External` with
    the full name.

    Raises:
        PythonError: the module is one of an SDK, which has no such name.
    """
    full = f"{external.name}.{name}"
    if external.name.startswith("builtins.") and name in ("__name__", "__qualname__"):
        return Known(external.name.partition(".")[2], span)
    for dialect in machine.dialects:
        help = dialect.help_if_missing(external.name, name)
        if help is not None:
            text = f"module '{external.name}' has no attribute '{name}'"
            raise PythonError(AttributeError, text, span, help=help)
        found = dialect.member(external.name, name, span)
        if found is not None:
            return found
    if full in machine.assigned_externals:
        return Unknown(reason=f"the program assigns `{full}`", origin=span)
    if full == "sys.version_info":
        return Known(VersionValue(), span)
    if full in WORKER_CONSTANTS:
        return Known(WORKER_CONSTANTS[full], span)
    return Known(External(full), span)


def _of_enum_class(
    machine: Machine, enum_class: EnumMeta, receiver: Known, name: str, span: Span
) -> Value:
    """Return a member or a method of an enum class."""
    member: object = enum_class.__members__.get(name)
    if member is not None:
        return Known(member, span)
    if name == "__members__" or any(d.enum_method(enum_class, name) for d in machine.dialects):
        return Known(BoundMethod(receiver, name), span)
    return no_member(enum_class, name, span)


def _of_member(member: Enum, receiver: Known, name: str, span: Span) -> Value:
    """Return the value of an attribute of an enum's member."""
    if name in ("value", "_value_"):
        return Known(member.value, span)
    if name in ("name", "_name_"):
        return Known(member.name, span)
    if isinstance(member, str):
        return Known(BoundMethod(Known(member.value, receiver.origin), name), span)
    return Unknown(
        reason=f"flashc does not know the attribute `{name}` of an enum member", origin=span
    )


def _of_class(class_value: ClassValue, receiver: Known, name: str, span: Span) -> Value:
    """Return the value of an attribute of a class of the project."""
    if class_value.decorated and name not in class_value.names:
        return Unknown(reason=f"the class `{class_value.name}` is decorated", origin=span)
    if name in ("__name__", "__qualname__"):
        return Known(class_value.name if name == "__name__" else class_value.qualname, span)
    found = class_value.find(name)
    if found is None or class_value.has_generated(name):
        of_model = name in models.CLASS_METHODS and is_model(class_value)
        if of_model or (name == "_make" and class_value.is_named_tuple):
            return Known(BoundMethod(receiver, name), span)
        reason = f"flashc does not know the attribute `{name}` of the class `{class_value.name}`"
        return Unknown(reason=reason, origin=span)
    if isinstance(found, Known) and isinstance(found.value, FunctionValue):
        if found.value.kind == "class":
            return Known(BoundMethod(receiver, name), span)
    return found


def _of_instance(
    machine: Machine, instance: InstanceValue, receiver: Known, name: str, span: Span
) -> Value:
    """Return the value of an attribute of an instance of a class of the project."""
    if instance.of.find("__getattribute__") is not None:
        return Unknown(reason=f"`{instance.of.name}` has `__getattribute__`", origin=span)
    if name in instance.names:
        return instance.names[name]
    found = instance.of.find(name)
    if found is None or instance.of.has_generated(name):
        of_model = name in models.INSTANCE_METHODS and is_model(instance.of)
        if of_model or (instance.of.is_named_tuple and name in ("_replace", "_asdict")):
            return Known(BoundMethod(receiver, name), span)
        if name == "__class__":
            return Known(instance.of, span)
        reason = (
            f"flashc does not know the attribute `{name}` of an instance of `{instance.of.name}`"
        )
        unknown = Unknown(reason=reason, origin=span)
        if instance.of.find("__getattr__") is not None:
            escape_value(receiver, unknown)
        return sharing(unknown, receiver)
    if isinstance(found, Known) and isinstance(found.value, FunctionValue):
        match found.value.kind:
            case "static":
                return found
            case "property":
                result = machine.call(found, _receiver_only(receiver, instance.of, span))
                if found.value.memo is not None:  # a `cached_property`
                    instance.names[name] = machine.condition or result
                return result
            case "class" | "plain":
                return Known(BoundMethod(receiver, name), span)
    return instance.escaped or found


def _receiver_only(receiver: Known, of: ClassValue, span: Span) -> CallArguments:
    """Return the arguments of the call that reads a property: only the instance."""
    return CallArguments(
        positional=[Argument(receiver, span)],
        keywords={},
        span=span,
        text=span,
        module=of.frame.syntax.name,
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
    condition = machine.condition
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
    elif machine.condition is not None:
        names[name] = machine.condition
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
