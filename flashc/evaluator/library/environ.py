"""Evaluate reads and changes of environment variables, by `os.getenv` and methods of `os.environ`."""

from __future__ import annotations

from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.operations import containers
from flashc.evaluator.operations.apply import resolve_symbolic
from flashc.evaluator.values import DictValue, Known, Symbolic, Unknown, Value
from flashc_ir.resources import EnvironmentReference


def getenv(machine: Machine, name: str, arguments: CallArguments) -> Value:
    """Evaluate `os.getenv("K", default)`: a reference to the variable, or what the program set."""
    values = [*arguments.values, *(a.value for a in arguments.keywords.values())]
    key = resolve_symbolic(machine, values[0]) if values else None
    assigned = (
        machine.assigned_variable(key.value)
        if isinstance(key, Known) and isinstance(key.value, str)
        else None
    )
    if assigned is not None:
        return assigned
    if not isinstance(key, Known) or not isinstance(key.value, str):
        return (
            key
            if isinstance(key, Unknown)
            else Unknown(reason="the variable is not known", origin=arguments.span)
        )
    if len(values) == 1 or (isinstance(values[1], Known) and values[1].value is None):
        return Symbolic(
            (EnvironmentReference(key.value),),
            arguments.span,
            optional=True,
            computed=key.variables,
        )
    default = resolve_symbolic(machine, values[1])
    if isinstance(default, Known) and isinstance(default.value, str):
        return Symbolic(
            (EnvironmentReference(key.value, default.value),),
            arguments.span,
            computed=key.variables | default.variables,
        )
    if isinstance(default, Known) and key.value not in machine.environment:
        machine.note_guess()
        return default
    if isinstance(default, Known):
        return Symbolic((EnvironmentReference(key.value),), arguments.span, computed=key.variables)
    return default


def update_environ(machine: Machine, name: str, arguments: CallArguments) -> Value:
    """Execute `os.environ.update(...)`."""
    given = DictValue()
    for value in arguments.values:
        problem = containers.merge(machine, given, value)
        if problem is not None:
            machine.forget_variables(problem)
            return problem
    for keyword, argument in arguments.keywords.items():
        containers.put_entry(given, keyword, (Known(keyword, argument.span), argument.value))
    for key, (_, value) in given.entries.items():
        if isinstance(key, str):
            machine.assign_variable(key, value)
    return Known(None, arguments.span)


def set_default_of_environ(machine: Machine, name: str, arguments: CallArguments) -> Value:
    """Execute `os.environ.setdefault("K", "default")`.

    The result is a reference to the variable with that default.
    """
    values, span = arguments.values, arguments.span
    if len(values) != 2 or arguments.keywords:
        return forget_environ(machine, name, arguments)
    key, default = (resolve_symbolic(machine, value) for value in values)
    if not isinstance(key, Known) or not isinstance(key.value, str):
        return forget_environ(machine, name, arguments)
    assigned = machine.assigned_variable(key.value)
    if assigned is not None:
        return assigned
    if not isinstance(default, Known) or not isinstance(default.value, str):
        return forget_environ(machine, name, arguments)
    computed = key.variables | default.variables
    found = Symbolic((EnvironmentReference(key.value, default.value),), span, computed=computed)
    machine.assign_variable(key.value, found)
    return found


def forget_environ(machine: Machine, name: str, arguments: CallArguments) -> Value:
    """Execute `os.environ.pop("K")` or another change that flashc does not evaluate."""
    reason = Unknown(reason="flashc does not evaluate this change", origin=arguments.span)
    machine.forget_variables(reason)
    return reason
