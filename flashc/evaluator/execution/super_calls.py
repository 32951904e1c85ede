"""Evaluate calls such as `super().__init__(x)` in methods of the project's classes."""

from __future__ import annotations

import libcst as cst
from msgspec.structs import replace

from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    Argument,
    CallArguments,
    ClassValue,
    Frame,
    FunctionValue,
    InstanceValue,
)
from flashc.evaluator.values import External, Known, Unknown, Value

from .hidden_calls import run_generated

_NEW = External("builtins.object.__new__")


def super_method(node: cst.BaseExpression, frame: Frame) -> str | None:
    """Return the name of the method in `super().name`; None for another expression."""
    match node:
        case cst.Attribute(value=cst.Call(func=cst.Name("super"), args=[]), attr=attr):
            return attr.value if frame.lookup("super") is None else None
        case _:
            return None


def call_super(machine: Machine, name: str, arguments: CallArguments, frame: Frame) -> Value | None:
    """Return the result of `super().name(...)`; None if a class outside the project may have the method."""
    first = next(iter(frame.names.values()), None)
    inside = first.value if isinstance(first, Known) else None
    of = inside.of if isinstance(inside, InstanceValue) else inside
    if not isinstance(of, ClassValue) or first is None:
        return None
    order = list(of.ancestry())
    here = next((i for i, each in enumerate(order) if _is_body(each, frame)), None)
    if here is None:
        return None
    later = order[here + 1 :]
    definer = next((each for each in later if name in each.names or each.generates(name)), None)
    if definer is not None and definer.generates(name):
        return _call_generated(machine, definer, name, first, arguments)
    if of.has_open_bases() or of.decorated or arguments.problem is not None:
        return None
    if any(ancestor.node.keywords for ancestor in order):
        return None  # a metaclass
    found = None if definer is None else definer.names[name]
    if found is None:
        return _of_object(name, arguments)
    function = found.value if isinstance(found, Known) else None
    if not isinstance(function, FunctionValue) or function.kind == "property":
        return None
    if name == "__new__" or function.kind == "static":
        return machine.call(found, arguments)
    receiver = Known(of, first.origin) if function.kind == "class" else first
    bound = [Argument(receiver, arguments.span), *arguments.positional]
    return machine.call(found, replace(arguments, positional=bound))


def _call_generated(
    machine: Machine, definer: ClassValue, name: str, first: Value, arguments: CallArguments
) -> Unknown:
    """Call a method that a decorator may have made: the object and the arguments become unknown."""
    reason = Unknown(
        reason=f"`{definer.name}` has a method `{name}` that flashc does not see",
        origin=arguments.span,
    )
    machine.escape(arguments.with_receiver(first))
    run_generated(machine, definer, name, first, arguments, reason)
    machine.escape(arguments.with_receiver(first))
    return reason


def _is_body(class_value: ClassValue, frame: Frame) -> bool:
    """Return whether a frame is that of a call of a method which the body of a class defines."""
    body = frame.enclosing
    return body is not None and body.is_class and class_value.names is body.names


def _of_object(name: str, arguments: CallArguments) -> Value | None:
    """Return the result of a method of `object`; None if flashc does not evaluate it."""
    if name == "__new__":
        return new_instance(Known(_NEW, arguments.span), arguments)
    if name == "__init__" and not arguments.positional and not arguments.keywords:
        return Known(None, arguments.span)
    return None


def new_instance(callee: Value, arguments: CallArguments) -> Value | None:
    """Return the result of `object.__new__(cls)`; None for another call, or if flashc does not evaluate it."""
    if not isinstance(callee, Known) or callee.value != _NEW:
        return None
    of = arguments.values[0] if len(arguments.values) == 1 and not arguments.keywords else None
    inside = of.value if isinstance(of, Known) else None
    if not isinstance(inside, ClassValue) or inside.has_open_bases() or inside.decorated:
        return None
    return Known(InstanceValue(inside, {}), arguments.span)
