"""Check imports of the SDK for names that do not exist on workers."""

from __future__ import annotations

from flashc_core import rules
from flashc_ir.program import Program

from .context import PassContext


def check_sdk_imports(program: Program, context: PassContext) -> Program:
    """Report every import of an SDK that the artifact's runtime does not provide.

    In a module that no worker imports, only imports that declare endpoints are reported.
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
