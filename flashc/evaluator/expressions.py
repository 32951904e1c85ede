"""An expression and the names around it -> its value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import libcst as cst

from flashc_core.source import Span

from . import attributes, builtin, calls, comparisons, containers, functions, operators, strings
from .iteration import Lost, elements, iterate, lazily
from .objects import Frame, InstanceValue, LambdaValue
from .values import (
    DictValue,
    External,
    Known,
    ListValue,
    NotConcrete,
    SequenceKind,
    Symbolic,
    Unknown,
    Value,
    ViewValue,
    concrete,
    variables_of,
)

if TYPE_CHECKING:
    from .machine import Machine

_NESTING = 100
_NOWHERE = Span.start_of("")


def evaluate(machine: Machine, node: cst.BaseExpression, frame: Frame) -> Value:
    """The value of `node`.  Never raises for what the program does: that makes an `Unknown`."""
    machine.step(node, frame)
    if machine.depth > _NESTING:
        return Unknown(reason="it is nested too deeply", origin=frame.syntax.span(node))
    machine.depth += 1
    try:
        value = _evaluate(machine, node, frame)
    finally:
        machine.depth -= 1
    if isinstance(value, Unknown):
        machine.doubts += 1
    return value


def _evaluate(machine: Machine, node: cst.BaseExpression, frame: Frame) -> Value:
    span = frame.syntax.span(node)
    match node:
        case cst.Name():
            return _name(node, frame, span)
        case cst.SimpleString() | cst.Integer() | cst.Float() | cst.Imaginary():
            return strings.literal(node, span)
        case cst.ConcatenatedString() | cst.FormattedString():
            return strings.string(machine, node, frame, span)
        case cst.Ellipsis():
            return Known(..., span)
        case cst.Tuple():
            return _sequence(machine, node.elements, tuple, frame, span)
        case cst.List():
            return _sequence(machine, node.elements, list, frame, span)
        case cst.Set():
            return _sequence(machine, node.elements, set, frame, span)
        case cst.Dict():
            return _dict(machine, node, frame, span)
        case cst.UnaryOperation() | cst.BinaryOperation() | cst.BooleanOperation():
            return operators.operation(machine, node, frame, span)
        case cst.Comparison():
            return comparisons.comparison(machine, node, frame, span)
        case cst.IfExp():
            return _conditional(machine, node, frame)
        case cst.Attribute():
            receiver = evaluate(machine, node.value, frame)
            return attributes.attribute(machine, receiver, node.attr.value, span)
        case cst.Subscript():
            return containers.subscript(machine, node, frame, span)
        case cst.Call():
            return calls.call_expression(machine, node, frame, span)
        case cst.ListComp() | cst.SetComp() | cst.GeneratorExp() | cst.DictComp():
            return _comprehension(machine, node, frame, span)
        case cst.NamedExpr():
            value = evaluate(machine, node.value, frame)
            if isinstance(node.target, cst.Name):
                frame.bind_walrus(node.target.value, value)
            return value
        case cst.Lambda():
            return Known(
                LambdaValue(node, frame, functions.defaults(machine, node.params, frame)), span
            )
        case _:
            return Unknown(reason=_unsupported(node), origin=span)


def _unsupported(node: cst.CSTNode) -> str:
    match node:
        case cst.Await():
            return "it waits for something at run time"
        case _:
            return "flashc does not evaluate this kind of expression"


def _name(node: cst.Name, frame: Frame, span: Span) -> Value:
    name = node.value
    match name:
        case "True" | "False":
            return Known(name == "True", span)
        case "None":
            return Known(None, span)
        case _:
            pass
    found = lookup(name, frame)
    if found is not None:
        return found
    if name in builtin.NAMES:
        return Known(External(f"builtins.{name}"), span)
    return Unknown(reason=f"`{name}` is not defined here", origin=span)


def lookup(name: str, frame: Frame) -> Value | None:
    """What `name` is in `frame`, by Python's rules; None where it is not bound."""
    scope: Frame | None = frame.module if name in frame.global_names else frame
    while scope is not None:
        if name in scope.names and (scope is frame or not scope.is_class):
            return scope.names[name]
        scope = scope.enclosing
    return None


def truth(machine: Machine, value: Value) -> bool | Unknown:
    """Whether `value` counts as true; environment variables are read for it."""
    match value:
        case Unknown():
            return value
        case Symbolic():
            return truth(machine, machine.read(value))
        case Known():
            pass
    match value.value:
        case ListValue() as items:
            return items.escaped or bool(items.items)
        case DictValue() as entries:
            return entries.escaped or bool(entries.entries)
        case ViewValue() as view:
            return view.table.escaped or bool(view.table.entries)
        case InstanceValue() as instance:
            if instance.of.is_tuple:
                return bool(instance.names)
            if instance.of.find("__bool__") is not None or instance.of.find("__len__") is not None:
                return Unknown(reason="a method decides whether it is true", origin=value.origin)
            return True
        case External() as external:
            if external.name in _CONSTANT_CONDITIONS:
                return _CONSTANT_CONDITIONS[external.name]
            return Unknown(
                reason=f"`{external.name}` comes from outside the project", origin=value.origin
            )
        case _:
            pass
    try:
        return bool(concrete(value))
    except NotConcrete:
        return True  # a function, class or object of the program


_CONSTANT_CONDITIONS = {"typing.TYPE_CHECKING": False, "builtins.__debug__": True}


def _sequence(
    machine: Machine,
    parts: Sequence[cst.BaseElement],
    kind: SequenceKind,
    frame: Frame,
    span: Span,
) -> Value:
    items: list[Value] = []
    for part in parts:
        value = evaluate(machine, part.value, frame)
        if isinstance(part, cst.StarredElement):
            inner = elements(machine, value, unordered=kind is set)
            if isinstance(inner, Unknown):
                return inner
            items.extend(inner)
        else:
            items.append(value)
    if kind is set:
        return containers.make_set(set, items, span)
    return Known(ListValue(kind, items), span)


def _dict(machine: Machine, node: cst.Dict, frame: Frame, span: Span) -> Value:
    result = DictValue()
    for part in node.elements:
        if isinstance(part, cst.DictElement):
            key = evaluate(machine, part.key, frame)
            value = evaluate(machine, part.value, frame)
            problem = containers.store(machine, result, key, value)
        else:
            value = evaluate(machine, part.value, frame)
            problem = containers.merge(machine, result, value)
        if problem is not None:
            return problem
    return Known(result, span)


def _conditional(machine: Machine, node: cst.IfExp, frame: Frame) -> Value:
    test = evaluate(machine, node.test, frame)
    chosen = truth(machine, test)
    if isinstance(chosen, Unknown):
        return chosen
    value = evaluate(machine, node.body if chosen else node.orelse, frame)
    return operators.tainted(value, variables_of(test))


def _comprehension(machine: Machine, node: cst.BaseComp, frame: Frame, span: Span) -> Value:
    """The first iterable belongs to the scope around, everything else to the comprehension's own."""
    inner = Frame(
        syntax=frame.syntax,
        names={},
        enclosing=frame,
        qualname=frame.qualname,
        is_comprehension=True,
    )
    first = evaluate(machine, node.for_in.iter, frame)
    results = _generate(machine, node, node.for_in, first, inner)
    if isinstance(node, cst.GeneratorExp):
        return lazily((value for _, value in results), "generator", span)
    try:
        return _collected(machine, node, results, span)
    except Lost as lost:
        return lost.reason


def _collected(
    machine: Machine, node: cst.BaseComp, results: Iterator[tuple[Value, Value]], span: Span
) -> Value:
    if isinstance(node, cst.DictComp):
        table = DictValue()
        for key, value in results:
            problem = containers.store(machine, table, key, value)
            if problem is not None:
                return problem
        return Known(table, span)
    items = [value for _, value in results]
    if isinstance(node, cst.SetComp):
        return containers.make_set(set, items, span)
    return Known(ListValue(list, items), span)


def _generate(
    machine: Machine, node: cst.BaseComp, generator: cst.CompFor, source: Value, frame: Frame
) -> Iterator[tuple[Value, Value]]:
    """The (key, value) pairs of a comprehension, one by one; other kinds have no use for the key.

    Raises:
        Lost: the next one can't be known.
    """
    for item in iterate(machine, source, unordered=isinstance(node, cst.SetComp)):
        problem = containers.unpack(machine, generator.target, item, frame)
        if problem is not None:
            raise Lost(problem)
        if not _passes(machine, generator, frame):
            continue
        if generator.inner_for_in is not None:
            inner = evaluate(machine, generator.inner_for_in.iter, frame)
            yield from _generate(machine, node, generator.inner_for_in, inner, frame)
        elif isinstance(node, cst.DictComp):
            key = evaluate(machine, node.key, frame)
            yield key, evaluate(machine, node.value, frame)
        elif isinstance(node, (cst.ListComp, cst.SetComp, cst.GeneratorExp)):
            value = evaluate(machine, node.elt, frame)
            yield value, value


def _passes(machine: Machine, generator: cst.CompFor, frame: Frame) -> bool:
    for condition in generator.ifs:
        verdict = truth(machine, evaluate(machine, condition.test, frame))
        if isinstance(verdict, Unknown):
            raise Lost(verdict)
        if not verdict:
            return False
    return True
