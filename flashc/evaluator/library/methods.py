"""Call methods of evaluated values: of the project's classes, of enums, and of types like `str`."""

from __future__ import annotations

from datetime import timedelta
from enum import EnumMeta
from pathlib import PurePosixPath

from flashc.evaluator.config_values import ConfigList
from flashc.evaluator.escape import escape_value, sharing
from flashc.evaluator.library_objects import LibraryObject
from flashc.evaluator.library_values import FileValue, SecretText, VariableReader
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    CallArguments,
    ClassValue,
    Frame,
    FunctionValue,
    InstanceValue,
    NamespaceValue,
)
from flashc.evaluator.operations.apply import apply, has_long_number, resolve_symbolic, too_large
from flashc.evaluator.operations.global_names import bind_global
from flashc.evaluator.operations.iteration import argument_for_python, elements
from flashc.evaluator.operations.special_methods import call_method
from flashc.evaluator.path_values import ProjectPath
from flashc.evaluator.values import (
    MAX_ITEMS,
    BoundMethod,
    DictValue,
    Known,
    MappingObject,
    SequenceValue,
    Unknown,
    Value,
    ViewValue,
)

from . import (
    configuration,
    environment_readers,
    files,
    fixed_objects,
    folders,
    paths,
    plain_objects,
    records,
)
from .container_methods import (
    CHANGING,
    call_pure_method,
    dict_method,
    sequence_method,
)
from .opening import opening_of, opening_of_text, text_of_file
from .parameters import differing

PURE_METHODS: dict[type, frozenset[str]] = {
    kind: frozenset(name for name in dir(kind) if not name.startswith("_")) - {"format_map"}
    for kind in (str, bytes, int, float, complex)
}
# The methods of `list` that a list of OmegaConf has too, and that do the same there.
_OF_CONFIG_LISTS = frozenset({"count", "index"})
# Methods that Python calls for operators and statements; flashc does not evaluate them.
_OF_OPERATORS = frozenset(
    "__setitem__ __delitem__ __iadd__ __imul__ __ior__ __iand__ __isub__ __ixor__ __setattr__ "
    "__delattr__ __init__ __reversed__ __iter__ __setstate__".split()
)
_GROWING = frozenset(
    {"ljust", "rjust", "center", "zfill", "expandtabs", "replace", "join", "to_bytes", "translate"}
)


def call(machine: Machine, bound: BoundMethod, arguments: CallArguments) -> Value:
    """Return `receiver.name(arguments)`.

    Raises:
        PythonError: the method is certain to raise.
    """
    receiver, name = bound.receiver, bound.name
    given = [*arguments.values, *(argument.value for argument in arguments.keywords.values())]
    if machine.doubt is not None and name in CHANGING:
        escape_value(receiver, sharing(machine.doubt, *given))
    inside = receiver.value if isinstance(receiver, Known) else None
    if name in _OF_OPERATORS and not isinstance(inside, (InstanceValue, ClassValue)):
        machine.escape(arguments.with_receiver(receiver))
    result = _result(machine, bound, arguments)
    return sharing(result, receiver, *given) if isinstance(result, Unknown) else result


def _result(machine: Machine, bound: BoundMethod, arguments: CallArguments) -> Value:
    """Return `receiver.name(arguments)`; raises what `call` raises."""
    receiver, name = bound.receiver, bound.name
    receiver = resolve_symbolic(machine, receiver)
    if not isinstance(receiver, Known):
        return receiver
    match receiver.value:
        case EnumMeta() as enum_class:
            return _enum_method(machine, enum_class, name, arguments)
        case InstanceValue(of=of) | (ClassValue() as of):
            return _own_method(machine, of, receiver, name, arguments)
        case ConfigList() if name not in _OF_CONFIG_LISTS or arguments.keywords:
            changed = Unknown(reason=f"the program calls `{name}` of it", origin=arguments.span)
            escape_value(receiver, changed)
            machine.escape(arguments)
            return changed
        case ConfigList() as items:
            same = SequenceValue(list, items.items, items.escaped)
            return sequence_method(machine, same, Known(same, receiver.origin), name, arguments)
        case SequenceValue() as items:
            return sequence_method(machine, items, receiver, name, arguments)
        case DictValue() as mapping:
            return dict_method(machine, mapping, name, arguments)
        case NamespaceValue(frame=frame) if name == "update":
            return _update_globals(machine, frame, arguments)
        case ProjectPath(text=False) as path if name == "open":
            opening = opening_of(arguments, arguments.values)
            return files.open_file(machine, path, opening, arguments.span)
        case ProjectPath(text=False) as path if name == "read_text":
            return text_of_file(machine, path, opening_of_text(arguments), arguments.span)
        case ProjectPath(text=False) as path if name in folders.METHODS:
            return folders.method(machine, path, name, arguments)
        case ProjectPath() as path:
            return paths.method(machine, path, receiver, name, arguments)
        case FileValue() as file:
            return files.call_method(machine, file, name, arguments)
        case LibraryObject() as made:
            return fixed_objects.method(machine, made, receiver, name, arguments)
        case MappingObject() as mapping:
            return configuration.mapping_method(machine, mapping, receiver, name, arguments)
        case PurePosixPath() | timedelta():
            return plain_objects.method(machine, receiver, name, arguments)
        case SecretText(text=text) if name == "get_secret_value" and not arguments.values:
            return text
        case VariableReader() as env:
            return environment_readers.read(machine, env, name, arguments)
        case ViewValue() if name == "isdisjoint":
            return call_pure_method(machine, receiver, name, arguments)
        case bool() | int() | float() | complex() | str() | bytes() as plain:
            return _plain_method(machine, plain, receiver, name, arguments)
        case _:
            machine.escape(arguments.inner([receiver, *arguments.values]))
            reason = f"flashc does not evaluate the method `{name}` here"
            return Unknown(reason=reason, origin=arguments.span)


def _own_method(
    machine: Machine, of: ClassValue, receiver: Known, name: str, arguments: CallArguments
) -> Value:
    """Call a method of a class of the project, bound to an instance or to the class."""
    found = of.find(name)
    if not isinstance(found, Known) or not isinstance(found.value, FunctionValue):
        return records.method(machine, receiver, name, arguments)
    return call_method(machine, found, of, receiver, arguments)


def _update_globals(machine: Machine, frame: Frame, arguments: CallArguments) -> Value:
    """Execute `globals().update(...)`; if the names are not known, every name may have changed."""
    new = DictValue()
    result = dict_method(machine, new, "update", arguments)
    if isinstance(result, Unknown):
        for name in frame.names:
            bind_global(machine, frame, name, result)
        return result
    for key, (_, value) in new.entries.items():
        if isinstance(key, str):
            bind_global(machine, frame, key, value)
    return result


def _enum_method(machine: Machine, kind: EnumMeta, name: str, arguments: CallArguments) -> Value:
    """Return the result of a method of an enum class, such as `GpuGroup.all()`.

    Enum classes of the project have no methods that flashc evaluates.
    """
    for dialect in machine.dialects:
        function = dialect.enum_method(kind, name)
        if function is not None and not arguments.keywords:
            return apply(machine, function, arguments.span, *arguments.values)
    machine.escape(arguments)
    return Unknown(
        reason=f"flashc does not evaluate `{kind.__name__}.{name}`", origin=arguments.span
    )


def _plain_method(
    machine: Machine, plain: object, receiver: Known, name: str, arguments: CallArguments
) -> Value:
    """Return the result of a method of a plain value, such as `str.upper`, computed by Python.

    Methods with effects are not evaluated.
    """
    span = arguments.span
    kind = next((k for k in PURE_METHODS if isinstance(plain, k)), None)
    if kind is None or name not in PURE_METHODS[kind]:
        return Unknown(reason=f"flashc does not evaluate the method `{name}` here", origin=span)
    doubt = differing(machine, f"{kind.__name__}.{name}", arguments)
    if doubt is not None:
        return doubt
    names = list(arguments.keywords)
    values = [argument_for_python(machine, value) for value in arguments.values]
    if name == "join":
        values = [_as_list(machine, value) for value in values]
    named = [argument_for_python(machine, arguments.keywords[n].value) for n in names]
    if name in _GROWING and any(_large(value) for value in values):
        return too_large(span)
    if name == "format" and isinstance(plain, str) and has_long_number(plain):
        return too_large(span)
    count = len(values)

    def run(self: object, *flat: object) -> object:
        keywords = dict(zip(names, flat[count:], strict=True))
        return getattr(self, name)(*flat[:count], **keywords)

    return apply(machine, run, span, receiver, *values, *named)


def _as_list(machine: Machine, value: Value) -> Value:
    """Return a list of OmegaConf as a list of Python; another value as it is."""
    if not isinstance(value, Known) or not isinstance(value.value, ConfigList):
        return value
    items = elements(machine, value)
    return items if isinstance(items, Unknown) else Known(SequenceValue(list, items), value.origin)


def _large(value: Value) -> bool:
    """Return whether an argument is so large that the result could be huge."""
    if not isinstance(value, Known):
        return False
    plain = value.value
    return (isinstance(plain, int) and plain > MAX_ITEMS) or (
        isinstance(plain, str) and len(plain) > 10_000
    )
