"""Report imports of packages that the app does not declare, and declared packages that no worker module imports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from msgspec import Struct

from flashc.project.source_roots import AddedFolder
from flashc_core import rules
from flashc_core.diagnostics import Label, Sink
from flashc_core.encoding import Undecodable
from flashc_core.source import Edit, OverlappingEdits, Span, apply_edits
from flashc_ir.modules import Import, Module, Origin
from flashc_ir.platform.distributions import (
    commonly_transitive,
    distribution_for_module,
    distributions_of,
    known_distributions,
    not_imported_directly,
)
from flashc_ir.platform.images import never_bundled
from flashc_ir.platform.worker_packages import worker_distributions
from flashc_ir.program import Program
from flashc_ir.requirements import Dependency, Offer
from flashc_ir.spelling import Spelling, alternatives

from .check_worker_modules import check_deferred_imports
from .context import PassContext
from .indirect_use import may_be_loaded, runs_python
from .misplaced_modules import folder_with, is_reported_by_imports, module_outside

if TYPE_CHECKING:  # importing it takes long
    from importlib.metadata import Distribution


def check_dependencies(program: Program, context: PassContext) -> Program:
    """Report imports of undeclared packages, and packages of endpoints that no worker module imports.

    All endpoints share one set of packages, so one declaration is enough for all.  If some
    requirements are not known, any package may be declared, so no import is reported.
    """
    declared = {d.name for d in program.requirements if not d.constraint}
    declared |= {*program.refused_requirements, *map(_canonical, context.options.exclude)}
    for endpoint in program.deployed:
        declared |= {d.name for d in endpoint.configuration.dependencies}
    for unlowered in program.unlowered:
        declared |= {d.name for d in unlowered.dependencies}
    present = declared | worker_distributions() | commonly_transitive()
    workers = [module for name in program.worker_modules if (module := program.module(name))]
    is_known = (
        program.has_known_requirements
        and all(e.configuration.has_known_dependencies for e in program.deployed)
        and all(endpoint.has_known_dependencies for endpoint in program.unlowered)
    )
    asked = [*program.requirements]
    for endpoint in program.deployed:
        asked += endpoint.configuration.dependencies
    packages = _Packages(
        present=present,
        declared=declared,
        offers={offer.name: offer for offer in program.offers},
        is_open=any(dependency.is_unnamed for dependency in asked),
    )
    sink = context.sink if is_known else Sink()
    missing = {top for m in workers for top in _check_module(m, packages, program, context, sink)}
    check_deferred_imports(program, missing if is_known else (), context)
    # What an import leads to whose name is computed, or that is reported, may use any declared package;
    # and any of them may install a module whose package is not known.
    is_hidden = (
        any(known_distributions().isdisjoint(distributions_of(top)) for top in missing)
        or any(problem.computed for m in workers for problem in m.import_problems)
        or any(
            is_reported_by_imports(context, module, item.module)
            for module in workers
            for item in module.imports
            if item.origin is Origin.EXTERNAL and not item.typing_only and not item.guarded
        )
    )
    if not is_hidden:
        _check_used(workers, program, context, declared if is_known else None)
    return program


class _Packages(Struct, frozen=True, kw_only=True):
    """The distributions that workers have, those that the app asks for, and those it could choose.

    `is_open` says that the app asks for a repository whose distribution is not known.
    """

    present: set[str]
    declared: set[str]
    offers: dict[str, Offer]
    is_open: bool


def _check_module(
    module: Module, packages: _Packages, program: Program, context: PassContext, sink: Sink
) -> set[str]:
    """Report imports of packages that workers do not have; return the packages."""
    seen: set[str] = set()
    for item in module.imports:
        if item.origin is not Origin.EXTERNAL or item.typing_only or item.guarded:
            continue
        top = item.module.partition(".")[0]
        if is_reported_by_imports(context, module, item.module):
            continue  # another check reports this import
        if item.scope and top in never_bundled():
            continue  # `check_images` reports it, unless the image of the worker has it
        if top in seen or any(set(names) & packages.present for names in _candidates(item)):
            continue
        if _may_be_brought(top, packages.declared):
            continue
        if context.project.is_namespace(top):
            _report_missing(item, context, sink)
            continue
        seen.add(top)
        if _report_own_folder(item, top, context, sink):
            continue
        outside = module_outside(context, top)
        folder = folder_with(context.project, module, top)
        if outside is not None:
            _report_outside(item, top, outside, sink)
        elif folder is not None:
            sink.report(
                rules.IMPORT_BESIDE_FILE,
                item.span,
                f"`{top}` is in `{folder}/`; a worker imports from the project's root only",
                help=(f"build from `{folder}/`",),
            )
        elif not packages.is_open:
            spelling = context.spelling_of_module(program, module.name)
            _report_undeclared(item, top, packages, spelling, sink)
    return seen


def _report_own_folder(item: Import, top: str, context: PassContext, sink: Sink) -> bool:
    """Report an import of a module of the project by the name of the project's own folder.

    The result is whether the import is one.
    """
    rest = item.module.partition(".")[2]
    names = [rest] if rest else [name.name for name in item.names or ()]
    if top != context.project.root.name or not names or not all(map(context.project.has, names)):
        return False
    named = " and ".join(f"`{name}`" for name in names)
    sink.report(
        rules.IMPORT_BESIDE_FILE,
        item.span,
        f"`{top}` is the project's own folder; a worker imports from the project's root only",
        help=(f"import {named}, without the name of the folder, or build from the folder above",),
    )
    return True


def _report_missing(item: Import, context: PassContext, sink: Sink) -> None:
    """Report modules that a folder of the project does not have, and no distribution adds to it."""
    missing = [item.module]
    if context.project.has(item.module):
        missing = [f"{item.module}.{each.name}" for each in item.names or () if each.name != "*"]
    for name in missing:
        sink.report(
            rules.UNRESOLVED_IMPORT,
            item.span,
            f"the project has no module `{name}`",
            help=("check the spelling and that the file belongs to the project",),
        )


def _may_be_brought(module: str, declared: set[str]) -> bool:
    """Return whether a declared distribution is named like a module with something added.

    `brightdata-sdk` probably installs `brightdata`, and `python-slugify` installs `slugify`.
    """
    name = _canonical(module)
    return any(
        each.startswith(f"{name}-") or each.removeprefix("python-").removeprefix("py") == name
        for each in declared
    )


def _report_undeclared(
    item: Import, top: str, packages: _Packages, spelling: Spelling, sink: Sink
) -> None:
    """Report an import of a package that nothing asks for.

    A distribution is named only if flashc knows that it has the module: by its table, by what is
    installed here, or because the project lists it in a place that is not chosen.
    """
    named = (name for name in distributions_of(item.module) if name in known_distributions())
    known = (*_installed(item.module), *named)
    names = {name for candidates in _candidates(item) for name in candidates}
    offer = next((packages.offers[name] for name in sorted(names) if name in packages.offers), None)
    if offer is not None:
        message = f"`{top}` is imported, but only {offer.place} lists `{offer.name}`, which workers do not get"
        parameter = spelling.dependencies
        help = alternatives(offer.help, parameter and f"add the package to `{parameter}`")
    elif known:
        message = (
            f"`{top}` is imported, but no endpoint and no requirements file asks for `{known[0]}`"
        )
        help = _to_add(f'`"{known[0]}"`', spelling)
    else:
        message = f"`{top}` is imported, but nothing that the app asks for is known to install it"
        help = _to_add("the package that installs it", spelling)
    sink.report(
        rules.UNDECLARED_PACKAGE,
        item.span,
        message,
        secondary=() if offer is None else (Label(offer.span, "it is listed here"),),
        notes=("the import works only if another package happens to install it",),
        help=help,
    )


def _to_add(package: str, spelling: Spelling) -> tuple[str]:
    """Return help that says where to ask for a package."""
    whose = "" if spelling.dependencies is None else " of the endpoint that needs it"
    return (f"add {package} to {spelling.packages()}{whose}",)


def _report_outside(item: Import, top: str, outside: AddedFolder, sink: Sink) -> None:
    """Report an import of a module in a folder outside the project."""
    sink.report(
        rules.IMPORT_LEAVES_PROJECT,
        item.span,
        f"`{top}` is in `{outside.folder}`, outside the project, so workers do not get it",
        notes=(f"`sys.path` gets that folder in line {outside.line} of `{outside.path}`",),
        help=(
            f"list `{outside.folder}` in `requirements.txt` if it has a `pyproject.toml`",
            "or move the module into the project, or build from a folder that contains both",
        ),
    )


def _check_used(
    modules: list[Module], program: Program, context: PassContext, declared: set[str] | None
) -> None:
    """Report the packages that endpoints declare and no worker module imports.

    `declared` are the names of all distributions that the app asks for; None if they are not known.
    """
    is_namespace = context.project.is_namespace  # a distribution may be a part of the folder
    items = [
        item
        for module in modules
        for item in module.imports
        if item.origin is Origin.EXTERNAL or is_namespace(item.module.partition(".")[0])
    ]
    used = {name for item in items for names in _by_table(item) for name in names}
    unused = [
        dependency
        for endpoint in program.code_endpoints
        for dependency in endpoint.configuration.dependencies
        if _must_be_imported(dependency) and dependency.name not in used
    ]
    if unused:  # reading installed metadata is slow, so it is skipped if nothing is unused
        used = {name for item in items for name in _installed(item.module)}
    spans = [d.span for e in program.code_endpoints for d in e.configuration.dependencies]
    texts = [_source_without(module, spans, context) for module in modules] if unused else []
    tops = {item.module.partition(".")[0] for item in items}
    if runs_python(texts):
        return
    for dependency in unused:
        if declared is None and "-" in dependency.name:
            continue  # it may be a plugin of any package
        if dependency.name not in used and not may_be_loaded(
            dependency, tops, texts, declared or ()
        ):
            context.sink.report(
                rules.UNUSED_DEPENDENCY,
                dependency.span,
                f"no module that workers import uses `{dependency.name}`",
                notes=("it makes the artifact larger and every cold start longer",),
                help=("remove it, or suppress this finding if another package loads it",),
            )


def _source_without(module: Module, requirements: Iterable[Span], context: PassContext) -> str:
    """Return the source of a module without its requirements; "" if it can't be read."""
    edits = {Edit(span, "") for span in requirements if span.path == module.path}
    try:
        return apply_edits(context.source_of_module(module.name).text, edits)
    except (OSError, Undecodable, OverlappingEdits):
        return ""


def _must_be_imported(dependency: Dependency) -> bool:
    """Return whether an unused dependency is a mistake.

    It is no mistake in these cases:

    - Workers have the package anyway.
    - The package is usually not imported directly, because others load it.
    - The requirement has a source other than an index, so that the name to import is unknown, or it has extras, which may
      be the reason for the requirement.
    - The requirement may only limit the version of a package that another one needs, by an upper
      bound or by `!=`.
    """
    name = dependency.name
    if name in not_imported_directly() | worker_distributions() | commonly_transitive():
        return False
    if name.startswith(("nvidia-", "types-")) or distribution_for_module(name) is not None:
        return False
    from packaging.requirements import Requirement  # takes long to import

    requirement = Requirement(dependency.requirement)
    bounds = {specifier.operator for specifier in requirement.specifier}
    return dependency.source is None and not requirement.extras and not bounds & {"<", "<=", "!="}


def _candidates(item: Import) -> Iterator[tuple[str, ...]]:
    """Yield the distributions that an import may come from, by the table and by what is installed.

    Reading the installed metadata takes longest, so it comes last.
    """
    yield from _by_table(item)
    yield _installed(item.module)


def _by_table(item: Import) -> Iterator[tuple[str, ...]]:
    """Yield the distributions that an import may come from, by flashc's table."""
    yield distributions_of(item.module)
    for name in item.names or ():
        yield distributions_of(f"{item.module}.{name.name}")


def _installed(module: str) -> tuple[str, ...]:
    """Return the distributions in this environment that contain a module, by their canonical names."""
    top = module.partition(".")[0]
    return tuple(_canonical(found.name) for found, tops in _environment() if top in tops)


@cache
def _environment() -> list[tuple[Distribution, frozenset[str]]]:
    """Return the distributions of this environment, each with the names of its files and folders at the top.

    `packages_distributions` does the same and takes ten times longer, because it makes a path of each
    file and parses all metadata.
    """
    from importlib.metadata import distributions  # takes long to import

    return [(found, frozenset(_tops_of(found))) for found in distributions()]


def _tops_of(found: Distribution) -> Iterator[str]:
    """Yield the names of what a distribution has at the top: the first parts of the paths in its RECORD."""
    declared = found.read_text("top_level.txt")
    if declared:
        yield from declared.split()
    for line in (found.read_text("RECORD") or "").splitlines():
        folder, slash, _ = line.partition("/")
        yield folder if slash else line.partition(",")[0].partition(".")[0]


def _canonical(name: str) -> str:
    """Return the canonical form of a distribution's name."""
    from packaging.utils import canonicalize_name  # takes long to import

    return canonicalize_name(name)
