"""Carry out branches of which it is not known whether they run, and join what they leave behind."""

from __future__ import annotations

from collections.abc import Sequence

from flashc.evaluator.dialect import DialectObject
from flashc.evaluator.failures import PythonError
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import ClassValue, Flow, Frame, Suite
from flashc.evaluator.values import External, Known, ModuleRef, Unknown, Value


def maybe(
    machine: Machine, branches: Sequence[Suite | None], frame: Frame, reason: Unknown
) -> Flow:
    """Carry out each branch on a copy of the names; what differs afterwards is unknown.

    None is an empty branch.  A single branch may also not run at all.
    """
    before = dict(frame.names)
    outcomes: list[dict[str, Value]] = []
    ended = 0
    returned = frame.returned
    machine.may_raise()
    with machine.uncertain(reason):
        for branch in branches:
            frame.names = dict(before)
            try:
                if branch is not None and machine.execute(branch, frame) is not Flow.NEXT:
                    ended += 1
            except PythonError:
                pass  # the names keep what this branch had; a `try` knows by `may_raise`
            outcomes.append(frame.names)
    if len(branches) == 1:
        outcomes.append(before)
    frame.names = joined(outcomes, reason)
    if ended and frame.enclosing is not None:
        frame.returned = reason
        return Flow.RETURN
    frame.returned = returned
    return Flow.NEXT


def joined(outcomes: list[dict[str, Value]], reason: Unknown) -> dict[str, Value]:
    """Return the names after one of several branches, when it is not known which."""
    joined: dict[str, Value] = {}
    for name in dict.fromkeys(name for outcome in outcomes for name in outcome):
        values = [outcome.get(name) for outcome in outcomes]
        first = values[0]
        same = first is not None and all(_same(first, value) for value in values[1:])
        joined[name] = first if first is not None and same else _blurred(values, reason)
    return joined


def _same(left: Value, right: Value | None) -> bool:
    if left is right:
        return True
    if isinstance(left, Known) and isinstance(right, Known):
        scalars = (str, int, float, bytes, type(None))
        if isinstance(left.value, scalars) and type(left.value) is type(right.value):
            return left.value == right.value
        return left.value is right.value or (isinstance(left.value, External) and left == right)
    return False


def _blurred(values: list[Value | None], reason: Unknown) -> Value:
    """Return what a name is that differs between branches.

    A definition in one branch only is still that definition: its own check reports the condition.
    """
    present = [value for value in values if value is not None]
    if len(present) == 1 and isinstance(present[0], Known) and _is_definition(present[0].value):
        return present[0]
    return Unknown(reason=reason.reason, origin=reason.origin, variable=reason.variable)


def _is_definition(value: object) -> bool:
    if isinstance(value, DialectObject):
        return value.is_definition
    return isinstance(value, (ClassValue, External, ModuleRef))
