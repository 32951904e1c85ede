"""Convert the annotations of pydantic fields in the program to the Python types by which pydantic validates."""

from __future__ import annotations

import builtins
import functools
import operator
from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import EnumMeta
from pathlib import PurePosixPath
from types import NoneType
from typing import Annotated, Any, Literal

from flashc.evaluator.library_values import LiteralType, TypeForm
from flashc.evaluator.objects import ClassValue, FieldValue
from flashc.evaluator.path_values import WorkerPath
from flashc.evaluator.values import External, Known, Value, concrete

from .model_fields import ModelField, ModelOptions, is_model

PLAIN: dict[str, type] = {
    f"builtins.{kind.__name__}": kind for kind in (str, int, float, bool, bytes, list, dict)
}
CONTAINERS: dict[str, Any] = {
    **{f"builtins.{kind.__name__}": kind for kind in (list, dict, tuple, set, frozenset)},
    "typing.List": list,
    "typing.Dict": dict,
    "typing.Tuple": tuple,
    "typing.Set": set,
    "typing.FrozenSet": frozenset,
    "typing.Sequence": list,
    "collections.abc.Sequence": list,
    "typing.Mapping": dict,
    "collections.abc.Mapping": dict,
}
_SEQUENCES = frozenset({"typing.Sequence", "collections.abc.Sequence"})
_SEQUENCE: Any = Sequence
PATHS = frozenset({"pathlib.Path", "pathlib.PosixPath", "pathlib.PurePath"})
_OF_PYDANTIC = frozenset(
    "PositiveInt NegativeInt NonNegativeInt NonPositiveInt PositiveFloat NegativeFloat "
    "NonNegativeFloat NonPositiveFloat StrictStr StrictInt StrictBool StrictFloat".split()
)
_TYPING = ("typing", "typing_extensions")
_UNIONS = frozenset(f"{module}.Union" for module in _TYPING)
_OPTIONALS = frozenset(f"{module}.Optional" for module in _TYPING)
_ANNOTATED = frozenset(f"{module}.Annotated" for module in _TYPING)
SECRETS = frozenset({"pydantic.SecretStr"})
OF_TEXTS = (
    "str_strip_whitespace",
    "str_to_lower",
    "str_to_upper",
    "str_min_length",
    "str_max_length",
)


class NoType(Exception):
    """Flashc does not know the type of pydantic that an annotation stands for."""


# What an annotation says -----------------------------------------------------------------------------


def name_of(form: Value | None) -> str:
    """Return the full name of a type from outside the project; of `list[int]`, that of `list`."""
    inside = form.value if isinstance(form, Known) else None
    if isinstance(inside, TypeForm):
        inside = inside.origin.value
    return inside.name if isinstance(inside, External) else ""


def alternatives(form: Value | None) -> list[Value]:
    """Return the members of a union, with None for `Optional`; of another type, the type itself."""
    inside = form.value if isinstance(form, Known) else None
    if not isinstance(form, Known) or not isinstance(inside, TypeForm):
        return [] if form is None else [form]
    name = name_of(form)
    if name in _ANNOTATED:
        return alternatives(inside.arguments[0])
    if name in _OPTIONALS:
        return [*alternatives(inside.arguments[0]), Known(None, form.origin)]
    if name in _UNIONS:
        return [each for part in inside.arguments for each in alternatives(part)]
    return [form]


def kinds_of(name: str) -> tuple[type, ...]:
    """Return the classes of containers that a value of a type may have; none for other types."""
    if name in _SEQUENCES:
        return list, tuple
    return (CONTAINERS[name],) if name in CONTAINERS else ()


def element_types(form: Value, kind: type, count: int) -> list[Value] | None:
    """Return the types of `count` elements of a container; None if the type does not say them.

    `form` is `list[int]`, `tuple[int, ...]`, `tuple[int, str]` or `dict[str, int]`, or has no brackets.
    """
    inside = form.value if isinstance(form, Known) else None
    if not isinstance(inside, TypeForm):
        anything: list[Value] = [Known(External("typing.Any"), form.origin)]
        return anything * count
    parts = list(inside.arguments)
    if kind is tuple and len(parts) == 2 and isinstance(parts[1], Known) and parts[1].value is ...:
        parts = parts[:1]
    elif kind is tuple:
        return [*parts] if len(parts) == count else None
    return [parts[-1]] * count if len(parts) == 1 + (kind is dict) else None


def model_in(form: Value | None) -> ClassValue | None:
    """Return the model of the project that a field holds; None if it holds something else."""
    found = [class_of(each) for each in alternatives(form) if not is_none_type(each)]
    only = found[0] if len(found) == 1 else None
    return only if only is not None and is_model(only) else None


def keeps_text(field: ModelField, options: ModelOptions) -> bool:
    """Return whether a text of the environment stays as it is: the field is a `str`, perhaps optional."""
    members = [name_of(each) for each in alternatives(field.form) if not is_none_type(each)]
    plain = members == ["builtins.str"] or (len(members) == 1 and members[0] in SECRETS)
    return plain and not field.constraints and not any(options.values.get(o) for o in OF_TEXTS)


def is_complex(form: Value | None) -> bool:
    """Return whether settings read a value of this type from a variable as JSON."""
    members = [each for each in alternatives(form) if not is_none_type(each)]
    return any(name_of(each) in CONTAINERS or class_of(each) is not None for each in members)


def is_none_type(form: Value) -> bool:
    """Return whether a type is None."""
    return isinstance(form, Known) and form.value is None


def class_of(form: Value) -> ClassValue | None:
    """Return the class of the project that a type is; None if it is another type."""
    inside = form.value if isinstance(form, Known) else None
    return inside if isinstance(inside, ClassValue) else None


def python_type(form: Value) -> Any:
    """Return Python's own type for an annotation.

    Raises:
        NoType: flashc does not know it.
        NotConcrete: a member of a `Literal` is not known.
    """
    match form.value if isinstance(form, Known) else form:
        case None:
            return NoneType
        case builtins.Ellipsis:
            return ...
        case EnumMeta() as enum_class:
            return enum_class
        case LiteralType(members=members):
            return Literal[tuple(concrete(member) for member in members)]
        case TypeForm(arguments=arguments):
            return _subscripted(name_of(form), arguments)
        case External(name=name):
            return _named(name)
        case _:
            raise NoType


def _named(name: str) -> Any:
    """Return the type of a name from outside the project; raises NoType."""
    module, _, last = name.rpartition(".")
    if name in _SEQUENCES:
        return _SEQUENCE
    if name in PLAIN or name in CONTAINERS:
        return PLAIN.get(name) or CONTAINERS[name]
    if name in PATHS:
        return _path_type()
    if name in ("typing.Any", "builtins.object"):
        return Any
    if name == "datetime.timedelta":
        return timedelta
    if module == "pydantic" and last in _OF_PYDANTIC:
        import pydantic

        return getattr(pydantic, last)
    raise NoType


def _path_type() -> Any:
    """Return the type of a `pathlib.Path` on a worker."""
    from pydantic import PlainValidator

    return Annotated[PurePosixPath, PlainValidator(_worker_path)]


def _worker_path(value: object) -> WorkerPath:
    """Return a value that is a path or a text as a path of a worker."""
    if isinstance(value, (str, PurePosixPath)):
        return WorkerPath(value)
    raise ValueError("Input is not a valid path")


def _subscripted(name: str, arguments: tuple[Value, ...]) -> Any:
    """Return the type `name[arguments]`; raises what `python_type` raises."""
    if name in _ANNOTATED:
        notes: dict[str, object] = {}
        for note in arguments[1:]:
            if not isinstance(note, Known) or not isinstance(note.value, FieldValue):
                raise NoType
            notes |= {key: concrete(value) for key, value in note.value.options.items()}
        from pydantic import Field

        field: Callable[..., Any] = Field
        return Annotated[python_type(arguments[0]), field(**notes)]
    parts = tuple(python_type(argument) for argument in arguments)
    if name in _OPTIONALS:
        return functools.reduce(operator.or_, (*parts, None))
    if name in _UNIONS:
        return functools.reduce(operator.or_, parts)
    if name in _SEQUENCES:
        return _SEQUENCE[parts]
    if name in CONTAINERS:
        return CONTAINERS[name][parts]
    raise NoType
