"""Check that the project declares an endpoint."""

from __future__ import annotations

from flashc_core import rules
from flashc_core.source import WholeFile
from flashc_ir.program import Program

from .context import PassContext


def check_has_endpoints(program: Program, context: PassContext) -> Program:
    """Report a project without endpoints.

    If there are errors, nothing is reported, because a module that can't be read may declare
    endpoints.
    """
    if not program.endpoints and not context.sink.has_errors():
        context.sink.report(
            rules.NO_ENDPOINTS,
            WholeFile("."),
            "no module of this project declares an endpoint",
            help=context.how_to_declare,
        )
    return program
