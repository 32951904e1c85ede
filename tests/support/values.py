"""Values of the evaluator for tests that need no source text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flashc.evaluator.interpreter import Interpreter
from flashc.evaluator.objects import Argument, CallArguments
from flashc.evaluator.operations.apply import resolve_symbolic
from flashc.evaluator.values import (
    BoundMethod,
    DictValue,
    External,
    Known,
    SequenceValue,
    Symbolic,
    Unknown,
    Value,
    concrete,
    lift,
)
from flashc.project.project import Project
from flashc_core.source import Span
from flashc_ir.resources import EnvironmentReference

SPAN = Span("m.py", 1, 1, 1, 2)
UNKNOWN = Unknown(reason="nobody knows", origin=SPAN)
VARIABLE = Symbolic((EnvironmentReference("KEY"),), SPAN)


def machine(environment: dict[str, str] | None = None) -> Interpreter:
    """Return a machine for a project without files."""
    project = Project(
        root=Path("/nowhere"), files=(), modules={}, packages=frozenset(), exclusions=()
    )
    return Interpreter(project=project, load=lambda name: None, environment=environment or {})


def value(plain: object) -> Value:
    """Return a Python object as a value; values in lists and dicts stay what they are."""
    match plain:
        case Known() | Symbolic() | Unknown():
            return plain
        case list() | tuple():
            items: list[Any] | tuple[Any, ...] = plain
            return Known(SequenceValue(type(items), [value(item) for item in items]), SPAN)
        case dict():
            entries: dict[Any, Any] = plain
            return Known(
                DictValue({k: (value(k), value(item)) for k, item in entries.items()}), SPAN
            )
        case _:
            return lift(plain, SPAN)


def python(computed: Value) -> object:
    """Return the Python object that a known value is; its sets may be in any order."""
    return concrete(computed, unordered=True)


def arguments(*positional: object, **keywords: object) -> CallArguments:
    """Return the arguments of a call in the module `m`."""
    return CallArguments(
        positional=[Argument(value(each), SPAN) for each in positional],
        keywords={name: Argument(value(each), SPAN) for name, each in keywords.items()},
        span=SPAN,
        text=SPAN,
        module="m",
    )


def external(name: str) -> Known:
    """Return something outside the project: `builtins.len`, `math.sqrt`."""
    return Known(External(name), SPAN)


def call(name: str, *positional: object, **keywords: object) -> Value:
    """Return what a function outside the project returns."""
    return machine().call(external(name), arguments(*positional, **keywords))


def call_method(receiver: object, name: str, *positional: object, **keywords: object) -> Value:
    """Return what a method of a value returns."""
    bound = Known(BoundMethod(value(receiver), name), SPAN)
    return machine().call(bound, arguments(*positional, **keywords))


def read(machine: Interpreter, value: Value) -> Value:
    """Return a value in which variables, also those inside, are replaced by their texts."""
    value = resolve_symbolic(machine, value)
    inside = value.value if isinstance(value, Known) else None
    if isinstance(inside, SequenceValue):
        inside.items = [read(machine, item) for item in inside.items]
    if isinstance(inside, DictValue):
        inside.entries = {k: (shown, read(machine, v)) for k, (shown, v) in inside.entries.items()}
    return value


def reason(found: object) -> str:
    """Return why a value is unknown."""
    assert isinstance(found, Unknown), found
    return found.reason
