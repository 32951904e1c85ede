"""Assign to and delete targets: names, attributes, subscripts, and tuples of these."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst
from msgspec import Struct

from flashc.evaluator.dialect import DialectObject
from flashc.evaluator.failures import PythonError
from flashc.evaluator.library.attribute_changes import assign_attribute, delete_attribute
from flashc.evaluator.library.attributes import attribute
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import Argument, CallArguments, ClassValue, Frame, FunctionValue
from flashc.evaluator.operations import containers
from flashc.evaluator.operations.apply import apply, resolve_symbolic
from flashc.evaluator.operations.global_names import bind_global
from flashc.evaluator.operations.iteration import elements
from flashc.evaluator.values import Known, SequenceValue, Unknown, Value
from flashc_core.source import Span


def assign(machine: Machine, target: cst.BaseExpression, value: Value, frame: Frame) -> None:
    """Execute `target = value`.

    Raises:
        PythonError: the target is a tuple, and `value` has the wrong number of elements.
    """
    if isinstance(target, cst.Name):
        name = target.value
        if isinstance(value, Unknown):
            value = value.assigned_to(name, frame.syntax.span(target))
        elif isinstance(value, Known) and isinstance(value.value, DialectObject):
            if frame.enclosing is None:
                value.value.note_assignment(name, frame.syntax.name)
    bind(machine, target, value, frame)


class Target(Struct, frozen=True):
    """The target of an augmented assignment.

    Its parts are evaluated once; then the target is read and stored.
    """

    read: Callable[[], Value]
    store: Callable[[Value], None]

    @staticmethod
    def of(machine: Machine, node: cst.BaseExpression, frame: Frame) -> Target:
        """Evaluate the parts of a target."""
        span = frame.syntax.span(node)
        match node:
            case cst.Attribute():
                receiver, name = machine.evaluate(node.value, frame), node.attr.value
                return Target(
                    read=lambda: attribute(machine, receiver, name, span),
                    store=lambda value: assign_attribute(machine, receiver, name, value, span),
                )
            case cst.Subscript():
                receiver, key = machine.evaluate(node.value, frame), key_of(machine, node, frame)
                return Target(
                    read=lambda: containers.item(machine, receiver, key, span),
                    store=lambda value: containers.store_item(machine, receiver, key, value),
                )
            case _:
                return Target(
                    read=lambda: machine.evaluate(node, frame),
                    store=lambda value: assign(machine, node, value, frame),
                )


def bind(machine: Machine, target: cst.BaseExpression, value: Value, frame: Frame) -> None:
    """Bind `target`, which may be a tuple or a loop's variable; raises what `assign` raises."""
    match target:
        case cst.Name():
            if frame.owner(target.value) is frame:
                frame.bind(target.value, value)
            else:
                bind_global(machine, frame, target.value, value)
        case cst.Attribute():
            receiver = machine.evaluate(target.value, frame)
            span = frame.syntax.span(target)
            assign_attribute(machine, receiver, target.attr.value, value, span)
        case cst.Subscript():
            receiver = machine.evaluate(target.value, frame)
            containers.store_item(machine, receiver, key_of(machine, target, frame), value)
        case cst.Tuple() | cst.List():
            items = elements(machine, value)
            if isinstance(items, Unknown):
                for element in target.elements:
                    bind(machine, element.value, items, frame)
            else:
                _unpack_items(machine, target, items, frame)
        case _:
            pass


def _unpack_items(
    machine: Machine, target: cst.Tuple | cst.List, items: list[Value], frame: Frame
) -> None:
    """Assign items to the targets of `a, *b = items`."""
    targets = target.elements
    starred = next((i for i, t in enumerate(targets) if isinstance(t, cst.StarredElement)), None)
    span = frame.syntax.span(target)
    if len(items) < len(targets) - (starred is not None):
        text = f"not enough values to unpack (expected {len(targets)}, got {len(items)})"
        raise PythonError(ValueError, text, span)
    if starred is None and len(items) > len(targets):
        raise PythonError(ValueError, f"too many values to unpack (expected {len(targets)})", span)
    for index, element in enumerate(targets):
        if starred is None or index < starred:
            bind(machine, element.value, items[index], frame)
        elif index == starred:
            rest = items[starred : len(items) - (len(targets) - starred - 1)]
            bind(machine, element.value, Known(SequenceValue(list, rest), span), frame)
        else:
            bind(machine, element.value, items[index - len(targets)], frame)


def subscript(machine: Machine, node: cst.Subscript, frame: Frame, span: Span) -> Value:
    """Return `items[1:]`, `d[key]`, `os.environ["K"]`, `Enum["A"]`."""
    receiver = machine.evaluate(node.value, frame)
    key = key_of(machine, node, frame)
    of_class = receiver.value if isinstance(receiver, Known) else None
    if isinstance(of_class, ClassValue) and not of_class.decorated:
        own = of_class.find("__class_getitem__")
        if isinstance(own, Known) and isinstance(own.value, FunctionValue):
            call = CallArguments(
                positional=[Argument(receiver, span), Argument(key, span)],
                keywords={},
                span=span,
                text=span,
                module=frame.syntax.name,
            )
            return machine.call(own, call)
    return containers.item(machine, receiver, key, span)


def key_of(machine: Machine, node: cst.Subscript, frame: Frame) -> Value:
    """Return the key between the brackets: a value, a slice, or a tuple of these."""
    span = frame.syntax.span(node)
    parts: list[Value] = []
    for element in node.slice:
        part = element.slice
        if isinstance(part, cst.Slice):
            bounds = [
                Known(None, span)
                if bound is None
                else resolve_symbolic(machine, machine.evaluate(bound, frame))
                for bound in (part.lower, part.upper, part.step)
            ]
            parts.append(apply(machine, slice, span, *bounds))
        elif isinstance(part, cst.Index) and part.star is None:
            parts.append(resolve_symbolic(machine, machine.evaluate(part.value, frame)))
        else:
            return Unknown(reason="flashc does not evaluate this subscript", origin=span)
    if len(parts) == 1 and not isinstance(node.slice[0].comma, cst.Comma):
        return parts[0]
    return Known(SequenceValue(tuple, parts), span)


def delete(machine: Machine, target: cst.BaseExpression, frame: Frame) -> None:
    """Execute `del target`.

    Raises:
        PythonError: there is no such element.
    """
    match target:
        case cst.Name():
            if frame.owner(target.value).names.pop(target.value, None) is None:
                machine.may_raise()  # NameError, unless code that flashc does not evaluate defined the name
        case cst.Tuple() | cst.List():
            for element in target.elements:
                delete(machine, element.value, frame)
        case cst.Subscript():
            receiver = machine.evaluate(target.value, frame)
            key = key_of(machine, target, frame)
            containers.delete_item(machine, receiver, key, frame.syntax.span(target))
        case cst.Attribute():
            receiver = machine.evaluate(target.value, frame)
            delete_attribute(machine, receiver, target.attr.value, frame.syntax.span(target))
        case _:
            pass
