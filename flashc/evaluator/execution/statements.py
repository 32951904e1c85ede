"""Execute statements: assignments, loops, `if`, `with`, `raise` and others; one function for each.

If it is not known whether a statement runs, `branches.execute_maybe` runs it on a copy of the
names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import libcst as cst

from flashc.evaluator.failures import PythonError, exception_of
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import Flow, Frame, Suite
from flashc.evaluator.operations.comparisons import truth
from flashc.evaluator.operations.in_place import in_place
from flashc.evaluator.values import (
    Known,
    Unknown,
    variables_of,
)
from flashc.syntax import walk

from . import symbols
from .attempts import execute_try
from .branches import execute_maybe, go_on
from .contexts import execute_with
from .definitions import define_class, define_function
from .imports import execute_import, execute_import_from
from .loops import execute_for, execute_while
from .matching import match
from .targets import Target, assign, delete


def execute(machine: Machine, body: Suite, frame: Frame) -> Flow:
    """Execute a suite, and return how it ended.

    Raises:
        PythonError: a statement is certain to raise.
        OutOfSteps: the module has used up its steps.
    """
    return _execute(machine, walk.statements(body), frame)


def _execute(machine: Machine, statements: Iterator[cst.CSTNode], frame: Frame) -> Flow:
    """Execute statements until one of them ends the suite; return how the suite ended."""
    for statement in statements:
        machine.step(statement, frame)
        flow = _EXECUTORS.get(type(statement), _ignore)(machine, statement, frame)
        if flow is not None and flow is not Flow.NEXT:
            return go_on(machine, flow, partial(_execute, machine, statements, frame), frame)
    return Flow.NEXT


def _ignore(machine: Machine, node: cst.CSTNode, frame: Frame) -> Flow:
    """Do nothing, as for `pass` and for statements without effect while a module is imported."""
    return Flow.NEXT


# Simple statements ------------------------------------------------------------------------------------


def _assign(machine: Machine, node: cst.Assign, frame: Frame) -> None:
    """Execute `a = b = value`."""
    value = machine.evaluate(node.value, frame)
    for target in node.targets:
        assign(machine, target.target, value, frame)


def _assign_annotated(machine: Machine, node: cst.AnnAssign, frame: Frame) -> None:
    """Execute `name: kind = value`; without a value, nothing happens."""
    if node.value is not None:
        assign(machine, node.target, machine.evaluate(node.value, frame), frame)


def _assign_augmented(machine: Machine, node: cst.AugAssign, frame: Frame) -> None:
    """Execute `target += value`, and other assignments with an operator."""
    target = Target.of(machine, node.target, frame)
    current = target.read()
    value = machine.evaluate(node.value, frame)
    symbol = symbols.AUGMENTED[type(node.operator)]
    target.store(in_place(machine, symbol, current, value, frame.syntax.span(node)))


def _expression(machine: Machine, node: cst.Expr, frame: Frame) -> None:
    """Evaluate an expression that is a statement."""
    machine.evaluate(node.value, frame)


def _return(machine: Machine, node: cst.Return, frame: Frame) -> Flow:
    """Execute `return`, and keep the returned value in the frame."""
    frame.returned = (
        Known(None, frame.syntax.span(node))
        if node.value is None
        else machine.evaluate(node.value, frame)
    )
    return Flow.RETURN


def _global(machine: Machine, node: cst.Global, frame: Frame) -> None:
    """Note the names of a `global` statement in the frame."""
    frame.global_names.update(item.name.value for item in node.names)


def _nonlocal(machine: Machine, node: cst.Nonlocal, frame: Frame) -> None:
    """Note the names of a `nonlocal` statement in the frame."""
    frame.nonlocal_names.update(item.name.value for item in node.names)


def _delete(machine: Machine, node: cst.Del, frame: Frame) -> None:
    """Execute `del target`."""
    delete(machine, node.target, frame)


def _assert(machine: Machine, node: cst.Assert, frame: Frame) -> None:
    """Execute `assert`; a test that is surely false raises AssertionError."""
    test = machine.evaluate(node.test, frame)
    verdict = truth(machine, test)
    if verdict is False:
        error = PythonError(AssertionError, "", frame.syntax.span(node))
        error.variables = machine.controlled_by | variables_of(test)
        raise error
    if isinstance(verdict, Unknown):
        machine.may_raise()


def _break(machine: Machine, node: cst.Break, frame: Frame) -> Flow:
    """Return that the suite ends by `break`."""
    return Flow.BREAK


def _continue(machine: Machine, node: cst.Continue, frame: Frame) -> Flow:
    """Return that the suite ends by `continue`."""
    return Flow.CONTINUE


def _raise(machine: Machine, node: cst.Raise, frame: Frame) -> None:
    """Raise the exception of a `raise` statement, or the handled one if it names none."""
    span = frame.syntax.span(node)
    if node.exc is not None:
        error = exception_of(machine.evaluate(node.exc, frame), span)
        error.variables = machine.controlled_by
        raise error
    scope: Frame | None = frame
    while scope is not None:
        if scope.handling is not None:
            raise scope.handling
        scope = scope.enclosing
    raise PythonError(RuntimeError, "No active exception to reraise", span)


# Compound statements ----------------------------------------------------------------------------------


def _if(machine: Machine, node: cst.If, frame: Frame) -> Flow:
    """Execute the branch that the test selects; if the test is not known, each branch may run."""
    test = machine.evaluate(node.test, frame)
    verdict = truth(machine, test)
    orelse = node.orelse
    other: Suite | None = None
    if orelse is not None:
        other = [orelse] if isinstance(orelse, cst.If) else orelse.body
    if isinstance(verdict, Unknown):
        return execute_maybe(machine, [node.body, other], frame, verdict)
    chosen = node.body if verdict else other
    if chosen is None:
        return Flow.NEXT
    with machine.controlled(variables_of(test)):
        return machine.execute(chosen, frame)


def _try_star(machine: Machine, node: cst.TryStar, frame: Frame) -> Flow:
    """Execute the body of a `try` with `except*` as code that may not run to its end."""
    span = frame.syntax.span(node)
    reason = Unknown(reason="flashc does not evaluate this statement", origin=span)
    return execute_maybe(machine, [node.body], frame, reason)


# If a function returns None, the next statement is executed.
_EXECUTORS: dict[type[cst.CSTNode], Callable[[Machine, Any, Frame], Flow | None]] = {
    cst.AnnAssign: _assign_annotated,
    cst.Assert: _assert,
    cst.Assign: _assign,
    cst.AugAssign: _assign_augmented,
    cst.Break: _break,
    cst.ClassDef: define_class,
    cst.Continue: _continue,
    cst.Del: _delete,
    cst.Expr: _expression,
    cst.For: execute_for,
    cst.FunctionDef: define_function,
    cst.Global: _global,
    cst.If: _if,
    cst.Import: execute_import,
    cst.ImportFrom: execute_import_from,
    cst.Match: match,
    cst.Nonlocal: _nonlocal,
    cst.Raise: _raise,
    cst.Return: _return,
    cst.Try: execute_try,
    cst.TryStar: _try_star,
    cst.While: execute_while,
    cst.With: execute_with,
}
