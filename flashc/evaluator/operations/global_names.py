"""Bind and delete the names of modules, as `globals()` and `global` do."""

from __future__ import annotations

from flashc.evaluator.dialect import DialectObject
from flashc.evaluator.escape import sharing
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import ClassValue, Frame, FunctionValue
from flashc.evaluator.values import Known, Value


def bind_global(machine: Machine, frame: Frame, name: str, value: Value) -> None:
    """Bind a name in another scope than that of the executed code.

    Branches do not join the names of other scopes.  So in a branch that may not run, the name is
    unknown, unless the value is a definition, which carries the condition itself.
    """
    condition = machine.doubt
    if condition is not None and not _is_definition(value):
        value = sharing(condition, frame.owner(name).names.get(name), value)
    frame.bind(name, value)


def _is_definition(value: Value) -> bool:
    """Return whether a value is a class, a function or an object of an SDK that acts as one."""
    if not isinstance(value, Known):
        return False
    if isinstance(value.value, DialectObject):
        return value.value.is_definition
    return isinstance(value.value, (ClassValue, FunctionValue))


def delete_global(machine: Machine, frame: Frame, key: Value) -> None:
    """Execute `del globals()[key]`."""
    name = key.value if isinstance(key, Known) else None
    if not isinstance(name, str) or name not in frame.names:
        machine.may_raise()
    elif machine.doubt is not None:
        frame.names[name] = machine.doubt
    else:
        del frame.names[name]
