"""Evaluate `inspect.signature(...)` of functions of the program and of classes of an SDK."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from flashc.evaluator.dialect import DialectObject
from flashc.evaluator.library_values import AttributesValue
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments, FunctionValue
from flashc.evaluator.values import DictValue, Known, Value
from flashc_core.source import Span

_KINDS = (
    *("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD", "VAR_POSITIONAL", "KEYWORD_ONLY", "VAR_KEYWORD"),
)
CONSTANTS: dict[str, object] = {
    f"inspect.Parameter.{kind}": getattr(inspect.Parameter, kind) for kind in _KINDS
}


def signature(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `inspect.signature(function)`; its parameters have a name and a kind."""
    first = arguments.values[0] if len(arguments.values) == 1 else None
    inside = first.value if isinstance(first, Known) else None
    if arguments.keywords:
        return None
    found: dict[str, Any] | None = None
    match inside:
        case FunctionValue(decorated=False) as function:
            found = _of_function(function)
        case DialectObject(parameters=tuple() as names):
            found = dict.fromkeys(names, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        case _:
            pass
    if found is None:
        return None
    span = arguments.span
    entries: dict[object, tuple[Value, Value]] = {
        each: (Known(each, span), _parameter(each, kind, span)) for each, kind in found.items()
    }
    return Known(AttributesValue({"parameters": Known(DictValue(entries), span)}), span)


def _of_function(function: FunctionValue) -> dict[str, Any]:
    """Return the kinds of the parameters of a function by their names."""
    params, kinds = function.node.params, inspect.Parameter
    found: dict[str, Any] = {p.name.value: kinds.POSITIONAL_ONLY for p in params.posonly_params}
    found |= {p.name.value: kinds.POSITIONAL_OR_KEYWORD for p in params.params}
    star = getattr(params.star_arg, "name", None)
    if star is not None:
        found[star.value] = kinds.VAR_POSITIONAL
    found |= {p.name.value: kinds.KEYWORD_ONLY for p in params.kwonly_params}
    if params.star_kwarg is not None:
        found[params.star_kwarg.name.value] = kinds.VAR_KEYWORD
    return found


def _parameter(name: str, kind: Any, span: Span) -> Value:
    """Return a parameter."""
    return Known(AttributesValue({"name": Known(name, span), "kind": Known(kind, span)}), span)


FUNCTIONS: dict[str, Callable[[Machine, str, CallArguments], Value | None]] = {
    "inspect.signature": signature,
}
