"""Evaluate calls of Python's builtin functions, such as `getattr`, `isinstance` and `print`."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from enum import EnumMeta
from typing import Any

from flashc.evaluator.config_values import ConfigList
from flashc.evaluator.dialect import DialectObject
from flashc.evaluator.escape import escape_value, sharing
from flashc.evaluator.failures import ExceptionValue, PythonError, exception_class
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    CallArguments,
    ClassValue,
    FunctionValue,
    InstanceValue,
    LambdaValue,
    NamespaceValue,
    PartialValue,
)
from flashc.evaluator.operations.apply import apply, has_long_number, resolve_symbolic, too_large
from flashc.evaluator.operations.comparisons import truth
from flashc.evaluator.operations.operators import binary
from flashc.evaluator.operations.special_methods import (
    call_special,
    special_method,
    text_of,
)
from flashc.evaluator.values import (
    MAX_ITEMS,
    BoundMethod,
    DictValue,
    External,
    Known,
    SequenceValue,
    Symbolic,
    Unknown,
    Value,
    variables_of,
)
from flashc_core.source import Span

from . import attribute_changes, attributes, files, modules, sequences
from .parameters import check_arguments, check_exception, differing
from .sequences import Builtin, unsupported_call

# These call the method of their first argument that has their name; the others are its arguments.
_CALLING = frozenset("abs bytes complex float format hash int iter len next reversed round".split())
NAMES = frozenset(name for name in dir(builtins) if not name.startswith("_")) | {
    "__import__",
    "__debug__",
}

# Python itself computes these on concrete arguments.  `hash` is not one of them, because its
# result differs in every run.
_PURE: dict[str, Callable[..., Any]] = {
    **{f.__name__: f for f in (str, int, float, bool, bytes, complex, abs, round, range, slice)},
    **{f.__name__: f for f in (repr, ascii, ord, chr, hex, oct, bin, divmod, format)},
}


def call(machine: Machine, name: str, arguments: CallArguments) -> Value:
    """Return `name(arguments)` for the builtin of that name.

    Raises:
        PythonError: the builtin is certain to raise, because it does not take these arguments or
            because of their values.
    """
    check_arguments(name, arguments)
    own = _by_method(machine, name, arguments)
    if own is not None:
        return own
    special = _SPECIAL.get(name) or sequences.FUNCTIONS.get(name)
    if special is not None:
        return special(machine, arguments)
    if name in _PURE:
        return _pure(machine, name, arguments)
    kind = exception_class(Known(External(f"builtins.{name}"), arguments.span))
    if kind is not None:
        check_exception(kind.__name__, arguments)
        differing(machine, kind.__name__, arguments)
        given = SequenceValue(tuple, arguments.values)
        return Known(ExceptionValue(kind, given), arguments.span)
    machine.escape(arguments)
    unknown = Unknown(reason=f"flashc does not evaluate `{name}(...)`", origin=arguments.span)
    frame = machine.frames.get(arguments.module)
    if name in _OF_NAMES and frame is not None and len(arguments.values) < 2:
        names = Known(NamespaceValue(frame), arguments.span)
        if name in ("exec", "eval"):
            escape_value(names, unknown)
        elif not arguments.values:
            return sharing(unknown, names)
    return unknown


def _by_method(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Return what the method of an instance returns that a builtin calls, as `len` calls `__len__`; None if there is none."""
    if not arguments.values or arguments.keywords:
        return None
    first, *others = arguments.values
    if name in ("str", "repr") and not others:
        return text_of(machine, first, f"__{name}__", arguments.span)
    if name not in _CALLING or (name == "next" and others):
        return None
    return call_special(machine, first, f"__{name}__", others, arguments.span)


# The builtins that get the names of the module from which they are called.
_OF_NAMES = frozenset({"eval", "exec", "locals", "vars"})


def _pure(machine: Machine, name: str, arguments: CallArguments) -> Value:
    """Return the result of a builtin such as `abs`, `int` or `round`, computed by Python."""
    span = arguments.span
    if name == "str" and len(arguments.values) == 1 and not arguments.keywords:
        first = arguments.values[0]
        if isinstance(first, Symbolic):
            return first
        if isinstance(first, Known) and isinstance(first.value, ExceptionValue):
            return _text_of_exception(machine, first.value, span)
    if name == "bool" and arguments.values:
        verdict = truth(machine, arguments.values[0])
        if isinstance(verdict, Unknown):
            return verdict
        return Known(verdict, span, variables_of(*arguments.values))
    names = list(arguments.keywords)
    values = [resolve_symbolic(machine, value) for value in arguments.values]
    named = [resolve_symbolic(machine, arguments.keywords[n].value) for n in names]
    if any(_may_be_huge(name, value) for value in values):
        return too_large(span)
    count, function = len(values), _PURE[name]

    def run(*flat: object) -> object:
        return function(*flat[:count], **dict(zip(names, flat[count:], strict=True)))

    return apply(machine, run, span, *values, *named)


def _may_be_huge(name: str, value: Value) -> bool:
    """Return whether the result of a builtin could be huge although its argument is small."""
    if not isinstance(value, Known):
        return False
    plain = value.value
    if name == "format" and isinstance(plain, str):
        return has_long_number(plain)
    limit = {"bytes": MAX_ITEMS, "round": 1000, "range": 10**9}.get(name)
    return limit is not None and isinstance(plain, int) and abs(plain) > limit


def _text_of_exception(machine: Machine, error: ExceptionValue, span: Span) -> Value:
    """Return `str(exception)` if flashc knows it."""
    match error.arguments.items:
        case []:
            return Known("", span)
        case [only] if error.kind is not KeyError:
            return apply(machine, str, span, resolve_symbolic(machine, only))
        case _:
            return Unknown(
                reason="flashc does not evaluate the text of this exception", origin=span
            )


# Objects --------------------------------------------------------------------------------------------


def _globals(machine: Machine, arguments: CallArguments) -> Value:
    """Return the dict of names of the module that calls `globals()`."""
    frame = machine.frames.get(arguments.module)
    if frame is None:
        return unsupported_call("globals", arguments.span)
    return Known(NamespaceValue(frame), arguments.span)


def _getattr(machine: Machine, arguments: CallArguments) -> Value:
    """Return `getattr(object, name)`, or the given default if the attribute is surely missing."""
    span, values = arguments.span, arguments.values
    key = resolve_symbolic(machine, values[1])
    if not isinstance(key, Known) or not isinstance(key.value, str):
        return key if isinstance(key, Unknown) else unsupported_call("getattr", span)
    try:
        found = attributes.attribute(machine, values[0], key.value, span)
    except PythonError as error:
        if error.kind is AttributeError and len(values) == 3:
            return values[2]
        raise
    if isinstance(found, Unknown) and len(values) == 3 and _lacks(values[0], key.value):
        return values[2]
    return found


def _hasattr(machine: Machine, arguments: CallArguments) -> Value:
    """Return whether the object has the attribute, if that is known."""
    span, values = arguments.span, arguments.values
    key = resolve_symbolic(machine, values[1])
    if not isinstance(key, Known) or not isinstance(key.value, str):
        return Unknown(reason="flashc does not evaluate this `hasattr(...)`", origin=span)
    try:
        found = attributes.attribute(machine, values[0], key.value, span)
    except PythonError as error:
        if error.kind is AttributeError:
            return Known(False, span)
        raise
    of = values[0].value if isinstance(values[0], Known) else None
    if isinstance(of, EnumMeta) and (key.value in of.__members__ or key.value.isupper()):
        return Known(key.value in of.__members__, span)
    if not isinstance(found, Unknown) and not _may_lack(values[0]):
        return Known(True, span)
    if _lacks(values[0], key.value):
        return Known(False, span)
    return Unknown(reason="flashc does not know this object's attributes", origin=span)


def _may_lack(value: Value) -> bool:
    """Return whether an attribute that flashc has found may be missing at run time."""
    return not isinstance(value, Known) or not isinstance(value.value, (InstanceValue, ClassValue))


def _lacks(value: Value, name: str) -> bool:
    """Return whether an instance or class of the project surely has no such attribute."""
    if not isinstance(value, Known):
        return False
    match value.value:
        case InstanceValue(of=of) as instance:
            closed = instance.escaped is None
            return closed and name not in instance.names and _class_lacks(of, name)
        case ClassValue() as of:
            return _class_lacks(of, name)
        case _:
            return False


def _class_lacks(of: ClassValue, name: str) -> bool:
    """Return whether a class and its instances surely have no such attribute."""
    closed = not of.decorated and not of.has_open_bases()
    special = name.startswith("__") or of.find("__getattr__") is not None
    return closed and not special and of.find(name) is None


def _setattr(machine: Machine, arguments: CallArguments) -> Value:
    """Execute `setattr(object, name, value)`."""
    receiver, key, value = arguments.values
    key = resolve_symbolic(machine, key)
    if isinstance(key, Known) and isinstance(key.value, str):
        attribute_changes.assign_attribute(machine, receiver, key.value, value, arguments.span)
        return Known(None, arguments.span)
    machine.escape(arguments)
    return Unknown(reason="flashc does not evaluate this `setattr(...)`", origin=arguments.span)


def _isinstance(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `isinstance(value, classes)`."""
    value, wanted = arguments.values
    answer = _is_instance(resolve_symbolic(machine, value), wanted)
    if answer is None:
        return Unknown(
            reason="flashc does not evaluate this `isinstance(...)`", origin=arguments.span
        )
    return Known(answer, arguments.span, variables_of(value))


def _is_instance(value: Value, wanted: Value) -> bool | None:
    """Return whether `isinstance(value, wanted)` is true; None if that is not known."""
    if not isinstance(value, Known) or not isinstance(wanted, Known):
        return None
    if isinstance(wanted.value, SequenceValue):
        answers = [_is_instance(value, item) for item in wanted.value.items]
        return True if True in answers else None if None in answers else False
    kind = type_of(value)
    if isinstance(wanted.value, ClassValue):
        if isinstance(kind, ClassValue):
            return wanted.value in kind.ancestry()
        return False if kind is not None else None
    if not isinstance(wanted.value, External) or kind is None:
        return None
    module, _, name = wanted.value.name.rpartition(".")
    target = getattr(builtins, name, None) if module == "builtins" else None
    if not isinstance(target, type):
        return None
    if isinstance(kind, ClassValue):
        return target is object or (target is tuple and kind.is_named_tuple)
    return issubclass(kind, target)


def type_of(value: Value) -> type | ClassValue | None:
    """Return the class of a value; None if flashc does not know it."""
    if not isinstance(value, Known):
        return None
    match value.value:
        case ConfigList():
            return None
        case SequenceValue(kind=kind):
            return kind
        case DictValue():
            return dict
        case InstanceValue(of=of):
            return None if not of.is_named_tuple and of.has_open_bases() else of
        case ExceptionValue(kind=kind):
            return kind
        case str() | bytes() | int() | float() | complex() | None | range() | slice():
            return type(value.value)
        case _:
            return None


def _type(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `type(value)`."""
    span = arguments.span
    if len(arguments.values) == 1:
        kind = type_of(resolve_symbolic(machine, arguments.values[0]))
        if isinstance(kind, ClassValue):
            return Known(kind, span)
        name = "" if kind is None else kind.__name__
        if name and getattr(builtins, name, None) is kind:
            return Known(External(f"builtins.{name}"), span)
    machine.escape(arguments)
    return Unknown(reason="flashc does not evaluate this `type(...)`", origin=span)


def _callable(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `callable(value)`."""
    value = arguments.values[0]
    if isinstance(value, Known):
        called = (FunctionValue, LambdaValue, ClassValue, PartialValue, BoundMethod)
        if isinstance(value.value, called):
            return Known(True, arguments.span)
        if isinstance(value.value, DialectObject):
            return Known(value.value.is_callable, arguments.span)
        if special_method(value, "__call__") is not None:
            return Known(True, arguments.span)
        if type_of(value) is not None and not isinstance(value.value, InstanceValue):
            return Known(False, arguments.span)
    return Unknown(reason="flashc does not evaluate this `callable(...)`", origin=arguments.span)


def _pow(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `pow(a, b)`."""
    if len(arguments.values) != 2 or arguments.keywords:
        return unsupported_call("pow", arguments.span)
    left, right = arguments.values
    return binary(machine, "**", left, right, arguments.span)


def _open(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `open(path)` for a file of the project."""
    found = files.evaluate_open(machine, "open", arguments)
    if found is not None:
        return found
    machine.escape(arguments)
    return unsupported_call("open", arguments.span)


def _exit(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `exit(...)` and `quit(...)`.

    Raises:
        PythonError: always, a SystemExit.
    """
    raise PythonError(SystemExit, "", arguments.span)


def _print(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `print(...)`, which returns None.

    Raises:
        PythonError: `sep` or `end` is no text.
    """
    for name in ("sep", "end"):
        given = arguments.keywords.get(name)
        if given is not None and isinstance(given.value, Known):
            if not isinstance(given.value.value, str | None):
                text = f"{name} must be None or a string"
                raise PythonError(TypeError, text, arguments.span)
    for value in arguments.values:
        text_of(machine, value, "__str__", arguments.span)
    return Known(None, arguments.span)


_SPECIAL: dict[str, Builtin] = {
    "globals": _globals,
    "getattr": _getattr,
    "hasattr": _hasattr,
    "setattr": _setattr,
    "isinstance": _isinstance,
    "type": _type,
    "callable": _callable,
    "pow": _pow,
    "print": _print,
    "open": _open,
    "__import__": modules.dunder_import,
    "exit": _exit,
    "quit": _exit,
}
