"""Check that the project declares an endpoint; if not, name what looks like one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flashc.project.excluded_modules import excluded_with_endpoints
from flashc.project.inputs import VOLATILE
from flashc.project.project import Project
from flashc_core import rules
from flashc_core.diagnostics import Diagnostic
from flashc_core.source import WholeFile
from flashc_ir.modules import Module, Origin
from flashc_ir.program import Program

from .context import PassContext

_MOST_NOTES = 5
# After these findings, a module may declare an endpoint that flashc does not see.
_OF_MODULES = frozenset(
    {
        *(rules.SYNTAX_ERROR, rules.UNDECODABLE_SOURCE, rules.MODULE_TOO_LARGE),
        *(rules.RAISES_AT_IMPORT, rules.UNSUPPORTED_DIALECT, rules.COMPUTED_SDK_IMPORT),
        *(rules.TRACE_FAILED, rules.EVALUATION_STOPPED),
    }
)
# The same for these, if they are about a module or a folder.
_OF_FILES = frozenset({rules.UNREADABLE_FILE, rules.SYMLINK_OUTSIDE})


def check_has_endpoints(program: Program, context: PassContext) -> Program:
    """Report a project without endpoints.

    If a module can't be read or an endpoint can't be lowered, nothing is reported, because the error
    is the reason why there is no endpoint.
    """
    lacks = all(each.runs_nothing for each in program.unlowered)
    findings = (*context.sink, *context.sink.hidden)
    if program.endpoints or not lacks or _may_hide_endpoints(findings, context.project):
        return program
    context.depends_on(VOLATILE)  # the excluded files, which are searched, may change
    notes = list(_near_misses(program, context))
    if len(notes) > _MOST_NOTES:
        notes[_MOST_NOTES:] = [f"and {len(notes) - _MOST_NOTES} more files of this kind"]
    context.sink.report(
        rules.NO_ENDPOINTS,
        WholeFile("."),
        "no module of this project declares an endpoint",
        notes=tuple(notes),
        help=context.how_to_declare,
    )
    return program


def _may_hide_endpoints(findings: Iterable[Diagnostic], project: Project) -> bool:
    """Return whether a finding may be the reason why flashc does not see an endpoint."""
    for finding in findings:
        path = finding.location.path
        if finding.rule in _OF_MODULES:
            return True
        if finding.rule in _OF_FILES and (path.endswith(".py") or (project.root / path).is_dir()):
            return True
    return False


def _near_misses(program: Program, context: PassContext) -> Iterator[str]:
    """Yield what a reader may take for an endpoint, and why it is none."""
    objects = (spelling.declaring_object for spelling in program.spellings)
    calls = {shown.partition("(")[0] + "(" for shown in objects if shown is not None}
    for exclusion in excluded_with_endpoints(context.project, calls):
        rule = f"the pattern `{exclusion.pattern}` of `{exclusion.source}`"
        if exclusion.source == "built-in":
            rule = f"the built-in pattern `{exclusion.pattern}`"
        yield f"`{exclusion.path}` declares one, but {rule} keeps the file out of the project"
    idle = {endpoint.construction.span.path for endpoint in program.unlowered}
    for module in program.modules:
        if module.path in idle:
            yield f"an endpoint of `{module.path}` runs no function and has no route"
        elif module.nested_endpoints:
            yield f"the endpoints of `{module.path}` are inside functions that are not called"
        elif any(not scope for scope in _scopes_of_sdk(module)):
            yield f"`{module.path}` imports the SDK, but decorates nothing with it"
        elif _scopes_of_sdk(module):
            yield (
                f"`{module.path}` uses the SDK only inside functions, "
                "which are not called when the module is imported"
            )


def _scopes_of_sdk(module: Module) -> list[str]:
    """Return the functions in which a module imports an SDK; "" is the module's top."""
    return [item.scope for item in module.imports if item.origin is Origin.SDK]
