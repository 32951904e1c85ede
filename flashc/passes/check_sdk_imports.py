"""Check the imports of SDKs for what workers can't have."""

from __future__ import annotations

from flashc_core import rules
from flashc_ir.program import Program

from .context import PassContext


def check_sdk_imports(program: Program, context: PassContext) -> Program:
    """Report every import of an SDK that the artifact's runtime could not serve.

    What modules import that no worker imports matters only where it declares endpoints.
    """
    shipped = frozenset(program.worker_modules)
    for module in program.modules:
        for problem in module.sdk_problems:
            if problem.everywhere or module.name in shipped:
                context.sink.report(
                    rules.UNSUPPORTED_DIALECT if problem.everywhere else rules.UNKNOWN_SDK_NAME,
                    problem.span,
                    problem.message,
                    help=problem.help,
                )
    return program
