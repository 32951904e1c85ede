"""Make the values of annotations: `list[int]`, `Literal["a"]`, `Annotated[int, Query()]`, `int | None`."""

from __future__ import annotations

import builtins
from enum import EnumMeta

from flashc.evaluator.library_values import LiteralType, NewTypeValue, TypeForm, TypeVariable
from flashc.evaluator.objects import ClassValue
from flashc.evaluator.values import External, Known, SequenceValue, Unknown, Value
from flashc_core.source import Span

_TYPING = ("typing", "typing_extensions")
_GENERIC_MODULES = frozenset((*_TYPING, "collections", "collections.abc", "asyncio", "re", "os"))
_GENERIC_CLASSES = frozenset({"pydantic.RootModel", "numpy.ndarray", "numpy.typing.NDArray"})
_UNIONS = frozenset(f"{module}.Union" for module in _TYPING)
_LITERALS = frozenset(f"{module}.Literal" for module in _TYPING)
_BASES_OF_GENERICS = frozenset(
    {"pydantic.BaseModel", *(f"{m}.{name}" for m in _TYPING for name in ("Generic", "Protocol"))}
)


def subscripted(receiver: Value, key: Value, span: Span) -> Known | None:
    """Return `receiver[key]` if that makes a type of the types between the brackets; else None."""
    if not isinstance(receiver, Known) or not _is_generic(receiver):
        return None
    members = _members_of(key)
    name = receiver.value.name if isinstance(receiver.value, External) else ""
    if name in _LITERALS:
        return None if isinstance(key, Unknown) else Known(LiteralType(members), span)
    if name in _UNIONS and len(members) == 1:
        return members[0] if isinstance(members[0], Known) else None
    return Known(TypeForm(receiver, members), span)


def united(left: Known, right: Known, span: Span) -> Known | None:
    """Return `left | right` if both are types; else None."""
    sides = (left, right)
    if all(_is_type(side) or side.value is None for side in sides) and any(map(_is_type, sides)):
        return Known(TypeForm(Known(External("typing.Union"), span), sides), span)
    return None


def _members_of(key: Value) -> tuple[Value, ...]:
    """Return the values between the brackets."""
    if isinstance(key, Known) and isinstance(key.value, SequenceValue) and key.value.kind is tuple:
        return tuple(key.value.items)
    return (key,)


def _is_generic(value: Known) -> bool:
    """Return whether a value is a class or form that takes types between brackets."""
    match value.value:
        case External(name=name):
            module, _, last = name.rpartition(".")
            if module == "builtins":
                return hasattr(getattr(builtins, last, None), "__class_getitem__")
            return (module in _GENERIC_MODULES and last != "environ") or name in _GENERIC_CLASSES
        case TypeForm():
            return True  # an alias with type variables
        case ClassValue() as class_value:
            return _has_type_parameters(class_value)
        case _:
            return False


def _has_type_parameters(class_value: ClassValue) -> bool:
    """Return whether a class of the project takes types between brackets, as its bases say."""
    if class_value.decorated or class_value.find("__class_getitem__") is not None:
        return False
    for ancestor in class_value.ancestry():
        for base in ancestor.bases:
            inside = base.value if isinstance(base, Known) else None
            if isinstance(inside, TypeForm):
                inside = inside.origin.value
            if isinstance(inside, External) and inside.name in _BASES_OF_GENERICS:
                return True
    return False


def _is_type(value: Known) -> bool:
    """Return whether a value is a class or another type; the names of classes from outside tell that."""
    match value.value:
        case External(name=name):
            module, _, last = name.rpartition(".")
            if module == "builtins":
                return isinstance(getattr(builtins, last, None), type)
            return bool(module) and last[:1].isupper() and not last.isupper()
        case ClassValue(node=node):
            return not node.keywords  # a metaclass may define `|`
        case TypeForm() | LiteralType() | EnumMeta() | TypeVariable() | NewTypeValue():
            return True
        case _:
            return False
