"""Evaluate expressions: a table has one function for each kind of syntax node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import libcst as cst

from flashc.evaluator.escape import escape_value, sharing
from flashc.evaluator.library.attributes import attribute
from flashc.evaluator.library.builtin import NAMES
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import Frame, LambdaValue
from flashc.evaluator.operations.apply import resolve_symbolic, tainted
from flashc.evaluator.operations.comparisons import compare, truth
from flashc.evaluator.operations.containers import make_set, merge, store
from flashc.evaluator.operations.iteration import elements
from flashc.evaluator.operations.operators import binary, unary
from flashc.evaluator.values import (
    DictValue,
    External,
    Known,
    SequenceKind,
    SequenceValue,
    Symbolic,
    Unknown,
    Value,
    variables_of,
)
from flashc_core.source import Span
from flashc_ir.resources import EnvironmentReference

from . import symbols
from .branches import evaluate_maybe
from .calls import call_expression
from .comprehensions import comprehension
from .functions import evaluate_defaults
from .strings import literal, string
from .targets import subscript

_NESTING = 100  # expressions inside each other, function calls included
_CONSTANTS = {"True": True, "False": False, "None": None}


def evaluate(machine: Machine, node: cst.BaseExpression, frame: Frame) -> Value:
    """Return the value of `node`; it is an `Unknown` if flashc does not evaluate such a node.

    Raises:
        PythonError: the program is certain to raise here.
        OutOfSteps: the module has used up its steps.
    """
    machine.step(node, frame)
    activation = machine.activation
    span = frame.syntax.span(node)
    if activation.depth > _NESTING:
        return Unknown(reason="it is nested too deeply", origin=span)
    evaluator = _EVALUATORS.get(type(node))
    activation.depth += 1
    try:
        value = (
            Unknown(reason="flashc does not evaluate this kind of expression", origin=span)
            if evaluator is None
            else evaluator(machine, node, frame, span)
        )
    finally:
        activation.depth -= 1
    if isinstance(value, Unknown):
        machine.may_raise()
    return value


def _name(machine: Machine, node: cst.Name, frame: Frame, span: Span) -> Value:
    """Return the value of a name: a constant, a name of the program, or a builtin."""
    name = node.value
    if name in _CONSTANTS:
        return Known(_CONSTANTS[name], span)
    found = frame.lookup(name)
    if found is not None:
        return found
    if name in NAMES:
        return Known(External(f"builtins.{name}"), span)
    return Unknown(reason=f"`{name}` is not defined here", origin=span)


def _literal(
    machine: Machine,
    node: cst.SimpleString | cst.Integer | cst.Float | cst.Imaginary,
    frame: Frame,
    span: Span,
) -> Value:
    """Evaluate a string or number."""
    return literal(node, span)


def _ellipsis(machine: Machine, node: cst.Ellipsis, frame: Frame, span: Span) -> Value:
    """Evaluate `...`."""
    return Known(..., span)


# Containers -------------------------------------------------------------------------------------------


def _tuple(machine: Machine, node: cst.Tuple, frame: Frame, span: Span) -> Value:
    """Evaluate `(a, *b)`."""
    return _sequence(machine, node.elements, tuple, frame, span)


def _list(machine: Machine, node: cst.List, frame: Frame, span: Span) -> Value:
    """Evaluate `[a, *b]`."""
    return _sequence(machine, node.elements, list, frame, span)


def _set(machine: Machine, node: cst.Set, frame: Frame, span: Span) -> Value:
    """Evaluate `{a, *b}`."""
    return _sequence(machine, node.elements, set, frame, span)


def _sequence(
    machine: Machine,
    parts: Sequence[cst.BaseElement],
    kind: SequenceKind,
    frame: Frame,
    span: Span,
) -> Value:
    """Evaluate the elements of a tuple, list or set, starred ones included."""
    items: list[Value] = []
    for part in parts:
        value = machine.evaluate(part.value, frame)
        if isinstance(part, cst.StarredElement):
            inner = elements(machine, value, unordered=kind is set)
            if isinstance(inner, Unknown):
                return sharing(inner, value, *items)
            items.extend(inner)
        else:
            items.append(value)
    if kind is set:
        return make_set(set, items, span)
    return Known(SequenceValue(kind, items), span)


def _dict(machine: Machine, node: cst.Dict, frame: Frame, span: Span) -> Value:
    """Evaluate a dict display, including `**` operands."""
    result = DictValue()
    for part in node.elements:
        if isinstance(part, cst.DictElement):
            key = machine.evaluate(part.key, frame)
            value = machine.evaluate(part.value, frame)
            problem = store(machine, result, key, value)
        else:
            value = machine.evaluate(part.value, frame)
            problem = merge(machine, result, value)
        if problem is not None:
            return sharing(problem, value, Known(result, span))
    return Known(result, span)


# Operators --------------------------------------------------------------------------------------------


def _unary(machine: Machine, node: cst.UnaryOperation, frame: Frame, span: Span) -> Value:
    """Evaluate `-a`, `+a`, `~a` and `not a`."""
    value = machine.evaluate(node.expression, frame)
    return unary(machine, symbols.UNARY[type(node.operator)], value, span)


def _binary(machine: Machine, node: cst.BinaryOperation, frame: Frame, span: Span) -> Value:
    """Evaluate `a + b` and other operators with two operands."""
    left = machine.evaluate(node.left, frame)
    right = machine.evaluate(node.right, frame)
    return binary(machine, symbols.BINARY[type(node.operator)], left, right, span)


def _boolean(machine: Machine, node: cst.BooleanOperation, frame: Frame, span: Span) -> Value:
    """Evaluate `a or b`, `a and b`."""
    left = machine.evaluate(node.left, frame)
    wants = isinstance(node.operator, cst.Or)
    if wants and isinstance(left, Symbolic):
        kept = _with_default(left, machine.evaluate(node.right, frame))
        if kept is not None:
            return kept
    verdict = truth(machine, left)
    if isinstance(verdict, Unknown):
        return sharing(verdict, left, evaluate_maybe(machine, node.right, frame, verdict))
    if verdict == wants:
        return left
    value = machine.evaluate(node.right, frame)
    return tainted(value, variables_of(left))


def _with_default(left: Symbolic, right: Value) -> Symbolic | None:
    """Return `os.getenv("K") or "default"` as a reference to the variable with that default."""
    if len(left.parts) != 1 or not isinstance(left.parts[0], EnvironmentReference):
        return None
    if not isinstance(right, Known) or not isinstance(right.value, str):
        return None
    reference = left.parts[0]
    default = reference.default or right.value
    return Symbolic(
        (EnvironmentReference(reference.variable, default),),
        left.origin,
        computed=left.computed | right.variables,
    )


def _comparison(machine: Machine, node: cst.Comparison, frame: Frame, span: Span) -> Value:
    """Evaluate `a < b < c`, `x in y`, `x is None`."""
    left = resolve_symbolic(machine, machine.evaluate(node.left, frame))
    variables = variables_of(left)
    for part in node.comparisons:
        right = resolve_symbolic(machine, machine.evaluate(part.comparator, frame))
        variables |= variables_of(right)
        result = compare(machine, symbols.COMPARISON[type(part.operator)], left, right, span)
        if isinstance(result, Unknown):
            return result
        if not result:
            return Known(False, span, variables)
        left = right
    return Known(True, span, variables)


def _conditional(machine: Machine, node: cst.IfExp, frame: Frame, span: Span) -> Value:
    """Evaluate `a if test else b`; if the test is not known, either part may have run."""
    test = machine.evaluate(node.test, frame)
    chosen = truth(machine, test)
    if isinstance(chosen, Unknown):
        parts = (node.body, node.orelse)
        return sharing(chosen, *(evaluate_maybe(machine, each, frame, chosen) for each in parts))
    value = machine.evaluate(node.body if chosen else node.orelse, frame)
    return tainted(value, variables_of(test))


# Others -----------------------------------------------------------------------------------------------


def _attribute(machine: Machine, node: cst.Attribute, frame: Frame, span: Span) -> Value:
    """Evaluate `a.name`."""
    receiver = machine.evaluate(node.value, frame)
    return attribute(machine, receiver, node.attr.value, span)


def _named(machine: Machine, node: cst.NamedExpr, frame: Frame, span: Span) -> Value:
    """Evaluate a walrus expression, `(name := value)`."""
    value = machine.evaluate(node.value, frame)
    if isinstance(node.target, cst.Name):
        frame.bind_walrus(node.target.value, value)
    return value


def _lambda(machine: Machine, node: cst.Lambda, frame: Frame, span: Span) -> Value:
    """Evaluate a `lambda`, with its defaults."""
    return Known(LambdaValue(node, frame, evaluate_defaults(machine, node.params, frame)), span)


def _await(machine: Machine, node: cst.Await, frame: Frame, span: Span) -> Value:
    """Evaluate `await a`, whose value is unknown, because it waits for something at run time."""
    machine.evaluate(node.expression, frame)
    return Unknown(reason="it waits for something at run time", origin=span)


def _yield(machine: Machine, node: cst.Yield, frame: Frame, span: Span) -> Value:
    """Evaluate `yield a` and `yield from a`; another program part gets `a`, and decides the value."""
    reason = Unknown(reason="the reader of the generator decides it", origin=span)
    inside = node.value.item if isinstance(node.value, cst.From) else node.value
    if inside is not None:
        escape_value(machine.evaluate(inside, frame), reason)
    return reason


# A table is used because `match` is slow for LibCST's abstract classes.
_EVALUATORS: dict[type[cst.CSTNode], Callable[[Machine, Any, Frame, Span], Value]] = {
    cst.Attribute: _attribute,
    cst.Await: _await,
    cst.BinaryOperation: _binary,
    cst.BooleanOperation: _boolean,
    cst.Call: call_expression,
    cst.Comparison: _comparison,
    cst.ConcatenatedString: string,
    cst.Dict: _dict,
    cst.DictComp: comprehension,
    cst.Ellipsis: _ellipsis,
    cst.Float: _literal,
    cst.FormattedString: string,
    cst.GeneratorExp: comprehension,
    cst.IfExp: _conditional,
    cst.Imaginary: _literal,
    cst.Integer: _literal,
    cst.Lambda: _lambda,
    cst.List: _list,
    cst.ListComp: comprehension,
    cst.Name: _name,
    cst.NamedExpr: _named,
    cst.Set: _set,
    cst.SetComp: comprehension,
    cst.SimpleString: _literal,
    cst.Subscript: subscript,
    cst.Tuple: _tuple,
    cst.UnaryOperation: _unary,
    cst.Yield: _yield,
}
