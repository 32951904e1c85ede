"""Find the methods of a pydantic model that check or change it."""

from __future__ import annotations

from msgspec.structs import replace

from flashc.evaluator.library_values import ValidatorMark
from flashc.evaluator.objects import ClassValue, FunctionValue
from flashc.evaluator.values import Known

from .decorator_names import outside_name


def validators_of(class_value: ClassValue, field: str) -> list[FunctionValue]:
    """Return the methods that check or change a field, in the order of their definition.

    pydantic calls those of the mode "before" in the opposite order; the caller reverses it.
    """
    return [
        function
        for function in _marked(class_value)
        if function.validates is not None
        and function.validates.mode != "dump"
        and ({field, "*"} & set(function.validates.fields))
    ]


def model_validators_of(class_value: ClassValue) -> list[FunctionValue]:
    """Return the methods that check or change a whole model."""
    return [
        function
        for function in _marked(class_value)
        if function.validates is not None
        and function.validates.mode != "dump"
        and not function.validates.fields
    ]


def _marked(class_value: ClassValue) -> list[FunctionValue]:
    """Return the methods of a class and its bases that take part in the validation, bases first."""
    found: dict[str, FunctionValue] = {}
    for ancestor in reversed(class_value.ancestry()):
        for name, value in ancestor.names.items():
            if isinstance(value, Known) and isinstance(value.value, FunctionValue):
                found[name] = value.value
    return [f if f.validates else _unclear(f) for f in found.values() if _takes_part(f)]


def _takes_part(function: FunctionValue) -> bool:
    """Return whether a decorator of pydantic marks a method; flashc may know the decorator or not."""
    if function.validates is not None:
        return True
    return function.decorated and any(
        outside_name(node.decorator, function.frame).startswith("pydantic")
        for node in function.node.decorators
    )


def _unclear(function: FunctionValue) -> FunctionValue:
    """Mark a method as a validator with unknown effect."""
    return replace(function, validates=ValidatorMark((), "wrap"))
