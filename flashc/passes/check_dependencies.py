"""What shipped modules import of others' -> a report of packages that nobody asks for, or nobody uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flashc.frontend.summary import Facts
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_ir.endpoints import Dependency, Endpoint, ExistingEndpoint, ImageEndpoint
from flashc_ir.modules import Import, Module, Origin
from flashc_ir.platform.distributions import (
    COMMONLY_TRANSITIVE,
    WORKER_DISTRIBUTIONS,
    WORKS_UNIMPORTED,
    distributions_of,
    meant_by,
)


def check_dependencies(
    facts: Facts,
    shipped: set[str],
    requirements: Iterable[Dependency],
    exclude: Iterable[str],
    sink: Sink,
) -> None:
    """Every third-party import of a shipped module belongs to a package that workers will have, and every
    package that an endpoint asks for is imported.

    All endpoints share one set of packages, so one declaration is enough for all.
    """
    declared = {d.name for d in requirements if not d.constraint} | {
        canonicalize_name(name) for name in exclude
    }
    for endpoint in facts.endpoints:
        if not isinstance(endpoint, ExistingEndpoint):
            declared |= {d.name for d in endpoint.configuration.dependencies}
    present = declared | WORKER_DISTRIBUTIONS | COMMONLY_TRANSITIVE
    imports = [m for m in facts.modules if m.name in shipped]
    explained = [_check_module(module, present, sink) for module in imports]
    computed = any(p.computed for name in shipped for p in facts.problems.get(name, ()))
    # Any package may be what a computed import means, or one whose name says nothing.
    if all(explained) and not computed:
        _check_used(imports, facts.endpoints, sink)


def _check_module(module: Module, present: set[str], sink: Sink) -> bool:
    """Whether all imports of a module lead to packages that workers have."""
    seen: set[str] = set()
    for item in module.imports:
        if item.origin is not Origin.EXTERNAL or item.typing_only or item.guarded:
            continue
        top = item.module.partition(".")[0]
        if top in seen or any(set(names) & present for names in _candidates(item)):
            continue
        seen.add(top)
        likely = (*_installed(item.module), *distributions_of(item.module))[0]
        sink.report(
            rules.UNDECLARED_PACKAGE,
            item.span,
            f"`{top}` is imported, but no endpoint and no requirements file asks for `{likely}`",
            notes=("the import works only if another package brings it along",),
            help=(f'add `"{likely}"` to `dependencies` of the endpoint that needs it',),
        )
    return not seen


def _check_used(modules: list[Module], endpoints: Iterable[Endpoint], sink: Sink) -> None:
    """Report what endpoints ask for by name and no shipped module imports."""
    items = [i for m in modules for i in m.imports if i.origin is Origin.EXTERNAL]
    used = {name for item in items for names in _by_table(item) for name in names}
    unused = [
        dependency
        for endpoint in endpoints
        if not isinstance(endpoint, (ExistingEndpoint, ImageEndpoint))
        for dependency in endpoint.configuration.dependencies
        if _must_be_imported(dependency) and dependency.name not in used
    ]
    if unused:  # else nobody needs to know what is installed here, which takes longest to find out
        used = {name for item in items for name in _installed(item.module)}
    for dependency in unused:
        if dependency.name not in used:
            sink.report(
                rules.UNUSED_DEPENDENCY,
                dependency.span,
                f"no module that goes to workers imports `{dependency.name}`",
                notes=("it makes the artifact larger and every cold start longer",),
                help=("remove it, or suppress this where another package loads it",),
            )


def _must_be_imported(dependency: Dependency) -> bool:
    """A direct reference tells no name to import, and an upper bound is there for another's sake."""
    name = dependency.name
    if name in WORKS_UNIMPORTED | WORKER_DISTRIBUTIONS | COMMONLY_TRANSITIVE:
        return False
    if name.startswith(("nvidia-", "types-")) or meant_by(name) is not None:
        return False
    requirement = Requirement(dependency.requirement)
    bounds = {specifier.operator for specifier in requirement.specifier}
    return requirement.url is None and not requirement.extras and not bounds & {"<", "<=", "!="}


def _candidates(item: Import) -> Iterator[tuple[str, ...]]:
    """The distributions that an import may come from: by the table, or by what is installed here.

    Reading what is installed takes longer than all else, so it comes last.
    """
    yield from _by_table(item)
    yield _installed(item.module)


def _by_table(item: Import) -> Iterator[tuple[str, ...]]:
    yield distributions_of(item.module)
    for name in item.names or ():
        yield distributions_of(f"{item.module}.{name.name}")


def _installed(module: str) -> tuple[str, ...]:
    """The distributions of this environment that bring a module, normalized."""
    return tuple(map(canonicalize_name, _metadata().get(module.partition(".")[0], ())))


@cache
def _metadata() -> Mapping[str, list[str]]:
    return packages_distributions()
