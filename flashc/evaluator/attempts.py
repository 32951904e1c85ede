"""`try`: what Python surely raises is caught by the handler that Python would choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from . import expressions, statements
from .failures import ExceptionValue, PythonError, catches
from .objects import Flow, Frame
from .values import Known, ListValue, Unknown, Value

if TYPE_CHECKING:
    from .machine import Machine


def attempt(machine: Machine, node: cst.Try, frame: Frame) -> Flow:
    """Carry out a `try` statement."""
    try:
        flow = _handled(machine, node, frame)
    except PythonError:
        if node.finalbody is not None:
            last = statements.execute(machine, node.finalbody.body, frame)
            if last is not Flow.NEXT:
                return last
        raise
    if node.finalbody is not None:
        returned = frame.returned
        last = statements.execute(machine, node.finalbody.body, frame)
        if last is not Flow.NEXT:
            return last
        frame.returned = returned
    return flow


def _handled(machine: Machine, node: cst.Try, frame: Frame) -> Flow:
    """The body, then its `else` or the handler of what the body raises."""
    before, doubts = dict(frame.names), machine.doubts
    try:
        flow = _guarded(machine, node, frame)
    except PythonError as error:
        return _handle(machine, node, error, frame)
    if machine.doubts > doubts and node.handlers:
        _perhaps_handle(machine, node, before, frame)
    if flow is Flow.NEXT and node.orelse is not None:
        flow = statements.execute(machine, node.orelse.body, frame)
    return flow


def _perhaps_handle(
    machine: Machine, node: cst.Try, before: dict[str, Value], frame: Frame
) -> None:
    """The body came to its end here, but elsewhere it may raise anywhere on the way."""
    reason = Unknown(
        reason="it stands under `try`, and what is tried may fail", origin=frame.syntax.span(node)
    )
    after = frame.names
    frame.names = statements.joined([before, after], reason)
    for handler in node.handlers:
        statements.maybe(machine, [handler.body], frame, reason)
    frame.names = statements.joined([after, frame.names], reason)


def _guarded(machine: Machine, node: cst.Try, frame: Frame) -> Flow:
    machine.guards += bool(node.handlers)
    try:
        return statements.execute(machine, node.body, frame)
    finally:
        machine.guards -= bool(node.handlers)


def _handle(machine: Machine, node: cst.Try, error: PythonError, frame: Frame) -> Flow:
    for handler in node.handlers:
        verdict = _catches(machine, handler, error, frame)
        if verdict is None:
            reason = Unknown(
                reason="it is not known which handler runs", origin=frame.syntax.span(handler)
            )
            statements.maybe(machine, [h.body for h in node.handlers], frame, reason)
            return Flow.NEXT
        if verdict:
            return _run(machine, handler, error, frame)
    raise error


def _catches(
    machine: Machine, handler: cst.ExceptHandler, error: PythonError, frame: Frame
) -> bool | None:
    if handler.type is None:
        return True
    return catches(expressions.evaluate(machine, handler.type, frame), error)


def _run(machine: Machine, handler: cst.ExceptHandler, error: PythonError, frame: Frame) -> Flow:
    name: str | None = None
    if handler.name is not None and isinstance(handler.name.name, cst.Name):
        name = handler.name.name.value
        frame.bind(name, _object(error))
    outer, frame.handling = frame.handling, error
    controlled = machine.controlled_by
    machine.controlled_by = controlled | error.variables
    try:
        return statements.execute(machine, handler.body, frame)
    finally:
        frame.handling = outer
        machine.controlled_by = controlled
        if name is not None:
            frame.owner(name).names.pop(name, None)


def _object(error: PythonError) -> Value:
    """The exception that a handler sees.  Python's own texts differ between its versions."""
    if error.value is not None:
        return error.value
    if isinstance(error.kind, type) and error.kind is StopIteration:
        return Known(ExceptionValue(error.kind, ListValue(tuple, [])), error.span)
    return Unknown(reason="the text of an exception depends on the interpreter", origin=error.span)
