"""Evaluate comprehensions and generator expressions, element by element."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import Frame
from flashc.evaluator.operations.comparisons import truth
from flashc.evaluator.operations.containers import make_set, store
from flashc.evaluator.operations.iteration import IterationUnknown, iterate, lazy_iterator
from flashc.evaluator.values import DictValue, Known, SequenceValue, Unknown, Value
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
    results = _generate(machine, node, node.for_in, first, inner)
    if isinstance(node, cst.GeneratorExp):
        return lazy_iterator((value for _, value in results), "generator", span)
    try:
        return _collect_results(machine, node, results, span)
    except IterationUnknown as problem:
        return problem.reason


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
    machine: Machine, node: cst.BaseComp, generator: cst.CompFor, source: Value, frame: Frame
) -> Iterator[tuple[Value, Value]]:
    """Yield the (key, value) pairs of a comprehension; a list or set yields (value, value).

    Raises:
        IterationUnknown: the next element is not known.
    """
    for item in iterate(machine, source, unordered=isinstance(node, cst.SetComp)):
        bind(machine, generator.target, item, frame)
        if not _meets_conditions(machine, generator, frame):
            continue
        if generator.inner_for_in is not None:
            inner = machine.evaluate(generator.inner_for_in.iter, frame)
            yield from _generate(machine, node, generator.inner_for_in, inner, frame)
        elif isinstance(node, cst.DictComp):
            key = machine.evaluate(node.key, frame)
            yield key, machine.evaluate(node.value, frame)
        elif isinstance(node, (cst.ListComp, cst.SetComp, cst.GeneratorExp)):
            value = machine.evaluate(node.elt, frame)
            yield value, value


def _meets_conditions(machine: Machine, generator: cst.CompFor, frame: Frame) -> bool:
    """Return whether the `if` clauses of a comprehension hold for the current element."""
    for condition in generator.ifs:
        verdict = truth(machine, machine.evaluate(condition.test, frame))
        if isinstance(verdict, Unknown):
            raise IterationUnknown(verdict)
        if not verdict:
            return False
    return True
