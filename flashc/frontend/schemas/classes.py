"""Say what a class of the project is (a dataclass, a model of pydantic, ...), and whether its JSON and its type variables are known."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from flashc.evaluator.library.model_fields import MODELS, SETTINGS
from flashc.evaluator.library_values import TypeForm, TypeVariable
from flashc.evaluator.objects import ClassValue
from flashc.evaluator.values import External, Known, Value

Sort = Literal["model", "root", "typed", "named", "dataclass", "attrs", "other"]
_TYPED = frozenset({"typing.TypedDict", "typing_extensions.TypedDict"})
_NAMED = frozenset({"typing.NamedTuple"})
_ROOTS = frozenset({"pydantic.RootModel"})
_GENERIC = frozenset(
    f"{module}.{name}"
    for module in ("typing", "typing_extensions")
    for name in ("Generic", "Protocol")
)
_PROTOCOLS = frozenset({"typing.Protocol", "typing_extensions.Protocol"})
_HARMLESS = _GENERIC | {"abc.ABC", "builtins.object"}
_HOOKS = ("__get_pydantic_core_schema__", "__get_pydantic_json_schema__", "__get_validators__")


def _bases(class_value: ClassValue) -> list[Value]:
    """Return the bases of a class; for a base such as `Base[int]`, return `Base`."""
    found: list[Value] = []
    for base in class_value.bases:
        inside = base.value if isinstance(base, Known) else None
        found.append(inside.origin if isinstance(inside, TypeForm) else base)
    return found


def _outside(class_value: ClassValue, seen: frozenset[int] = frozenset()) -> set[str] | None:
    """Return the names of all bases from outside the project; None if a base is not known."""
    found: set[str] = set()
    for base in _bases(class_value):
        inside = base.value if isinstance(base, Known) else None
        if isinstance(inside, External):
            found.add(inside.name)
        elif isinstance(inside, ClassValue) and id(inside) not in seen:
            inner = _outside(inside, seen | {id(class_value)})
            if inner is None:
                return None
            found |= inner
        else:
            return None
    return found


def problem_of(class_value: ClassValue, made: Collection[ClassValue] = ()) -> str | None:
    """Return why flashc does not know what JSON a class has; None if it knows.

    `made` are the classes of its ancestry whose decorators are known.
    """
    names = _outside(class_value)
    if names is None:
        return f"flashc does not know a base of `{class_value.name}`"
    if any(each.decorated and each not in made for each in class_value.ancestry()):
        return f"a decorator changes `{class_value.name}`"
    foreign = sorted(names - MODELS - SETTINGS - _TYPED - _NAMED - _ROOTS - _HARMLESS)
    if foreign and not made and sort_of(class_value) != "dataclass":
        return f"flashc does not know the base `{foreign[0]}` of `{class_value.name}`"
    hook = next((name for name in _HOOKS if class_value.find(name) is not None), None)
    return None if hook is None else f"`{class_value.name}` has a `{hook}` of its own"


def sort_of(class_value: ClassValue) -> Sort:
    """Return what a class is."""
    names = _outside(class_value) or set()
    if names & _ROOTS:
        return "root"
    if names & (MODELS | SETTINGS):
        return "model"
    if names & _TYPED:
        return "typed"
    if names & _NAMED:
        return "named"
    return "dataclass" if _has_record(class_value) else "other"


def is_protocol(class_value: ClassValue) -> bool:
    """Return whether a class is a protocol, or derives from one."""
    return bool((_outside(class_value) or set()) & _PROTOCOLS)


def _has_record(class_value: ClassValue) -> bool:
    """Return whether a class or a base of it is a dataclass."""
    inner = (base.value for base in _bases(class_value) if isinstance(base, Known))
    return class_value.is_record or any(
        isinstance(each, ClassValue) and _has_record(each) for each in inner
    )


def type_variables(class_value: ClassValue) -> list[object]:
    """Return the type variables of a generic class, in the order of its type arguments."""
    written = class_value.node.type_parameters
    if written is not None:
        return [each.param.name.value for each in written.params]
    found: list[object] = []
    for base in class_value.bases:
        inside = base.value if isinstance(base, Known) else None
        if not isinstance(inside, TypeForm):
            continue
        variables = [
            a.value
            for a in inside.arguments
            if isinstance(a, Known) and isinstance(a.value, TypeVariable)
        ]
        if external_name(inside.origin) in _GENERIC:
            return list(variables)
        found += [each for each in variables if each not in found]
    return found


def external_name(value: Value | None) -> str:
    """Return the full name of a value from outside the project; "" for others."""
    inside = value.value if isinstance(value, Known) else None
    return inside.name if isinstance(inside, External) else ""
