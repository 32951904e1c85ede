"""Compare evaluated values by order, equality, membership and identity, and decide truth."""

from __future__ import annotations

import operator
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any

from flashc.evaluator.config_values import ConfigList
from flashc.evaluator.library_values import SecretText, VersionValue
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import InstanceValue
from flashc.evaluator.values import (
    DictValue,
    DisorderedValue,
    External,
    Known,
    MappingObject,
    NotConcrete,
    SequenceValue,
    Symbolic,
    Unknown,
    Value,
    ViewValue,
    concrete,
)
from flashc_core.source import Span
from flashc_ir.platform.images import supported_pythons

from . import config_nodes
from .apply import apply
from .special_methods import call_special, operate, special_method

_COMPARE: dict[str, Callable[[Any, Any], object]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda item, container: item in container,
    "not in": lambda item, container: item not in container,
}
# The method of the left operand, and the one of the right operand for the same question.
_METHODS = {
    "==": ("__eq__", "__eq__"),
    "!=": ("__ne__", "__ne__"),
    "<": ("__lt__", "__gt__"),
    "<=": ("__le__", "__ge__"),
    ">": ("__gt__", "__lt__"),
    ">=": ("__ge__", "__le__"),
}
_CONSTANT_CONDITIONS = {"typing.TYPE_CHECKING": False, "builtins.__debug__": True}


def compare(machine: Machine, symbol: str, left: Value, right: Value, span: Span) -> bool | Unknown:
    """Return `left <symbol> right`; the symbols include `is`, `is not`, `in` and `not in`.

    Raises:
        PythonError: the values can't be compared.
    """
    own = _by_methods(machine, symbol, left, right, span)
    if own is not None:
        return own
    if isinstance(left, Unknown):
        return left
    if isinstance(right, Unknown):
        return right
    for side in (left, right):
        if isinstance(side, Known) and isinstance(side.value, VersionValue):
            return _compare_version(symbol, left, right, span)
    if symbol in ("is", "is not"):
        for side in (left, right):
            if isinstance(side, Symbolic):
                machine.tested_variables |= side.variables
        same = _identical(machine, left, right)
        if same is None:
            reason = "`is` between these values depends on the interpreter"
            return Unknown(reason=reason, origin=span)
        return same == (symbol == "is")
    if symbol in ("in", "not in") and isinstance(right, Known):
        found = _key_in(left, right)
        if right.value == External("os.environ"):
            found = _is_set(machine, left)
        if found is not None:
            return found == (symbol == "in")
    compared = config_nodes.compared(symbol, left, right)
    if compared is not None:
        return compared
    value = apply(machine, _COMPARE[symbol], span, left, right, unordered=True)
    return value if isinstance(value, Unknown) else isinstance(value, Known) and bool(value.value)


def _by_methods(
    machine: Machine, symbol: str, left: Value, right: Value, span: Span
) -> bool | Unknown | None:
    """Return the result of a comparison that methods of instances compute; None if no method does."""
    if symbol in ("in", "not in"):
        own = call_special(machine, right, "__contains__", [left], span)
        verdict = None if own is None else truth(machine, own)
        return not verdict if symbol == "not in" and isinstance(verdict, bool) else verdict
    if symbol not in _METHODS:
        return None
    names = _METHODS[symbol]
    inverts = symbol == "!=" and not any(special_method(each, "__ne__") for each in (left, right))
    own = operate(machine, left, right, _METHODS["=="] if inverts else names, span)
    if own is None or isinstance(own, Unknown):
        return own
    if isinstance(own, Known) and isinstance(own.value, bool):
        return own.value != inverts
    return Unknown(reason="the method that compares returns no boolean", origin=span)


def _compare_version(symbol: str, left: Value, right: Value, span: Span) -> bool | Unknown:
    """Compare `sys.version_info`, if the answer is the same for every Python that workers have."""
    unknown = Unknown(reason="it depends on the Python of the workers", origin=span)
    if symbol not in ("<", "<=", ">", ">="):
        return unknown
    answers: set[bool] = set()
    for version in _worker_pythons():
        sides = [
            version
            if isinstance(side, Known) and isinstance(side.value, VersionValue)
            else _concrete_or_none(side)
            for side in (left, right)
        ]
        if not all(isinstance(side, tuple) for side in sides):
            return unknown
        try:
            answers.add(bool(_COMPARE[symbol](*sides)))
        except TypeError:
            return unknown
    return answers.pop() if len(answers) == 1 else unknown


@cache
def _worker_pythons() -> tuple[tuple[object, ...], ...]:
    """Return the first and the last release of every Python of the images, as `sys.version_info`."""
    return tuple(
        (*map(int, version.split(".")), micro, "final", 0)
        for version in supported_pythons()
        for micro in (0, 99)
    )


def _concrete_or_none(value: Value) -> object:
    """Return the Python object that a value stands for; None if it is not known."""
    try:
        return concrete(value)
    except NotConcrete:
        return None


def _is_set(machine: Machine, name: Value) -> bool | None:
    """Return whether `name in os.environ`; None if that is not known."""
    text = name.value if isinstance(name, Known) else None
    if not isinstance(text, str):
        return None
    if machine.assigned_variable(text) is not None:
        return True
    machine.tested_variables.add(text)
    machine.note_guess()
    return text in machine.environment


def _key_in(left: Value, right: Known) -> bool | None:
    """Return whether a key is in a dict, whatever the dict's values are; None if that is not known."""
    container = right.value
    if isinstance(container, ViewValue) and container.part == "keys":
        container = container.of
    try:
        if isinstance(container, DictValue) and container.escaped is None:
            return concrete(left) in container.entries
        if isinstance(container, MappingObject) and container.current().escaped is None:
            return container.entry(concrete(left)) is not None
    except (NotConcrete, TypeError):
        return None
    return None


def _identical(machine: Machine, left: Value, right: Value) -> bool | None:
    """Return whether `left is right`; None if that is not known."""
    if not isinstance(left, Known) or not isinstance(right, Known):
        return None
    if _is_container(left.value) and _is_container(right.value):
        # The records do not show which objects of modules are the same.
        machine.interactions.is_entangled = True
    if isinstance(left.value, ConfigList) and isinstance(right.value, ConfigList):
        return True if left.value is right.value else None
    if _has_identity(left.value) or _has_identity(right.value):
        return left.value is right.value
    if type(left.value) is not type(right.value):
        return False
    return None


def _has_identity(value: object) -> bool:
    """Return whether each such object of the program is represented by one object here."""
    return isinstance(value, (type(None), bool, type(...), Enum, type)) or _is_container(value)


def _is_container(value: object) -> bool:
    """Return whether a value is a list, set or dict of the program."""
    return isinstance(value, DictValue) or (
        isinstance(value, SequenceValue) and value.kind in (list, set)
    )


def truth(machine: Machine, value: Value) -> bool | Unknown:
    """Return whether `value` counts as true; environment variables are read for this."""
    match value:
        case Unknown():
            return value
        case Symbolic():
            machine.tested_variables |= value.variables
            return truth(machine, machine.read(value))
        case Known():
            pass
    match value.value:
        case SequenceValue() as items:
            return items.escaped or bool(items.items)
        case DictValue() as mapping:
            return mapping.escaped or bool(mapping.entries)
        case ViewValue() as view:
            entries = view.of.current()
            return entries.escaped or bool(entries.entries)
        case DisorderedValue(is_iterator=False) as found:
            return found.escaped or bool(found.items)
        case MappingObject() as shown:
            return shown.current().escaped or bool(shown.current().entries)
        case InstanceValue() as instance:
            return _truth_of_instance(machine, instance, value)
        case SecretText(text=text):
            return truth(machine, text)
        case External() as external:
            if external.name in _CONSTANT_CONDITIONS:
                return _CONSTANT_CONDITIONS[external.name]
            reason = f"`{external.name}` comes from outside the project"
            return Unknown(reason=reason, origin=value.origin)
        case _:
            pass
    try:
        return bool(concrete(value))
    except NotConcrete:
        return True  # a function, class or object of the program


def _truth_of_instance(machine: Machine, instance: InstanceValue, value: Known) -> bool | Unknown:
    """Return whether an instance of a class of the project counts as true."""
    for name in ("__bool__", "__len__"):
        own = call_special(machine, value, name, [], value.origin)
        if own is not None:
            return truth(machine, own)
    if instance.of.is_named_tuple:
        return bool(instance.names)
    if instance.of.is_record and instance.of.has_open_bases():
        return Unknown(reason="a method may decide whether it is true", origin=value.origin)
    return True
