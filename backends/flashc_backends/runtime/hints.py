"""Evaluate the annotations of functions, each by itself, because some are only for type checkers."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Callable, Mapping
from typing import Any

MISSING = inspect.Parameter.empty
_NOT_EVALUATED = (NameError, AttributeError, TypeError, SyntaxError, KeyError)


def evaluate(
    annotation: Any, function: Callable[..., Any], names: Mapping[str, Any] | None = None
) -> Any:
    """Return an annotation of a function as an object, or `MISSING` if it names what is not there.

    `names` finds names in place of the function's module.
    """
    return evaluate_in(getattr(inspect.unwrap(function), "__globals__", {}), annotation, names)


def evaluate_in(
    module: Mapping[str, Any], annotation: Any, names: Mapping[str, Any] | None = None
) -> Any:
    """Return an annotation as `evaluate` does; `module` has the names of its module."""
    if annotation is None or annotation is MISSING or type(annotation) is type:
        return annotation
    scope = {**module, "__builtins__": builtins}
    found = annotation
    if isinstance(annotation, str):
        try:
            found = eval(annotation, scope, scope if names is None else names)
        except _NOT_EVALUATED:  # for example, a name that only `if TYPE_CHECKING:` imports
            return MISSING
        if found is None or type(found) is type:
            return found
    import typing

    holder = _Holder(found)  # texts inside, such as `list["Item"]`
    try:
        return typing.get_type_hints(holder, scope, names, include_extras=True)["it"]
    except _NOT_EVALUATED:
        return MISSING


class _Holder:
    """Has one annotation, in the way that `typing` expects."""

    def __init__(self, annotation: Any) -> None:
        self.__annotations__ = {"it": annotation}
