"""Read the parameters that say which endpoint it is."""

from __future__ import annotations

from flashc.evaluator.values import Known, Symbolic, Unknown
from flashc.frontend.parameter_table import Arguments, Parameter
from flashc.frontend.resource_names import resource_name
from flashc_core import rules


def read_name(parameter: Parameter[str | None], arguments: Arguments) -> str | None:
    """Read a name, which has to be known when building."""
    argument = arguments.given(parameter.name)
    if argument is None:
        return parameter.default
    decoder = arguments.decoder
    value = argument.value
    if isinstance(value, Symbolic):
        value = decoder.machine.read(value)
    if isinstance(value, Unknown):
        decoder.unknown("the endpoint's name", argument.span, value, rules.DYNAMIC_NAME)
        return None
    name = decoder.text(argument, arguments.describe(parameter.name))
    if name == "":
        decoder.sink.report(rules.MISSING_NAME, argument.span, "the name is empty")
        return None
    if name is not None and resource_name(name) != name:
        decoder.sink.report(
            rules.RENAMED_RESOURCE,
            argument.span,
            f"the endpoint is deployed as `{resource_name(name)}`",
            notes=("a worker finds its code by a file of that name",),
            help=("use at most 128 letters, digits, `-` and `_`",),
        )
    return name


def read_id(parameter: Parameter[str | None], arguments: Arguments) -> str | None:
    """Return a known id; an id that is known at run time only is not an error, because the client reads it then."""
    argument = arguments.given(parameter.name)
    value = None if argument is None else argument.value
    return value.value if isinstance(value, Known) and isinstance(value.value, str) else None
