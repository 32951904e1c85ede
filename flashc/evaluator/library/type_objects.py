"""Make the types and limits that programs compute for annotations: `TypeVar`, `NewType`, `conint`, `Ge`."""

from __future__ import annotations

from collections.abc import Callable

from flashc.evaluator.library_values import NewTypeValue, TypeForm, TypeVariable
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments, FieldValue
from flashc.evaluator.values import External, Known, Value

_TYPING = ("typing", "typing_extensions")
# The arguments of the classes of `annotated_types`, by the names that pydantic has for them.
_LIMITS = {
    "Gt": ("gt",),
    "Ge": ("ge",),
    "Lt": ("lt",),
    "Le": ("le",),
    "MultipleOf": ("multiple_of",),
    "MinLen": ("min_length",),
    "MaxLen": ("max_length",),
    "Len": ("min_length", "max_length"),
    "Interval": (),
}
_CONSTRAINED = {
    "conint": "int",
    "confloat": "float",
    "constr": "str",
    "conbytes": "bytes",
    "conlist": "list",
    "conset": "set",
    "confrozenset": "frozenset",
}


def _type_variable(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `TypeVar("T", bound=...)`."""
    if arguments.problem is not None or not arguments.positional:
        return None
    first, *constraints = arguments.values
    bound = arguments.keywords.get("bound")
    if not isinstance(first, Known) or not isinstance(first.value, str):
        return None
    made = TypeVariable(first.value, None if bound is None else bound.value, tuple(constraints))
    return Known(made, arguments.span)


def _new_type(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `NewType("UserId", int)`."""
    if len(arguments.values) != 2 or arguments.keywords or arguments.problem is not None:
        return None
    first, of = arguments.values
    if not isinstance(first, Known) or not isinstance(first.value, str):
        return None
    return Known(NewTypeValue(first.value, of), arguments.span)


def _limit(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate a limit of `annotated_types` or `StringConstraints(...)` as pydantic's `Field` with it."""
    names = _LIMITS.get(name.rpartition(".")[2], ())
    if len(arguments.positional) > len(names) or arguments.problem is not None:
        return None
    options = dict(zip(names, arguments.values, strict=False))
    options |= {key: argument.value for key, argument in arguments.keywords.items()}
    return Known(FieldValue(options), arguments.span)


def _constrained(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `conint(ge=1)` and the like as `Annotated[int, Field(ge=1)]`."""
    if arguments.problem is not None or len(arguments.positional) > 1:
        return None
    span = arguments.span
    kind: Known = Known(External(f"builtins.{_CONSTRAINED[name.rpartition('.')[2]]}"), span)
    if arguments.positional:
        kind = Known(TypeForm(kind, (arguments.values[0],)), span)
    limits = FieldValue({key: argument.value for key, argument in arguments.keywords.items()})
    annotated = Known(External("typing.Annotated"), span)
    return Known(TypeForm(annotated, (kind, Known(limits, span))), span)


FUNCTIONS: dict[str, Callable[[Machine, str, CallArguments], Value | None]] = {
    **{f"{module}.TypeVar": _type_variable for module in _TYPING},
    **{f"{module}.NewType": _new_type for module in _TYPING},
    **{f"annotated_types.{name}": _limit for name in _LIMITS},
    "pydantic.StringConstraints": _limit,
    **{f"pydantic.{name}": _constrained for name in _CONSTRAINED},
}
