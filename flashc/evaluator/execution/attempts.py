"""Execute `try` statements: select the handler that Python would run."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import libcst as cst

from flashc.evaluator.failures import ExceptionValue, PythonError, catches
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import Flow, Frame
from flashc.evaluator.values import Known, SequenceValue, Unknown, Value
from flashc.syntax import walk

from .branches import Outcome, execute_maybe, go_on, joined, joined_names

_LEAVING: tuple[type[cst.Return | cst.Break | cst.Continue], ...] = (
    cst.Return,
    cst.Break,
    cst.Continue,
)
_EXITS = frozenset({"exit", "quit", "sys.exit", "os._exit"})


def execute_try(machine: Machine, node: cst.Try, frame: Frame) -> Flow:
    """Execute a `try` statement.

    Raises:
        PythonError: the exception is not caught in the statement.
    """
    try:
        flow = _execute_without_finally(machine, node, frame)
    except PythonError:
        if node.finalbody is not None:
            last = machine.execute(node.finalbody.body, frame)
            if last is not Flow.NEXT:
                if last.may_go_on:
                    machine.may_raise()
                return last & ~Flow.NEXT
        raise
    if node.finalbody is None:
        return flow
    returned, reason = frame.returned, frame.doubt
    last = machine.execute(node.finalbody.body, frame)
    if not last.may_go_on:
        return last
    tried = Outcome(flow=flow, names=frame.names, returned=returned)
    if last is Flow.NEXT:
        frame.returned, frame.doubt = returned, reason
        return flow
    assert frame.doubt is not None
    left = Outcome.now(last ^ Flow.NEXT, frame)
    return joined([left, tried], frame, frame.doubt)


def _execute_without_finally(machine: Machine, node: cst.Try, frame: Frame) -> Flow:
    """Execute the body, then its `else` or the handler of the exception that the body raises."""
    before, count = dict(frame.names), machine.may_raise_count
    span = frame.syntax.span(node)
    reason = Unknown(reason="it is in a `try`, and what is tried may fail", origin=span)
    try:
        with _handled(machine, node, reason):
            flow = machine.execute(node.body, frame)
    except PythonError as error:
        if machine.may_raise_count == count or not node.handlers:
            return _run_catching_handler(machine, node, error, frame)
        # Earlier code may have raised another exception, which selects another handler.
        names = joined_names([before, frame.names], reason)
        outcomes = _handle_maybe(machine, node, names, frame, reason)
        if not outcomes:
            raise
        return joined(outcomes, frame, reason)

    def execute_else() -> Flow:
        """Execute the `else` block."""
        return Flow.NEXT if node.orelse is None else machine.execute(node.orelse.body, frame)

    if machine.may_raise_count == count or not node.handlers:
        return go_on(machine, flow, execute_else, frame)
    tried = Outcome.now(flow, frame)
    names = joined_names([before, tried.names], reason)
    outcomes = _handle_maybe(machine, node, names, frame, reason)
    frame.names, frame.returned = tried.names, tried.returned
    try:
        # Without a handler after which the program goes on, it does so only after the `else`.
        with machine.uncertain(reason) if outcomes else nullcontext():
            flow = go_on(machine, flow, execute_else, frame)
    except PythonError:
        if not outcomes:
            raise
        machine.may_raise()
        return joined(outcomes, frame, reason)
    if not outcomes:
        return flow
    last = Outcome.now(flow, frame)
    return joined([last, *outcomes], frame, reason)


def _handled(machine: Machine, node: cst.Try, reason: Unknown) -> AbstractContextManager[None]:
    """Return the context in which the body of a statement is executed."""
    if not node.handlers:
        return nullcontext()
    raises = all(_surely_raises(handler) for handler in node.handlers)
    swallows = node.finalbody is not None and _may_leave(node.finalbody)
    return machine.handled(None if raises and not swallows else reason)


def _surely_raises(handler: cst.ExceptHandler) -> bool:
    """Return whether a handler ends by `raise` or by a call that ends the program, and in no other way."""
    if _may_leave(handler):
        return False
    *_, last = walk.statements(handler.body)
    if isinstance(last, cst.Expr) and isinstance(last.value, cst.Call):
        return walk.dotted(last.value.func) in _EXITS
    return isinstance(last, cst.Raise)


def _may_leave(node: cst.CSTNode) -> bool:
    """Return whether the program may leave a block by `return`, `break` or `continue`; an exception is dropped then."""
    return next(walk.find_nodes(node, _LEAVING), None) is not None


def _handle_maybe(
    machine: Machine, node: cst.Try, names: dict[str, Value], frame: Frame, reason: Unknown
) -> list[Outcome]:
    """Return the outcomes of all handlers, each of which may run: the body may raise at run time.

    A handler that raises has no outcome: the program does not reach the code after the statement.
    """
    outcomes: list[Outcome] = []
    for handler in node.handlers:
        frame.names = dict(names)
        try:
            with machine.uncertain(reason):
                flow = machine.execute(handler.body, frame)
        except PythonError:
            machine.may_raise()
            continue
        outcomes.append(Outcome.now(flow, frame))
    return outcomes


def _run_catching_handler(
    machine: Machine, node: cst.Try, error: PythonError, frame: Frame
) -> Flow:
    """Run the handler that catches `error`; raise `error` if there is no such handler."""
    for handler in node.handlers:
        verdict = _catches(machine, handler, error, frame)
        if verdict is None:
            reason = Unknown(
                reason="it is not known which handler runs", origin=frame.syntax.span(handler)
            )
            return execute_maybe(machine, [h.body for h in node.handlers], frame, reason)
        if verdict:
            return _run_handler(machine, handler, error, frame)
    raise error


def _catches(
    machine: Machine, handler: cst.ExceptHandler, error: PythonError, frame: Frame
) -> bool | None:
    """Return whether a handler catches `error`; None if that is not known."""
    if handler.type is None:
        return True
    return catches(machine.evaluate(handler.type, frame), error)


def _run_handler(
    machine: Machine, handler: cst.ExceptHandler, error: PythonError, frame: Frame
) -> Flow:
    """Execute the body of a handler, with the exception under the handler's name."""
    name: str | None = None
    if handler.name is not None and isinstance(handler.name.name, cst.Name):
        name = handler.name.name.value
        frame.bind(name, _exception_object(error))
    outer, frame.handling = frame.handling, error
    try:
        with machine.controlled(error.variables):
            return machine.execute(handler.body, frame)
    finally:
        frame.handling = outer
        if name is not None:
            frame.owner(name).names.pop(name, None)


def _exception_object(error: PythonError) -> Value:
    """Return the exception object that a handler gets.

    Except for StopIteration, Python's own exceptions are unknown, because their texts differ between versions.
    """
    if error.value is not None:
        return error.value
    if isinstance(error.kind, type) and error.kind is StopIteration:
        return Known(ExceptionValue(error.kind, SequenceValue(tuple, [])), error.span)
    return Unknown(reason="the text of an exception depends on the interpreter", origin=error.span)
