"""Check that no requirement replaces a package of the worker by a version it can't start with."""

from __future__ import annotations

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_ir.program import Program
from flashc_ir.requirements import Dependency

from .context import PassContext


def check_worker_packages(program: Program, context: PassContext) -> Program:
    """Report requirements that allow no version that the worker accepts.

    Only what the worker itself requires is compared: what its packages require of each other
    depends on which of them the artifact replaces, so a build compares that.
    """
    asked = [d for d in program.requirements if not d.constraint]
    for endpoint in program.code_endpoints:
        asked += endpoint.configuration.dependencies
    for dependency in asked:
        _check(dependency, context.sink)
    return program


def _check(dependency: Dependency, sink: Sink) -> None:
    """Report a requirement that allows no version that the worker accepts."""
    if dependency.source is not None or not any(c in dependency.requirement for c in "=<>~"):
        return
    from packaging.requirements import Requirement  # takes long to import

    from flashc_ir.platform.worker_packages import may_overlap, needs_of_worker_itself

    specifier = Requirement(dependency.requirement).specifier
    for name, needed in needs_of_worker_itself():
        if name == dependency.name and not may_overlap(specifier, needed):
            sink.report(
                rules.WORKER_PACKAGE_CONFLICT,
                dependency.span,
                f"the worker itself needs `{name}{needed}` to start, and `{specifier}` excludes that",
                help=(f"require a version of `{name}` that is `{needed}`",),
            )
