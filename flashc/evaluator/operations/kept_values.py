"""Note which values an object keeps that flashc does not evaluate."""

from __future__ import annotations

from flashc.evaluator.escape import escape_value, remaining
from flashc.evaluator.machine import Machine
from flashc.evaluator.values import External, Known, ModuleRef, Unknown, Value


def keep_somewhere(machine: Machine, receiver: Value, value: Value) -> None:
    """Note that an object that flashc does not know may keep a value, and change it later."""
    if isinstance(receiver, Known) and not isinstance(receiver.value, (External, ModuleRef)):
        return
    text = "the value is kept by an object that flashc does not evaluate"
    reason = Unknown(reason=text, origin=value.origin)
    with machine.uncertain(reason):
        escape_value(receiver, reason, remaining)
        escape_value(value, reason, remaining)
