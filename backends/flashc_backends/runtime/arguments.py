"""Put the arguments of a call into the input of a job by name, and take them out again."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .errors import InvalidInput

_CONTROL_KEYS = ("method", "__empty", "__arguments")
_POSITIONAL_ONLY = inspect.Parameter.POSITIONAL_ONLY
_VAR_POSITIONAL = inspect.Parameter.VAR_POSITIONAL
_VAR_KEYWORD = inspect.Parameter.VAR_KEYWORD


def to_payload(
    signature: inspect.Signature, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Return the arguments of a call by parameter name, without defaults that were not given.

    Arguments for `*args` are a list under the name of that parameter; arguments for `**kwargs` are
    keys like the others.

    Raises:
        TypeError: the arguments do not fit the signature, as Python itself would say; or an argument
            for `**kwargs` has the name of another parameter, which a job can't say.
    """
    kinds = {parameter.name: parameter.kind for parameter in signature.parameters.values()}
    if _VAR_KEYWORD not in kinds.values():
        # Python 3.13's `bind` takes the second of two positional-only parameters by its name.
        wrong = [key for key in kwargs if kinds.get(key) is _POSITIONAL_ONLY]
        if wrong:
            raise TypeError(f"{name}() takes {', '.join(map(repr, wrong))} only by position")
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{name}() {error}") from None
    payload: dict[str, Any] = {}
    for parameter in signature.parameters.values():
        if parameter.name not in bound.arguments:
            continue
        value = bound.arguments[parameter.name]
        if parameter.kind is _VAR_KEYWORD:
            twice = next((key for key in value if key in signature.parameters), None)
            if twice is not None:
                raise TypeError(
                    f"{name}() got {twice!r} for `**{parameter.name}`, which is the name of another "
                    "parameter; a job can't have both"
                )
            payload.update(value)
        elif parameter.kind is _VAR_POSITIONAL:
            payload[parameter.name] = list(value)
        else:
            payload[parameter.name] = value
    return payload


def input_of(payload: dict[str, Any], method: str | None = None) -> dict[str, Any]:
    """Return the input of a job with these arguments, and for the method of a class if one is given.

    Usually the arguments are next to the control keys, as clients of Flash write them.  If an argument
    has the name of a control key, they are apart.
    """
    control = {} if method is None else {"method": method}
    if any(key in payload for key in _CONTROL_KEYS):
        return {**control, "__arguments": payload}
    return {**control, **(payload or {"__empty": True})}


def from_payload(
    function: Callable[..., Any],
    signature: inspect.Signature,
    payload: dict[str, Any],
    load: Callable[[str, Any], Any],
) -> tuple[list[Any], dict[str, Any]]:
    """Return the positional and keyword arguments for a job's input; the inverse of `to_payload`.

    `load` converts the argument of a name.

    Raises:
        InvalidInput: an argument is missing or not expected; the message names all of them.
    """
    rest = dict(payload)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    missing: list[str] = []
    parameters = list(signature.parameters.values())
    surplus = next((p.name for p in parameters if p.kind is _VAR_POSITIONAL), None)
    by_position = surplus is not None and isinstance(rest.get(surplus), list)
    takes_more = any(p.kind is _VAR_KEYWORD for p in parameters)
    for parameter in parameters:
        if parameter.kind in (_VAR_POSITIONAL, _VAR_KEYWORD):
            if parameter.name == surplus and by_position:
                args.extend(load(parameter.name, rest.pop(parameter.name)))
            continue
        positional = parameter.kind is _POSITIONAL_ONLY or (
            by_position and parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        )
        if parameter.name in rest:
            value = load(parameter.name, rest.pop(parameter.name))
            if positional:
                args.append(value)
            else:
                kwargs[parameter.name] = value
        elif parameter.default is inspect.Parameter.empty:
            missing.append(parameter.name)
        elif positional:
            args.append(parameter.default)
    if takes_more:
        kwargs.update({key: load(key, value) for key, value in rest.items()})
        rest = {}
    if missing or rest:
        raise InvalidInput(_misfit(getattr(function, "__name__", "function"), missing, list(rest)))
    return args, kwargs


def _misfit(name: str, missing: list[str], unexpected: list[str]) -> str:
    """Return the message for an input that does not fit the parameters of a function."""
    parts: list[str] = []
    if missing:
        parts.append("lacks " + ", ".join(repr(key) for key in missing))
    if unexpected:
        parts.append("has the unexpected " + ", ".join(repr(key) for key in sorted(unexpected)))
    return f"the input of {name}() {' and '.join(parts)}"
