"""Find the package that a Python module comes from.

Data and sources: `data/distributions.json`.
"""

from __future__ import annotations

from functools import cache

from msgspec import Struct

from .facts import Fact, Names, read_facts
from .worker_packages import worker_distributions

# The parts of a module's name from which a distribution is guessed; a longer name, which may have
# thousands of parts, says nothing more.
_MOST_PARTS = 8


class ImportNames(Fact, frozen=True, kw_only=True):
    """The distributions that install a module, by its dotted name, the most likely first."""

    names: dict[str, tuple[str, ...]]


class DistributionFacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The facts of the data file."""

    import_names: ImportNames
    ambiguous_modules: Names
    commonly_transitive: Names
    not_imported_directly: Names


@cache
def distribution_facts() -> DistributionFacts:
    """Return the facts of the data file."""
    return read_facts("distributions", DistributionFacts)


@cache
def commonly_transitive() -> frozenset[str]:
    """Return distributions that most lists of packages contain because others require them."""
    return frozenset(distribution_facts().commonly_transitive.names)


@cache
def not_imported_directly() -> frozenset[str]:
    """Return distributions that work without being imported by the program."""
    return frozenset(distribution_facts().not_imported_directly.names)


def distributions_of(module: str) -> tuple[str, ...]:
    """Return the distributions that may install a dotted module, the most likely first, normalized.

    They come from the data file; for other modules, from the name itself: `sentence_transformers`
    is installed by `sentence-transformers`, `google.cloud.storage` by `google-cloud-storage` or one
    of its prefixes.
    """
    known = _by_module(module)
    if known:
        return known
    from packaging.utils import canonicalize_name  # takes long to import, and most names are known

    names = (canonicalize_name(prefix.replace(".", "-")) for prefix in _prefixes(module))
    return tuple(dict.fromkeys(names))


def _prefixes(module: str) -> list[str]:
    """Return a dotted name, shortened to its first parts: the first one, the first two, and so on."""
    parts = module.split(".", _MOST_PARTS)[:_MOST_PARTS]
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


@cache
def known_distributions() -> frozenset[str]:
    """Return the names in the data files, which all are names of distributions that exist."""
    facts = distribution_facts()
    lists = (facts.commonly_transitive, facts.not_imported_directly)
    installing = (name for names in facts.import_names.names.values() for name in names)
    listed = (name for each in lists for name in each.names)
    return frozenset((*installing, *listed, *worker_distributions()))


def _by_module(module: str) -> tuple[str, ...]:
    """Return the distributions that install a dotted module by the data file; none if unknown."""
    known = distribution_facts().import_names.names
    return next((known[name] for name in reversed(_prefixes(module)) if name in known), ())


def distribution_for_module(requirement: str) -> str | None:
    """Return the distribution to ask for instead of a requirement that is only a module's name.

    `requirement` is normalized.  The result is None if it is the name of a distribution.
    """
    from packaging.utils import canonicalize_name

    facts = distribution_facts()
    for module, names in facts.import_names.names.items():
        if canonicalize_name(module) == requirement and module not in facts.ambiguous_modules.names:
            return None if requirement in names else names[0]
    return None
