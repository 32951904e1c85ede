"""What shipped modules import of others' -> a report of packages that nobody asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions

from packaging.utils import canonicalize_name

from flashc_ir import rules
from flashc_ir.diagnostics import Sink
from flashc_ir.distributions import COMMONLY_TRANSITIVE, WORKER_DISTRIBUTIONS, distributions_of
from flashc_ir.program import (
    Dependency,
    Endpoint,
    ExistingEndpoint,
    Import,
    Module,
    Origin,
)


def check_declared(
    modules: Iterable[Module],
    shipped: set[str],
    endpoints: Iterable[Endpoint],
    requirements: Iterable[Dependency],
    exclude: Iterable[str],
    sink: Sink,
) -> None:
    """Every third-party import of a shipped module belongs to a package that workers will have.

    All endpoints share one set of packages, so one declaration is enough for all.
    """
    declared = {d.name for d in requirements} | {canonicalize_name(name) for name in exclude}
    for endpoint in endpoints:
        if not isinstance(endpoint, ExistingEndpoint):
            declared |= {d.name for d in endpoint.configuration.dependencies}
    present = declared | WORKER_DISTRIBUTIONS | COMMONLY_TRANSITIVE
    for module in modules:
        if module.name in shipped:
            _check_module(module, present, sink)


def _check_module(module: Module, present: set[str], sink: Sink) -> None:
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


def _candidates(item: Import) -> Iterator[tuple[str, ...]]:
    """The distributions that an import may come from: by the table, or by what is installed here.

    Reading what is installed takes longer than all else, so it comes last.
    """
    yield distributions_of(item.module)
    for name in item.names or ():
        yield distributions_of(f"{item.module}.{name.name}")
    yield _installed(item.module)


def _installed(module: str) -> tuple[str, ...]:
    """The distributions of this environment that bring a module, normalized."""
    return tuple(map(canonicalize_name, _metadata().get(module.partition(".")[0], ())))


@cache
def _metadata() -> Mapping[str, list[str]]:
    return packages_distributions()
