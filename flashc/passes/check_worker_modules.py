"""Check modules that workers import for syntax errors, failing and movable imports, and installations."""

from __future__ import annotations

from collections.abc import Collection

from flashc_core import rules
from flashc_ir.program import Program

from .collect_worker_modules import started_modules
from .context import PassContext
from .misplaced_modules import folder_with, is_reported_by_imports, module_outside
from .used_names import users_of_names


def check_worker_modules(program: Program, context: PassContext) -> Program:
    """Report invalid syntax, imports that raise, and installations."""
    # An endpoint that could not be lowered may be the reason why a worker has no module.
    declaring = {endpoint.construction.module for endpoint in program.unlowered}
    # A statement that raises may be the reason why an endpoint is missing.
    losing = {
        module.name
        for module in program.modules
        if module.import_failure is not None and module.import_failure.loses_endpoint
    }
    names = sorted({*program.worker_modules, *declaring, *losing})
    workers = [module for name in names if (module := program.module(name))]
    started = started_modules(program, context.imports(program))
    for module in workers:
        for diagnostic in module.unreadable:
            context.sink.add(diagnostic)
        if module.import_failure is not None:
            context.sink.report(
                rules.RAISES_AT_IMPORT,
                module.import_failure.span,
                f"importing `{module.name}` raises {module.import_failure.text}",
                label="raised here",
                notes=(
                    "a worker imports this module when it starts"
                    if module.name in started
                    else "the module declares no endpoint because of this"
                    if module.name in losing
                    else "the function that imports this module raises it too",
                ),
                help=module.import_failure.help
                or ("correct the expression, or catch the exception",),
            )
        for span in module.installs:
            context.sink.report(
                rules.INSTALL_AT_RUN_TIME,
                span,
                "this installs packages while a worker runs",
                notes=(
                    "every new worker waits for the installation, "
                    "and may get other versions than earlier workers",
                ),
                help=(_where_to_list(module.name, program, context),),
            )
    return program


def _where_to_list(module: str, program: Program, context: PassContext) -> str:
    """Return the help that says where packages of a module are listed."""
    spelling = context.spelling_of_module(program, module)
    whose = "" if spelling.dependencies is None else "the endpoint's "
    return f"list the packages in {whose}{spelling.packages()}"


def check_deferred_imports(
    program: Program, missing: Collection[str], context: PassContext
) -> None:
    """Report imports at the top of endpoints' modules that only functions of the module use.

    `missing` are the packages whose import was reported, because workers do not have them.
    Imports of modules that no worker finds are reported by another pass.
    """
    declaring = {e.construction.module for e in (*program.endpoints, *program.unlowered)}
    candidates = [m for m in program.modules if m.deferred_imports and m.name in declaring]
    users = users_of_names(program) if candidates else {}
    for module in candidates:
        for found in module.deferred_imports:
            names = (f"{module.name}.{each}" for each in ("*", *found.names))
            if any(users.get(name, set()) - {module.name} for name in names):
                continue
            if found.package in missing or folder_with(context.project, module, found.package):
                continue
            if is_reported_by_imports(context, module, found.package) or module_outside(
                context, found.package
            ):
                continue
            finder = context.spelling_of_module(program, module.name).finder
            at_start = "every worker that imports the module loads the package too"
            context.sink.report(
                rules.IMPORT_AT_TOP,
                found.span,
                f"`{found.package}` is imported with the module, but only functions use it",
                notes=(at_start,)
                if finder is None
                else (
                    f"`{finder}` imports the module to find endpoints, and fails on a machine without "
                    "the package",
                    at_start,
                ),
                help=("import it in the functions that use it",),
                fix=found.fix,
            )
