"""Check imports of the SDK for names that do not exist on workers."""

from __future__ import annotations

from flashc_core import rules
from flashc_ir.modules import SdkProblemKind
from flashc_ir.program import Program

from .context import PassContext

_RULES = {
    SdkProblemKind.DIALECT: rules.UNSUPPORTED_DIALECT,
    SdkProblemKind.NO_SUCH_NAME: rules.MISSING_SDK_NAME,
    SdkProblemKind.COMPUTED_IMPORT: rules.COMPUTED_SDK_IMPORT,
    SdkProblemKind.UNKNOWN_DECORATOR: rules.COMPUTED_SDK_IMPORT,
    SdkProblemKind.ONLY_IN_IMAGE: rules.UNKNOWN_SDK_NAME,
}
_DECLARING = (SdkProblemKind.DIALECT, SdkProblemKind.UNKNOWN_DECORATOR)


def check_sdk_imports(program: Program, context: PassContext) -> Program:
    """Report every import of an SDK that the artifact's runtime does not provide.

    In a module that no worker imports, only imports that declare endpoints are reported.
    """
    shipped = frozenset(program.worker_modules)
    for module in program.modules:
        for problem in module.sdk_problems:
            if problem.kind in _DECLARING or module.name in shipped:
                context.sink.report(
                    _RULES[problem.kind],
                    problem.span,
                    problem.message,
                    help=problem.help,
                )
    return program
