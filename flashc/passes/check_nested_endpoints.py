"""Check for endpoints that are declared inside functions that do not run during the import."""

from __future__ import annotations

from flashc_core import rules
from flashc_ir.program import Program

from .context import PassContext


def check_nested_endpoints(program: Program, context: PassContext) -> Program:
    """Report decorators in functions that would declare an endpoint, but do not run."""
    made = {endpoint.construction.span for endpoint in (*program.endpoints, *program.unlowered)}
    for module in program.modules:
        for span in module.nested_endpoints:
            if span not in made:
                context.sink.report(
                    rules.ENDPOINT_IN_FUNCTION,
                    span,
                    "this endpoint is inside a function that is not called when the module is imported",
                    notes=("it is not deployed",),
                    help=("move the decorated function to the top level of the module",),
                )
    return program
