"""Let Python compute an operation whose operands are fully known, within limits of size."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable

from flashc.evaluator.failures import OPERATION_ERRORS, PythonError
from flashc.evaluator.machine import Machine
from flashc.evaluator.values import (
    MAX_TEXT,
    NO_VARIABLES,
    External,
    Known,
    NotConcrete,
    Symbolic,
    Unknown,
    Value,
    concrete,
    lift,
    variables_of,
)
from flashc_core.source import Span

from .special_methods import run_special_methods


def resolve_symbolic(machine: Machine, value: Value) -> Known | Unknown:
    """Return `value` with environment variables replaced by their values in this environment."""
    return machine.read(value) if isinstance(value, Symbolic) else value


def tainted(value: Value, variables: frozenset[str]) -> Value:
    """Return `value` with a note that it depends on these environment variables."""
    if variables and isinstance(value, Known):
        return Known(value.value, value.origin, value.variables | variables)
    return value


def apply(
    machine: Machine,
    function: Callable[..., object],
    span: Span,
    *operands: Value,
    unordered: bool = False,
) -> Value:
    """Return the result of `function` for concrete operands, computed by Python without its warnings.

    `unordered` says that the result does not depend on the order of a set.

    Raises:
        PythonError: the function raises.
        OutOfSteps: operands or result are larger than the module's remaining steps allow.
    """
    try:
        arguments = [concrete(operand, unordered=unordered) for operand in operands]
    except NotConcrete as problem:
        run_special_methods(machine, operands, span)
        return cause(problem.part, span)
    machine.charge(sum(map(_size, arguments)), span)
    try:
        with warnings.catch_warnings(action="ignore"):
            result = function(*arguments)
    except OPERATION_ERRORS as error:
        return fail(machine, type(error), str(error), span, variables_of(*operands))
    size = _size(result)
    machine.charge(size, span)
    if size > MAX_TEXT:
        return too_large(span)
    return lift(result, span, variables_of(*operands))


def _size(value: object) -> int:
    """Return the size of a result: bits of an integer, elements of a container or text."""
    if isinstance(value, int):
        return value.bit_length()
    return len(value) if isinstance(value, (str, bytes, list, tuple, set, dict)) else 0


def fail(
    machine: Machine,
    kind: type[BaseException],
    text: str,
    span: Span,
    variables: frozenset[str] = NO_VARIABLES,
) -> Unknown:
    """Raise a Python exception; return an unknown value if environment variables caused it.

    Raises:
        PythonError: no environment variable caused the exception, or a `try` with handlers encloses
            it.
    """
    if not variables:
        raise PythonError(kind, text, span)
    if machine.has_handlers:
        error = PythonError(kind, "", span)  # the text may quote the variable's value
        error.variables = variables
        raise error
    return Unknown(reason=f"Python raises {kind.__name__}", origin=span)


def cause(part: Value, span: Span) -> Unknown:
    """Return the reason why a value with this part can't be computed."""
    match part:
        case Unknown():
            return part
        case Symbolic():
            return Unknown(reason="it is computed from an environment variable", origin=part.origin)
        case Known():
            if isinstance(part.value, External):
                reason = f"`{part.value.name}` comes from outside the project"
                return Unknown(reason=reason, origin=part.origin)
            return Unknown(reason="it is computed from an object of the program", origin=span)


def too_large(span: Span) -> Unknown:
    """Return the unknown value of a result that is too large for flashc to compute."""
    return Unknown(reason="it is too large", origin=span)


def grows(*values: Value) -> bool:
    """Return whether a text may be repeated so often in another one that the result is huge."""
    plain = [value.value for value in values if isinstance(value, Known)]
    sizes = sorted(len(text) for text in plain if isinstance(text, (str, bytes)))
    return len(sizes) > 1 and sizes[-1] * sizes[-2] > MAX_TEXT


def has_long_number(text: str | bytes) -> bool:
    """Return whether a format asks for a width or precision that would make a huge text."""
    found = re.findall(rb"\d+", text) if isinstance(text, bytes) else re.findall(r"\d+", text)
    return any(len(digits) > 4 for digits in found)
