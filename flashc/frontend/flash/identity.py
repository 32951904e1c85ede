"""Read the parameter `id` of `Endpoint(...)`, which names an endpoint that exists already."""

from __future__ import annotations

from flashc.evaluator.values import Known
from flashc.frontend.parameter_table import Arguments, Parameter


def read_id(parameter: Parameter[str | None], arguments: Arguments) -> str | None:
    """Return the id if it is known when flashc runs, else None.

    An id that is known only at run time is not an error, because the client reads it then.
    """
    argument = arguments.given(parameter.name)
    value = None if argument is None else argument.value
    return value.value if isinstance(value, Known) and isinstance(value.value, str) else None
