"""Construct the markers of FastAPI, such as `Query(alias="n")` and `Depends(get_user)`."""

from __future__ import annotations

from collections.abc import Callable

from flashc.evaluator.library_values import RouteMarker
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.values import Known, NotConcrete, Value, concrete

_NAMES = ("Path", "Query", "Header", "Cookie", "Body", "Form", "File", "Depends", "Security")
_OPTIONS: dict[str, tuple[type, ...]] = {
    "alias": (str, type(None)),
    "embed": (bool, type(None)),
    "convert_underscores": (bool,),
}


def _marker(machine: Machine, name: str, arguments: CallArguments) -> Value:
    """Evaluate `Query(...)` and the other markers; FastAPI gets the arguments."""
    machine.escape(arguments)
    named = name.rpartition(".")[2]
    given = {key: argument.value for key, argument in arguments.keywords.items()}
    dependency = given.get("dependency")
    if named in ("Depends", "Security") and arguments.positional:
        dependency = arguments.values[0]
    try:
        options: dict[str, object] | None = {
            key: concrete(given[key]) for key in _OPTIONS if key in given
        }
    except NotConcrete:
        options = None
    if options is not None and not all(isinstance(v, _OPTIONS[k]) for k, v in options.items()):
        options = None
    first = arguments.values[0] if arguments.positional else given.get("default")
    has_default = dependency is None and first is not None and not _is_ellipsis(first)
    if has_default and first is not None:
        given["default"] = first
    return Known(
        RouteMarker(
            name=named, options=options, has_default=has_default, dependency=dependency, given=given
        ),
        arguments.span,
    )


def _is_ellipsis(value: Value) -> bool:
    """Return whether a default is `...`, which says that there is none."""
    return isinstance(value, Known) and value.value is ...


MARKERS: dict[str, Callable[[Machine, str, CallArguments], Value | None]] = {
    f"fastapi.{module}{name}": _marker
    for module in ("", "params.", "param_functions.")
    for name in _NAMES
}
