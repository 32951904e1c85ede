"""Execute `with` statements: the methods of context managers, which may suppress the exceptions of the body."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import libcst as cst

from flashc.evaluator.failures import PythonError, catches
from flashc.evaluator.library_values import FileValue
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import Flow, Frame, FunctionValue, SuppressValue
from flashc.evaluator.operations.comparisons import truth
from flashc.evaluator.operations.special_methods import call_special, special_method
from flashc.evaluator.values import Known, Unknown, Value
from flashc.syntax import walk
from flashc_core.source import Span

from .branches import Outcome, joined, joined_names
from .targets import assign

# Leaves a context manager after the exception that the body raises, None if it raises none.  Returns whether
# that exception is suppressed, None if that is not known.
_Leave = Callable[[PythonError | None], bool | None]


def execute_with(machine: Machine, node: cst.With, frame: Frame) -> Flow:
    """Execute a `with` statement.

    Raises:
        PythonError: the body, or a method of a context manager, is certain to raise.
    """
    run = partial(machine.execute, node.body, frame)
    for item in reversed(node.items):
        run = partial(_execute_item, machine, item, run, frame)
    return run()


def _execute_item(
    machine: Machine, item: cst.WithItem, body: Callable[[], Flow], frame: Frame
) -> Flow:
    """Execute the rest of a `with` statement, `body`, in one of its context managers."""
    span = frame.syntax.span(item)
    before = dict(frame.names)
    value = machine.evaluate(item.item, frame)
    manager = value.value if isinstance(value, Known) else None
    entered = call_special(machine, value, "__enter__", [], span)
    is_own = entered is not None and special_method(value, "__exit__") is not None
    if not is_own and not isinstance(manager, SuppressValue):
        machine.may_raise()
    if item.asname is not None:
        kept: Value = Unknown(reason="it is a context manager's value", origin=span)
        if isinstance(manager, FileValue) or isinstance(value, Unknown):
            kept = value
        assign(machine, item.asname.name, kept if entered is None else entered, frame)
    if isinstance(manager, SuppressValue):
        return _suppressing(machine, body, partial(_catches, manager.kinds), span, frame)
    if is_own:
        return _in_own_manager(machine, value, body, span, frame)
    try:
        return body()
    except PythonError:
        # The context manager may suppress the exception.
        machine.may_raise()
        reason = Unknown(reason="the body of `with` raises", origin=span)
        frame.names = joined_names([before, frame.names], reason)
        return Flow.NEXT


def _catches(kinds: Value, error: PythonError | None) -> bool | None:
    """Return whether `contextlib.suppress` of these kinds suppresses an exception; None if that is not known."""
    return error is not None and catches(kinds, error)


def _in_own_manager(
    machine: Machine, manager: Value, body: Callable[[], Flow], span: Span, frame: Frame
) -> Flow:
    """Execute a body in a context manager whose `__exit__` is a method of the project."""
    count = machine.may_raise_count

    def leave(error: PythonError | None) -> bool | None:
        """Call `__exit__`, and return whether its result suppresses the exception."""
        given: Value = Known(None, span)
        if error is not None or machine.may_raise_count > count:
            given = Unknown(reason="it is not known what the body of `with` raises", origin=span)
        result = call_special(machine, manager, "__exit__", [given] * 3, span)
        verdict = None if result is None else truth(machine, result)
        return verdict if isinstance(verdict, bool) else None

    if _may_suppress(special_method(manager, "__exit__")):
        return _suppressing(machine, body, leave, span, frame)
    try:
        flow = body()
    except PythonError as error:
        leave(error)
        raise
    leave(None)
    return flow


def _may_suppress(method: Value | None) -> bool:
    """Return whether an `__exit__` may return a value that counts as true."""
    function = method.value if isinstance(method, Known) else None
    if not isinstance(function, FunctionValue):
        return True
    returns = walk.find_nodes(function.node.body, cst.Return)
    values = [each.value for each in returns if each.value is not None]
    return not all(
        isinstance(value, cst.Name) and value.value in ("None", "False") for value in values
    )


def _suppressing(
    machine: Machine,
    body: Callable[[], Flow],
    leave: _Leave,
    span: Span,
    frame: Frame,
) -> Flow:
    """Execute a body in a context manager that may suppress exceptions.

    Raises:
        PythonError: the body raises one that is not suppressed.
    """
    before, count = dict(frame.names), machine.may_raise_count
    reason = Unknown(reason="what is tried may fail", origin=span)
    try:
        with machine.handled(reason):
            flow = body()
    except PythonError as error:
        is_certain = machine.may_raise_count == count
        verdict = leave(error)
        if is_certain:
            if verdict is False:
                raise
            if verdict is True:
                return Flow.NEXT
        machine.may_raise()
        frame.names = joined_names([before, frame.names], reason)
        return Flow.NEXT
    is_certain = machine.may_raise_count == count
    leave(None)
    if is_certain:
        return flow
    tried = Outcome.now(flow, frame)
    return joined([tried, Outcome(flow=Flow.NEXT, names=before)], frame, reason)
