"""Read attributes of evaluated values, as `value.name` does in Python."""

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
from flashc.evaluator.operations.apply import apply
from flashc.evaluator.operations.special_methods import (
    call_special,
    run_method_maybe,
    special_method,
)
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
    fixed_objects,
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
        if special_method(receiver, "__getattr__") is not None:
            run_method_maybe(machine, receiver, "__getattr__", [Known(name, span)], unknown)
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
    of_descriptor = [receiver, Known(instance.of, span)]
    got = call_special(machine, found, "__get__", of_descriptor, span)
    return instance.escaped or (found if got is None else got)


def _receiver_only(receiver: Known, of: ClassValue, span: Span) -> CallArguments:
    """Return the arguments of the call that reads a property: only the instance."""
    return CallArguments(
        positional=[Argument(receiver, span)],
        keywords={},
        span=span,
        text=span,
        module=of.frame.syntax.name,
    )
