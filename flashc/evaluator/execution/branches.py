"""Execute code that may or may not run, and join the values of names afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import libcst as cst

from flashc.evaluator.dialect import DialectObject
from flashc.evaluator.escape import sharing
from flashc.evaluator.failures import PythonError
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import ClassValue, Flow, Frame, Suite
from flashc.evaluator.values import External, Known, ModuleRef, Unknown, Value
from flashc.syntax import walk


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
    branches: Sequence[Callable[[], Flow] | None],
    frame: Frame,
    reason: Unknown,
) -> Flow:
    """Execute branches as `execute_maybe` does; each branch is a function that returns its flow."""
    before = dict(frame.names)
    outcomes: list[dict[str, Value]] = []
    flows: set[Flow] = set()
    returned = frame.returned
    results: list[Value | None] = [returned]
    machine.may_raise()
    with machine.uncertain(reason):
        for branch in branches:
            frame.names = dict(before)
            try:
                if branch is not None:
                    flows.add(branch())
            except PythonError:
                pass  # keep the names of this branch; `may_raise` above tells an enclosing `try`
            outcomes.append(frame.names)
            results.append(frame.returned)
    if len(branches) == 1:
        outcomes.append(before)
    frame.names = joined_names(outcomes, reason)
    flows.discard(Flow.NEXT)
    if flows and frame.enclosing is not None:
        frame.returned = sharing(reason, *results)
        return Flow.RETURN
    frame.returned = returned
    if not flows:
        return Flow.NEXT
    frame.doubt = reason
    breaks = Flow.BREAK in flows or Flow.MAYBE_BREAK in flows
    return Flow.MAYBE_BREAK if breaks else Flow.MAYBE_CONTINUE


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
        values = [outcome.get(name) for outcome in outcomes]
        first = values[0]
        same = first is not None and all(_same(first, value) for value in values[1:])
        names[name] = first if first is not None and same else _joined_value(values, reason)
    return names


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


def _joined_value(values: list[Value | None], reason: Unknown) -> Value:
    """Return the value of a name after branches that leave different values.

    The name of a class or module that only one branch defines stays known; another check reports that its
    definition depends on a condition.
    """
    present = [value for value in values if value is not None]
    if len(present) == 1 and isinstance(present[0], Known) and _is_definition(present[0].value):
        return present[0]
    return sharing(_unknown(reason), *present)


def _unknown(reason: Unknown) -> Unknown:
    """Return a new unknown value with the same reason."""
    return Unknown(reason=reason.reason, origin=reason.origin, variable=reason.variable)


def _is_definition(value: object) -> bool:
    """Return whether a value is a class, a module or an object of an SDK that acts as one."""
    if isinstance(value, DialectObject):
        return value.is_definition
    return isinstance(value, (ClassValue, External, ModuleRef))
