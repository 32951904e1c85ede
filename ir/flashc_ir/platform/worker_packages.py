"""Say which versions of its own packages the worker needs to start.

Data and sources: `data/worker.json`.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from functools import cache
from typing import TYPE_CHECKING

from msgspec import Struct
from packaging.utils import canonicalize_name

from .facts import Fact, read_facts

if TYPE_CHECKING:  # importing it takes long
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

WORKER = "the worker"


class OwnRequirements(Fact, frozen=True, kw_only=True):
    """The requirements of the worker's own program."""

    requirements: tuple[str, ...]


class RequirementsOfPackages(Fact, frozen=True, kw_only=True):
    """The requirements of the packages that the worker imports, by their names."""

    requirements: dict[str, tuple[str, ...]]


class WorkerFacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The facts of the data file."""

    own: OwnRequirements
    of_packages: RequirementsOfPackages


@cache
def worker_facts() -> WorkerFacts:
    """Return the facts of the data file."""
    return read_facts("worker", WorkerFacts)


def needs_of_worker(bundled: Set[str] = frozenset()) -> Iterator[tuple[str, str, SpecifierSet]]:
    """Yield (who needs it, name, versions) for the packages that the worker needs to start.

    `bundled` are the distributions in the artifact, which replace those of the image: what these
    need, the artifact brings.
    """
    for name, requirement in _parsed(WORKER):
        yield WORKER, name, requirement.specifier
    for package in worker_facts().of_packages.requirements:
        if package not in bundled:
            for name, requirement in _parsed(package):
                yield package, name, requirement.specifier


@cache
def _parsed(package: str) -> tuple[tuple[str, Requirement], ...]:
    """Return the requirements of a package or of the worker, with canonical names."""
    from packaging.requirements import Requirement

    facts = worker_facts()
    texts = facts.own.requirements if package == WORKER else facts.of_packages.requirements[package]
    return tuple((canonicalize_name(r.name), r) for r in map(Requirement, texts))


def may_overlap(one: SpecifierSet, other: SpecifierSet) -> bool:
    """Return whether some version fits both specifiers.

    It is enough to try the versions that the specifiers name, their neighbours, and the ends.
    """
    from packaging.version import InvalidVersion, Version

    tried = {"0", "99999"}
    for specifier in (*one, *other):
        text = specifier.version.removesuffix(".*")
        try:
            release = Version(text).release
        except InvalidVersion:  # an arbitrary version (`===`)
            return True
        *first, last = release
        tried |= {text, f"{text}.0.1" if specifier.version == text else f"{text}.99999"}
        tried |= {".".join(map(str, (*first, last + 1)))}
        tried |= {".".join(map(str, (*first, last - 1, 99999)))} if last > 0 else set()
        tried |= {".".join(map(str, (*first, 99999)))}
    return any(
        one.contains(version, prereleases=True) and other.contains(version, prereleases=True)
        for version in tried
        if _is_version(version)
    )


def _is_version(text: str) -> bool:
    """Return whether a text is a version."""
    from packaging.version import InvalidVersion, Version

    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
