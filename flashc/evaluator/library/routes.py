"""Construct the markers of FastAPI, such as `Query(alias="n")` and `Depends(get_user)`."""

from __future__ import annotations

from collections.abc import Callable

from flashc.evaluator.library_values import RouteMarker
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.values import Known, NotConcrete, Value, concrete

_NAMES = ("Path", "Query", "Header", "Cookie", "Body", "Form", "File", "Depends", "Security")
_OPTIONS = frozenset({"alias", "embed", "convert_underscores"})


def _marker(machine: Machine, name: str, arguments: CallArguments) -> Value:
    """Evaluate `Query(...)` and the other markers; FastAPI gets the arguments."""
    machine.escape(arguments)
    named = name.rpartition(".")[2]
    given = {key: argument.value for key, argument in arguments.keywords.items()}
    dependency = given.get("dependency")
    if named in ("Depends", "Security") and arguments.positional:
        dependency = arguments.values[0]
    options: dict[str, object] | None = {}
    try:
        options = {key: concrete(given[key]) for key in sorted(_OPTIONS & given.keys())}
    except NotConcrete:
        options = None
    return Known(RouteMarker(named, options, dependency), arguments.span)


MARKERS: dict[str, Callable[[Machine, str, CallArguments], Value | None]] = {
    f"fastapi.{module}{name}": _marker
    for module in ("", "params.", "param_functions.")
    for name in _NAMES
}
