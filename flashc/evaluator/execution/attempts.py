"""Carry out `try`: what Python surely raises is caught by the handler that Python would choose."""

from __future__ import annotations

import libcst as cst

from flashc.evaluator.failures import ExceptionValue, PythonError, catches
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import Flow, Frame
from flashc.evaluator.values import Known, SequenceValue, Unknown, Value

from .branches import joined, maybe


def attempt(machine: Machine, node: cst.Try, frame: Frame) -> Flow:
    """Carry out a `try` statement.

    Raises:
        PythonError: nothing in the statement catches it.
    """
    try:
        flow = _handled(machine, node, frame)
    except PythonError:
        if node.finalbody is not None:
            last = machine.execute(node.finalbody.body, frame)
            if last is not Flow.NEXT:
                return last
        raise
    if node.finalbody is not None:
        returned = frame.returned
        last = machine.execute(node.finalbody.body, frame)
        if last is not Flow.NEXT:
            return last
        frame.returned = returned
    return flow


def _handled(machine: Machine, node: cst.Try, frame: Frame) -> Flow:
    """Carry out the body, then its `else` or the handler of what the body raises."""
    before, count = dict(frame.names), machine.may_raise_count
    try:
        with machine.handled(len(node.handlers)):
            flow = machine.execute(node.body, frame)
    except PythonError as error:
        return _handle(machine, node, error, frame)
    if machine.may_raise_count > count and node.handlers:
        _perhaps_handle(machine, node, before, frame)
    if flow is Flow.NEXT and node.orelse is not None:
        flow = machine.execute(node.orelse.body, frame)
    return flow


def _perhaps_handle(
    machine: Machine, node: cst.Try, before: dict[str, Value], frame: Frame
) -> None:
    """Join the outcome with those of the handlers: at run time the body may raise at any statement."""
    reason = Unknown(
        reason="it is in a `try`, and what is tried may fail", origin=frame.syntax.span(node)
    )
    after = frame.names
    frame.names = joined([before, after], reason)
    for handler in node.handlers:
        maybe(machine, [handler.body], frame, reason)
    frame.names = joined([after, frame.names], reason)


def _handle(machine: Machine, node: cst.Try, error: PythonError, frame: Frame) -> Flow:
    for handler in node.handlers:
        verdict = _catches(machine, handler, error, frame)
        if verdict is None:
            reason = Unknown(
                reason="it is not known which handler runs", origin=frame.syntax.span(handler)
            )
            maybe(machine, [h.body for h in node.handlers], frame, reason)
            return Flow.NEXT
        if verdict:
            return _run(machine, handler, error, frame)
    raise error


def _catches(
    machine: Machine, handler: cst.ExceptHandler, error: PythonError, frame: Frame
) -> bool | None:
    if handler.type is None:
        return True
    return catches(machine.evaluate(handler.type, frame), error)


def _run(machine: Machine, handler: cst.ExceptHandler, error: PythonError, frame: Frame) -> Flow:
    name: str | None = None
    if handler.name is not None and isinstance(handler.name.name, cst.Name):
        name = handler.name.name.value
        frame.bind(name, _object(error))
    outer, frame.handling = frame.handling, error
    try:
        with machine.controlled(error.variables):
            return machine.execute(handler.body, frame)
    finally:
        frame.handling = outer
        if name is not None:
            frame.owner(name).names.pop(name, None)


def _object(error: PythonError) -> Value:
    """Return the exception that a handler sees.  Python's own texts differ between its versions."""
    if error.value is not None:
        return error.value
    if isinstance(error.kind, type) and error.kind is StopIteration:
        return Known(ExceptionValue(error.kind, SequenceValue(tuple, [])), error.span)
    return Unknown(reason="the text of an exception depends on the interpreter", origin=error.span)
