"""Evaluate comprehensions and generator expressions, element by element."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from flashc.evaluator.escape import sharing
from flashc.evaluator.failures import IterationUnknown, PythonError
from flashc.evaluator.library.pure_functions import has_no_side_effects
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import Frame
from flashc.evaluator.operations.comparisons import truth
from flashc.evaluator.operations.containers import make_set, store
from flashc.evaluator.operations.iteration import disorder, iterate
from flashc.evaluator.values import (
    DictValue,
    DisorderedValue,
    External,
    IteratorValue,
    Known,
    SequenceValue,
    Unknown,
    Value,
)
from flashc.syntax.walk import dotted, find_nodes
from flashc_core.source import Span

from .targets import bind


def comprehension(machine: Machine, node: cst.BaseComp, frame: Frame, span: Span) -> Value:
    """Return the container that a comprehension makes, or a generator expression's iterator.

    The first iterable belongs to the scope around it, everything else to the comprehension's own
    scope.
    """
    inner = Frame(
        syntax=frame.syntax,
        names={},
        enclosing=frame,
        qualname=frame.qualname,
        is_comprehension=True,
    )
    first = machine.evaluate(node.for_in.iter, frame)
    reason = disorder(first) if _has_no_effects(node, inner) else None
    results = _generate(machine, node, node.for_in, first, inner, reason is not None)
    if isinstance(node, cst.GeneratorExp):
        values = (value for _, value in results)
        return Known(IteratorValue(values, "generator", disorder=reason), span)
    try:
        if isinstance(node, cst.ListComp) and reason is not None:
            found = tuple(value for _, value in results)
            if len(found) > 1:
                return Known(DisorderedValue(found, reason), span)
            return Known(SequenceValue(list, list(found)), span)
        return _collect_results(machine, node, results, span)
    except IterationUnknown as problem:
        return sharing(problem.reason, first)


_READING = frozenset("str int float len repr bool tuple sorted".split())


def _has_no_effects(node: cst.BaseComp, frame: Frame) -> bool:
    """Return whether the order in which the elements are computed does not matter.

    That is so if the list or generator has one loop over one name, and calls only methods of the
    element and builtin functions.
    """
    if not isinstance(node, (cst.ListComp, cst.GeneratorExp)) or node.for_in.inner_for_in:
        return False
    target = node.for_in.target
    if not isinstance(target, cst.Name):
        return False
    found: list[cst.CSTNode] = []
    for part in (node.elt, *node.for_in.ifs):
        found += find_nodes(part, (cst.NamedExpr, cst.Await, cst.Yield, cst.Call))
    return all(
        isinstance(each, cst.Call) and _only_reads(each.func, target.value, frame) for each in found
    )


def _only_reads(callee: cst.BaseExpression, element: str, frame: Frame) -> bool:
    """Return whether a call is of a method of the element, or of a function without effects."""
    if isinstance(callee, cst.Name):
        return callee.value in _READING and frame.lookup(callee.value) is None
    root, _, rest = (dotted(callee) or "").partition(".")
    module = frame.lookup(root)
    if isinstance(module, Known) and isinstance(module.value, External):
        return has_no_side_effects(f"{module.value.name}.{rest}")
    while isinstance(callee, (cst.Attribute, cst.Call)):
        callee = callee.value if isinstance(callee, cst.Attribute) else callee.func
    return isinstance(callee, cst.Name) and callee.value == element


def _collect_results(
    machine: Machine, node: cst.BaseComp, results: Iterator[tuple[Value, Value]], span: Span
) -> Value:
    """Return the list, set or dict that a comprehension makes from its results."""
    if isinstance(node, cst.DictComp):
        mapping = DictValue()
        for key, value in results:
            problem = store(machine, mapping, key, value)
            if problem is not None:
                return problem
        return Known(mapping, span)
    items = [value for _, value in results]
    if isinstance(node, cst.SetComp):
        return make_set(set, items, span)
    return Known(SequenceValue(list, items), span)


def _generate(
    machine: Machine,
    node: cst.BaseComp,
    generator: cst.CompFor,
    source: Value,
    frame: Frame,
    unordered: bool,
) -> Iterator[tuple[Value, Value]]:
    """Yield the (key, value) pairs of a comprehension; a list or set yields (value, value).

    Raises:
        IterationUnknown: the next element is not known.
    """
    try:
        for item in iterate(machine, source, unordered=unordered or isinstance(node, cst.SetComp)):
            bind(machine, generator.target, item, frame)
            if not _meets_conditions(machine, generator, frame):
                continue
            if generator.inner_for_in is not None:
                inner = machine.evaluate(generator.inner_for_in.iter, frame)
                yield from _generate(machine, node, generator.inner_for_in, inner, frame, False)
            elif isinstance(node, cst.DictComp):
                key = machine.evaluate(node.key, frame)
                yield key, machine.evaluate(node.value, frame)
            elif isinstance(node, (cst.ListComp, cst.SetComp, cst.GeneratorExp)):
                value = machine.evaluate(node.elt, frame)
                yield value, value
    except IterationUnknown as problem:
        _evaluate_maybe(machine, node, generator, problem.reason, frame)
        raise


def _results_of(node: cst.BaseComp) -> tuple[cst.BaseExpression, ...]:
    """Return the expressions that a comprehension computes for each element."""
    if isinstance(node, cst.DictComp):
        return node.key, node.value
    return (node.elt,) if isinstance(node, (cst.ListComp, cst.SetComp, cst.GeneratorExp)) else ()


def _evaluate_maybe(
    machine: Machine, node: cst.BaseComp, generator: cst.CompFor, reason: Unknown, frame: Frame
) -> None:
    """Evaluate the rest of a comprehension for an unknown element: what it changes is unknown."""
    with machine.uncertain(reason):
        bind(machine, generator.target, reason, frame)
        parts = [condition.test for condition in generator.ifs]
        inner = generator.inner_for_in
        try:
            for part in parts:
                machine.evaluate(part, frame)
            if inner is not None:
                machine.evaluate(inner.iter, frame)
                _evaluate_maybe(machine, node, inner, reason, frame)
                return
            for value in _results_of(node):
                machine.evaluate(value, frame)
        except PythonError:
            machine.may_raise()


def _meets_conditions(machine: Machine, generator: cst.CompFor, frame: Frame) -> bool:
    """Return whether the `if` clauses of a comprehension hold for the current element."""
    for condition in generator.ifs:
        verdict = truth(machine, machine.evaluate(condition.test, frame))
        if isinstance(verdict, Unknown):
            raise IterationUnknown(verdict)
        if not verdict:
            return False
    return True
