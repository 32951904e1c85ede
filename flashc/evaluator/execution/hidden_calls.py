"""Execute methods that Python calls by itself, for their effects, where flashc does not know what they return."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from flashc.evaluator.escape import escape_value
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    Argument,
    CallArguments,
    ClassValue,
    FieldValue,
    FunctionValue,
    InstanceValue,
)
from flashc.evaluator.operations.special_methods import run_maybe
from flashc.evaluator.values import Known, SequenceValue, Unknown, Value
from flashc_core.source import Span


def run_constructors(
    machine: Machine,
    class_value: ClassValue,
    arguments: CallArguments,
    reason: Unknown,
    *,
    has_new: bool = True,
) -> None:
    """Execute what makes an instance: the metaclass's `__call__`, `__new__` and `__init__`.

    `has_new` is False if `__new__` was executed before.  All that these methods change becomes unknown,
    because flashc does not know which of them Python calls, and with which instance.
    """
    of_class = Known(class_value, arguments.span)
    instance = Known(InstanceValue(class_value, {}, reason), arguments.span)
    for metaclass in _metaclasses(machine, class_value):
        _run(machine, metaclass.find("__call__"), [of_class], arguments, reason)
        _forget_state(metaclass, reason)
    if has_new:
        _run(machine, class_value.find("__new__"), [of_class], arguments, reason)
    _run(machine, class_value.find("__init__"), [instance], arguments, reason)
    _run_hooks(machine, class_value, instance, arguments, reason)


def run_generated(
    machine: Machine,
    definer: ClassValue,
    name: str,
    first: Value,
    arguments: CallArguments,
    reason: Unknown,
) -> None:
    """Execute what a method that a decorator made for `definer` may call."""
    if name in definer.names:
        _run(machine, definer.names[name], [first], arguments, reason)
    inside = first.value if isinstance(first, Known) else None
    if name == "__init__" and isinstance(inside, InstanceValue):
        _run_hooks(machine, inside.of, first, arguments, reason)


def _run_hooks(
    machine: Machine,
    class_value: ClassValue,
    instance: Value,
    arguments: CallArguments,
    reason: Unknown,
) -> None:
    """Execute what a generated `__init__` calls: the factories of defaults, and methods after or before it."""
    for ancestor in class_value.ancestry():
        for value in ancestor.names.values():
            if isinstance(value, Known) and isinstance(value.value, FieldValue):
                factory = value.value.options.get("default_factory")
                _run(machine, factory, [], arguments.inner([]), reason)
    for hook in ("__attrs_pre_init__", "__attrs_post_init__", "__post_init__"):
        _run(machine, class_value.find(hook), [instance], arguments.inner([]), reason)


def run_class_hooks(machine: Machine, class_value: ClassValue, span: Span) -> None:
    """Execute what Python calls when a class is made: methods of its metaclass, and `__set_name__` of descriptors."""
    name = Known(class_value.name, span)
    of_class = Known(class_value, span)
    call = CallArguments(
        positional=[], keywords={}, span=span, text=span, module=class_value.frame.syntax.name
    )
    for metaclass in _metaclasses(machine, class_value):
        reason = Unknown(reason="its metaclass may change it", origin=span)
        bases = Known(SequenceValue(tuple, list(class_value.bases)), span)
        for hook in ("__prepare__", "__new__", "__init__"):
            first = of_class if hook == "__init__" else Known(metaclass, span)
            body = [] if hook == "__prepare__" else [reason]
            given = call.inner([name, bases, *body])
            _run(machine, metaclass.find(hook), [first], given, reason)
            _forget_state(metaclass, reason)
    for attribute, value in list(class_value.names.items()):
        inside = value.value if isinstance(value, Known) else None
        if isinstance(inside, InstanceValue):
            reason = Unknown(reason="`__set_name__` may change it", origin=span)
            given = call.inner([of_class, Known(attribute, span)])
            _run(machine, inside.of.find("__set_name__"), [value], given, reason)


def _metaclasses(machine: Machine, class_value: ClassValue) -> Iterator[ClassValue]:
    """Yield the metaclasses of a class and its bases that are classes of the project."""
    for ancestor in class_value.ancestry():
        for keyword in ancestor.node.keywords:
            if keyword.keyword is not None and keyword.keyword.value == "metaclass":
                value = machine.evaluate(keyword.value, ancestor.frame)
                if isinstance(value, Known) and isinstance(value.value, ClassValue):
                    yield value.value


def _run(
    machine: Machine,
    function: Value | None,
    first: Sequence[Value],
    arguments: CallArguments,
    reason: Unknown,
) -> None:
    """Call a method of the project with these arguments before those of a call; what it changes becomes unknown."""
    positional = [*(Argument(value, arguments.span) for value in first), *arguments.positional]
    run_maybe(machine, function, replace(arguments, positional=positional), reason)


def _forget_state(metaclass: ClassValue, reason: Unknown) -> None:
    """Make the attributes of a metaclass unknown: its methods read and change them by the classes that it makes."""
    for ancestor in metaclass.ancestry():
        for name, value in ancestor.names.items():
            inside = value.value if isinstance(value, Known) else None
            if not isinstance(inside, (FunctionValue, ClassValue)):
                escape_value(value, reason)
                ancestor.names[name] = reason
