"""Describe the input and the output of jobs: the arguments of functions, and the methods of classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flashc_ir.endpoints import Function, QueueClass, QueueFunction
from flashc_ir.schemas import ANY, Interface

from .json_schema import Definitions

UNKNOWN = Interface(arguments=(), returns=ANY, rest=ANY)
"""The interface of a function whose signature is not known, because a decorator may have changed it."""
_EMPTY = "__empty"


def interface_of(function: Function) -> Interface:
    """Return the interface of a function.

    If it has none, the result is `UNKNOWN`, which accepts and returns anything.
    """
    return function.interface or UNKNOWN


def functions_of(endpoint: QueueFunction | QueueClass) -> tuple[Function, ...]:
    """Return the functions that jobs of an endpoint call."""
    return endpoint.methods if isinstance(endpoint, QueueClass) else (endpoint.function,)


def input_of(
    function: Function, definitions: Definitions, method: str | None = None
) -> dict[str, Any]:
    """Return the schema of a job's input for a function; `method` is the method that it has to name.

    The platform discards a job with an empty input, so that a call without arguments has the key
    `__empty`.
    """
    interface = interface_of(function)
    found = definitions.object(interface.arguments, interface)
    properties: dict[str, Any] = found["properties"]
    if interface.rest is None:
        found["additionalProperties"] = False
    elif interface.rest != ANY:
        found["additionalProperties"] = definitions.schema(interface.rest, interface)
    if method is not None:
        found["properties"] = {"method": {"const": method}, **properties}
        found["required"] = ["method", *found.get("required", [])]
    elif "required" not in found:
        found["properties"] = {**properties, _EMPTY: {"type": "boolean"}}
        found["minProperties"] = 1
    return found


def output_of(function: Function, definitions: Definitions) -> dict[str, Any]:
    """Return the schema of the output of a job that calls a function; a generator gives a list."""
    interface = interface_of(function)
    item = definitions.schema(interface.returns, interface)
    return {"type": "array", "items": item} if function.is_generator else item


def schemas_of(
    endpoint: QueueFunction | QueueClass, definitions: Definitions
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the schemas `NAME.input` and `NAME.output` of each function of an endpoint."""
    functions = functions_of(endpoint)
    for function in functions:
        method = function.name if len(functions) > 1 else None
        yield f"{function.name}.input", input_of(function, definitions, method)
        yield f"{function.name}.output", output_of(function, definitions)
