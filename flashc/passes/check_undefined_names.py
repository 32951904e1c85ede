"""Check that the names that workers' modules use and import are defined."""

from __future__ import annotations

import builtins
from collections.abc import Iterable

from flashc_core import rules
from flashc_core.suggest import nearest
from flashc_ir.modules import Import, Module, Origin, UndefinedName
from flashc_ir.program import Program

from .context import PassContext

_OF_EVERY_MODULE = frozenset(
    "__name__ __file__ __doc__ __spec__ __loader__ __package__ __path__ __dict__ __builtins__".split()
)


def check_undefined_names(program: Program, context: PassContext) -> Program:
    """Report names that nothing defines, and imports of names that a module of the project lacks."""
    for name in program.worker_modules:
        module = program.module(name)
        if module is None or module.unreadable:
            continue
        for use in module.names.undefined:
            _report_use(use, module, context)
        for item in module.imports:
            if not (item.typing_only or item.guarded or item.dynamic):
                _check_import(item, program, context)
    return program


def _report_use(use: UndefinedName, module: Module, context: PassContext) -> None:
    """Report the use of a name that nothing defines."""
    failure = module.import_failure
    known = (*(module.names.bound or ()), *dir(builtins))
    help = _spelling(use.name, known, "define it, or import it")
    if use.is_certain and failure is None:
        context.sink.report(
            rules.RAISES_AT_IMPORT,
            use.span,
            f"importing `{module.name}` raises NameError: name `{use.name}` is not defined",
            label="raised here",
            notes=("a worker imports this module",),
            help=help,
        )
    elif not use.is_certain:
        context.sink.report(
            rules.UNDEFINED_NAME,
            use.span,
            f"nothing defines the name `{use.name}`",
            notes=("this code raises NameError when a worker runs it",),
            help=help,
        )


def _check_import(item: Import, program: Program, context: PassContext) -> None:
    """Report names that are imported from a module of the project that does not define them."""
    target = program.module(item.module) if item.origin is Origin.PROJECT else None
    if item.names is None or target is None or target.names.bound is None:
        return
    if target.unreadable or target.import_failure is not None:
        return  # which is reported, and explains why a name is missing
    bound = {*target.names.bound, *_OF_EVERY_MODULE}
    for name in item.names:
        if name.name in bound or name.name == "*" or name.submodule is not None:
            continue
        if target.is_package and _has_file(target, name.name, context):
            continue
        context.sink.report(
            rules.UNRESOLVED_IMPORT,
            item.span,
            f"the module `{target.name}` defines no `{name.name}`",
            help=_spelling(name.name, target.names.bound, "check the spelling"),
        )


def _has_file(package: Module, name: str, context: PassContext) -> bool:
    """Return whether a package has a file or a folder of this name, such as a compiled module."""
    beginning = f"{package.path.rpartition('/')[0]}/{name}"
    paths = context.project.by_path
    return any(path.startswith((f"{beginning}.", f"{beginning}/")) for path in paths)


def _spelling(name: str, known: Iterable[str], otherwise: str) -> tuple[str, ...]:
    """Return a line of help: the most similar name, or what to do if there is none."""
    close = nearest(name, [*known])
    return (f"did you mean `{close}`?" if close is not None else otherwise,)
