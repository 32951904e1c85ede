"""Execute code that may or may not run, and join the values of names afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import libcst as cst
from msgspec import Struct

from flashc.evaluator.dialect import DialectObject
from flashc.evaluator.escape import sharing
from flashc.evaluator.failures import PythonError
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import ClassValue, Flow, Frame, Suite
from flashc.evaluator.values import External, Known, ModuleRef, Unknown, Value
from flashc.syntax import walk

Branch = Callable[[], Flow]


class Outcome(Struct, frozen=True, kw_only=True):
    """How a suite ended, and the names and the returned value after it."""

    flow: Flow
    names: dict[str, Value]
    returned: Value | None = None

    @staticmethod
    def now(flow: Flow, frame: Frame) -> Outcome:
        """Return what a frame has now, as the outcome of a suite that ended in the ways `flow`."""
        return Outcome(flow=flow, names=frame.names, returned=frame.returned)

    @staticmethod
    def of(branch: Branch | None, frame: Frame) -> Outcome:
        """Execute a branch that may not run; None stands for an empty one."""
        try:
            flow = Flow.NEXT if branch is None else branch()
        except PythonError:
            flow = Flow(0)  # `may_raise` of the machine tells an enclosing `try`
        return Outcome.now(flow, frame)


def joined(outcomes: Sequence[Outcome], frame: Frame, reason: Unknown) -> Flow:
    """Give the frame what any of the outcomes may have left; return all ways in which the program goes on.

    If all of them raise, the program is taken to go on, so that later mistakes are found too.
    """
    flow = Flow(0)
    for outcome in outcomes:
        flow |= outcome.flow
    frame.names = joined_names([outcome.names for outcome in outcomes], reason)
    values = [outcome.returned for outcome in outcomes if Flow.RETURN in outcome.flow]
    frame.returned = joined_value(values, reason) if values else None
    if flow not in (Flow.NEXT, Flow(0)):
        frame.doubt = reason
    return flow or Flow.NEXT


def execute_maybe(
    machine: Machine, suites: Sequence[Suite | None], frame: Frame, reason: Unknown
) -> Flow:
    """Execute each suite on a copy of the names; a name that differs afterwards becomes unknown.

    None stands for an empty branch.  If there is only one branch, it may also not run.
    """
    branches = [None if s is None else partial(machine.execute, s, frame) for s in suites]
    return execute_branches(machine, branches, frame, reason)


def execute_branches(
    machine: Machine,
    branches: Sequence[Branch | None],
    frame: Frame,
    reason: Unknown,
) -> Flow:
    """Execute branches as `execute_maybe` does; each branch is a function that returns its flow."""
    before = dict(frame.names)
    outcomes: list[Outcome] = []
    machine.may_raise()
    with machine.uncertain(reason):
        for branch in branches:
            frame.names = dict(before)
            outcomes.append(Outcome.of(branch, frame))
    if len(branches) == 1:
        outcomes.append(Outcome(flow=Flow.NEXT, names=before))
    return joined(outcomes, frame, reason)


def go_on(machine: Machine, flow: Flow, rest: Branch, frame: Frame) -> Flow:
    """Execute what follows a suite that ended in the ways `flow`; return how both together ended.

    Raises:
        PythonError: the rest surely runs, and raises.
    """
    if flow is Flow.NEXT:
        return rest()
    if not flow.may_go_on:
        return flow
    assert frame.doubt is not None
    reason = frame.doubt
    left = Outcome(flow=flow ^ Flow.NEXT, names=dict(frame.names), returned=frame.returned)
    machine.may_raise()
    with machine.uncertain(reason):
        last = Outcome.of(rest, frame)
    return joined([left, last], frame, reason)


def evaluate_maybe(
    machine: Machine, node: cst.BaseExpression, frame: Frame, reason: Unknown
) -> Value | None:
    """Evaluate an expression that may or may not run; return its value, None if it raises."""
    found: list[Value] = []

    def branch() -> Flow:
        """Evaluate the expression."""
        found.append(machine.evaluate(node, frame))
        return Flow.NEXT

    execute_branches(machine, [branch], frame, reason)
    return found[0] if found else None


def execute_loop_maybe(
    machine: Machine, body: cst.BaseSuite, frame: Frame, reason: Unknown
) -> Flow:
    """Execute the body of a loop whose number of iterations is not known; return how it ended.

    The body is executed once to find what it changes.  If it changes names, another iteration may
    compute other values from them, so every name that the body assigns is unknown, except the names of classes and
    modules.
    """
    before = dict(frame.names)
    flow = execute_maybe(machine, [body], frame, reason)
    assigned = [name for name in walk.bound_names(body) if name in frame.names]
    if any(frame.names[name] is not before.get(name) for name in assigned):
        for name in assigned:
            value = frame.names[name]
            if isinstance(value, Known) and not _is_definition(value.value):
                frame.names[name] = sharing(_unknown(reason), value, before.get(name))
    return flow


def joined_names(outcomes: list[dict[str, Value]], reason: Unknown) -> dict[str, Value]:
    """Return the names after one of several branches, if it is not known which branch ran."""
    names: dict[str, Value] = {}
    for name in dict.fromkeys(name for outcome in outcomes for name in outcome):
        names[name] = joined_value([outcome.get(name) for outcome in outcomes], reason)
    return names


def joined_value(values: Sequence[Value | None], reason: Unknown) -> Value:
    """Return the value after one of several branches; None stands for a branch that leaves no value.

    The name of a class or module that only one branch defines stays known; another check reports
    that its definition depends on a condition.
    """
    first = values[0]
    if first is not None and all(_same(first, value) for value in values[1:]):
        return first
    present = [value for value in values if value is not None]
    if len(present) == 1 and isinstance(present[0], Known) and _is_definition(present[0].value):
        return present[0]
    return sharing(_unknown(reason), *present)


def _same(left: Value, right: Value | None) -> bool:
    """Return whether two branches surely leave the same value."""
    if left is right:
        return True
    if isinstance(left, Known) and isinstance(right, Known):
        scalars = (str, int, float, bytes, type(None))
        if isinstance(left.value, scalars) and type(left.value) is type(right.value):
            return left.value == right.value
        return left.value is right.value or (isinstance(left.value, External) and left == right)
    return False


def _unknown(reason: Unknown) -> Unknown:
    """Return a new unknown value with the same reason."""
    return Unknown(reason=reason.reason, origin=reason.origin, variable=reason.variable)


def _is_definition(value: object) -> bool:
    """Return whether a value is a class, a module or an object of an SDK that acts as one."""
    if isinstance(value, DialectObject):
        return value.is_definition
    return isinstance(value, (ClassValue, External, ModuleRef))
