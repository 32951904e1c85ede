"""Keep values of environment variables out of everything that flashc writes and prints.

The evaluator notes from which environment variables a value was computed.  A text that may contain
such a value is written nowhere, except as a name of the program: of an endpoint, of a volume, or of
another object of the platform.
"""

from __future__ import annotations

from flashc.evaluator.machine import Machine
from flashc.evaluator.values import Known, Symbolic, Value
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.python_texts import evaluate_literal
from flashc_core.source import Span
from flashc_ir.resources import EnvironmentReference, Text


def variables_in(machine: Machine, value: Known) -> frozenset[str]:
    """Return the environment variables whose values a text may contain.

    There are none if the text stands in the program, and a variable only decided to use it, or if
    the project itself states the values of the variables.
    """
    if not value.variables or value.variables <= machine.stated:
        return frozenset()
    try:
        written = evaluate_literal(machine.text_at(value.origin))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value.variables
    return frozenset() if written == value.value else value.variables


def shown(value: Known, text: object) -> str:
    """Return a value for a message; of a value from the environment, only where it comes from."""
    return "the value from the environment" if value.variables else f"`{text}`"


def with_references(machine: Machine, value: Value) -> str | None:
    """Return a text with `${NAME}` for each environment variable in it; None if that is impossible.

    The default of a variable that is not set is part of the text.
    """
    if not isinstance(value, Symbolic) or value.computed:
        return None
    texts: list[str] = []
    for part in value.parts:
        match part:
            case Text(text=text):
                texts.append(text)
            case EnvironmentReference(variable=name, default=default):
                if name in machine.environment:
                    stated = name in machine.stated
                    texts.append(machine.environment[name] if stated else f"${{{name}}}")
                elif default is not None:
                    texts.append(default)
                else:
                    return None
    return "".join(texts)


def report_computed(
    sink: Sink, what: str, variables: frozenset[str], span: Span, *advice: str
) -> None:
    """Report a text that was computed from the values of environment variables."""
    names = [f"`{name}`" for name in sorted(variables)]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    sink.report(
        rules.COMPUTED_ENVIRONMENT,
        span,
        f"{what} is computed from {listed} when building, so its value would be written into the artifact",
        help=advice,
    )
