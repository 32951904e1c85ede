"""Say which packages the worker installs in every image, and which versions it needs to start.

Data and sources: `data/worker.json` and `data/worker-packages.json`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from msgspec import Struct

from .facts import Fact, read_facts
from .markers import worker_environment

if TYPE_CHECKING:  # importing it takes long
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

WORKER = "the worker"


class OwnRequirements(Fact, frozen=True, kw_only=True):
    """The requirements of the worker's own program."""

    requirements: tuple[str, ...]


class WorkerFacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The facts of the data file."""

    own: OwnRequirements


class VersionRange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The versions of a package, the lowest first, in images with these Pythons.

    An `optional` package is only in some releases of the images.
    """

    versions: tuple[str, ...]
    pythons: tuple[str, ...]
    optional: bool = False


class InstalledVersions(Fact, frozen=True, kw_only=True):
    """The versions of the packages that every image installs, by their names."""

    versions: dict[str, tuple[VersionRange, ...]]


class RequirementsOfPackages(Fact, frozen=True, kw_only=True):
    """The requirements of the packages, by `NAME==VERSION`."""

    requirements: dict[str, tuple[str, ...]]


class ModulesOfPackages(Fact, frozen=True, kw_only=True):
    """The modules of packages that install others than the one with their own name."""

    names: dict[str, tuple[str, ...]]


class PackageFacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The facts of the data file that `scripts/image_packages.py` writes."""

    packages: InstalledVersions
    requirements: RequirementsOfPackages
    modules: ModulesOfPackages


class WorkerNeed(Struct, frozen=True, kw_only=True):
    """What the worker, or a package of the image, requires of another package.

    `who` is `WORKER` or the name of a package.  `ranges` has the version of that package with the
    range that it accepts, for each known version that requires `name`, the lowest first.  `always`
    says that each known version requires it.  `at_start` says that the worker imports the package
    when it starts.
    """

    who: str
    name: str
    ranges: tuple[tuple[str, SpecifierSet], ...]
    always: bool
    at_start: bool


@cache
def worker_facts() -> WorkerFacts:
    """Return the facts about the worker's own program."""
    return read_facts("worker", WorkerFacts)


@cache
def package_facts() -> PackageFacts:
    """Return the facts about the packages that every image installs."""
    return read_facts("worker-packages", PackageFacts)


@cache
def worker_distributions() -> frozenset[str]:
    """Return the distributions that worker images install, normalized."""
    return frozenset(package_facts().packages.versions)


@cache
def worker_versions(python_version: str) -> Mapping[str, VersionRange]:
    """Return the packages of an image for a Python, by their names."""
    return {
        name: each
        for name, ranges in package_facts().packages.versions.items()
        for each in ranges
        if python_version in each.pythons
    }


@cache
def modules_of_packages() -> frozenset[str]:
    """Return the top-level modules of the packages that worker images install."""
    modules = package_facts().modules.names
    every = (modules.get(name, (name.replace("-", "_"),)) for name in worker_distributions())
    return frozenset(module for names in every for module in names)


def needs_of_worker_itself() -> Iterator[tuple[str, SpecifierSet]]:
    """Yield (name, versions) for the packages that the worker's own program needs to start."""
    for name, requirement in parsed_requirements(worker_facts().own.requirements):
        yield name, requirement.specifier


@cache
def needs_of_worker(python_version: str) -> tuple[WorkerNeed, ...]:
    """Return what the worker and the packages of its image require of other packages."""
    return tuple(_needs(python_version))


def _needs(python_version: str) -> Iterator[WorkerNeed]:
    """Yield what `needs_of_worker` returns."""
    for name, specifier in needs_of_worker_itself():
        own = ((WORKER, specifier),)
        yield WorkerNeed(who=WORKER, name=name, ranges=own, always=True, at_start=True)
    started = started_packages(python_version)
    for who, known in worker_versions(python_version).items():
        found: dict[str, list[tuple[str, SpecifierSet]]] = {}
        for version in known.versions:
            for name, requirement in _required(who, version, python_version):
                found.setdefault(name, []).append((version, requirement.specifier))
        for name, ranges in found.items():
            yield WorkerNeed(
                who=who,
                name=name,
                ranges=tuple(ranges),
                always=len(ranges) == len(known.versions) and not known.optional,
                at_start=who in started,
            )


@cache
def started_packages(python_version: str) -> frozenset[str]:
    """Return the packages that the worker imports when it starts, and those that they require."""
    pending = [name for name, _ in needs_of_worker_itself()]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            known = worker_versions(python_version).get(name)
            for version in known.versions if known is not None else ():
                pending += [each for each, _ in _required(name, version, python_version)]
    return frozenset(found)


def _required(who: str, version: str, python_version: str) -> Iterator[tuple[str, Requirement]]:
    """Yield what one version of a package requires on workers."""
    environment = worker_environment(python_version)
    texts = package_facts().requirements.requirements.get(f"{who}=={version}", ())
    for name, requirement in parsed_requirements(texts):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            yield name, requirement


@cache
def parsed_requirements(texts: tuple[str, ...]) -> tuple[tuple[str, Requirement], ...]:
    """Return parsed requirements with canonical names."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    return tuple((canonicalize_name(each.name), each) for each in map(Requirement, texts))


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
