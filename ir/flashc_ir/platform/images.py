"""Find the container image that a worker starts from, and the packages that the image contains.

Data and sources: `data/images.json`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, structs

from flashc_ir.endpoints import CodeEndpoint, LoadBalanced
from flashc_ir.resources import Cpu

from .facts import Fact, Names, read_facts
from .worker_packages import (
    WORKER,
    RequirementsOfPackages,
    WorkerNeed,
    may_overlap,
    modules_of_packages,
    needs_of_worker,
    package_facts,
    parsed_requirements,
    worker_versions,
)

if TYPE_CHECKING:  # importing it takes long
    from packaging.specifiers import SpecifierSet

DEFAULT_PYTHON = "3.12"
"""The version that the SDK takes if a project names none, and whose image has the most packages."""

ImageKind = Literal["gpu", "cpu", "lb", "lb-cpu"]


class Versions(Fact, frozen=True, kw_only=True):
    """A list of versions, the lowest first."""

    versions: tuple[str, ...]


class ByKind(Fact, frozen=True, kw_only=True):
    """A name for each kind of image."""

    names: dict[ImageKind, str]


class ImagePackage(Fact, frozen=True, kw_only=True):
    """A package of an image.

    If `versions` has one item, it is the exact version; otherwise the version is between the first
    and the last.  `images` and `pythons` are the kinds of images and the Python versions that have
    the package.  Only some releases of these images have an `optional` one.
    """

    name: str
    versions: tuple[str, ...]
    images: tuple[ImageKind, ...]
    pythons: tuple[str, ...]
    optional: bool = False

    def satisfies(self, specifier: SpecifierSet) -> bool:
        """Return whether the image has the package, and `specifier` allows its version."""
        if self.optional:
            return False
        return all(specifier.contains(version, prereleases=True) for version in self.versions)

    @property
    def version(self) -> str | None:
        """The exact version; None if only its bounds are known."""
        return self.versions[0] if len(self.versions) == 1 else None

    def excludes(self, specifier: SpecifierSet) -> bool:
        """Return whether `specifier` allows no version that the image may have."""
        from packaging.specifiers import SpecifierSet

        if self.version is not None:
            return not specifier.contains(self.version, prereleases=True)
        first, last = self.versions[0], self.versions[-1]
        return not may_overlap(specifier, SpecifierSet(f">={first},<={last}"))

    def shown(self) -> str:
        """Return the version, or the bounds of the version, as text for people."""
        if self.optional:
            return f"{self.versions[-1]} in some releases only"
        if self.version is not None:
            return self.version
        return f"a version from {self.versions[0]} to {self.versions[-1]}"


class ModulesOfBases(Fact, frozen=True, kw_only=True):
    """Modules that an image may have from the image that it starts from."""

    names: dict[ImageKind, tuple[str, ...]]


class ImageFacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The facts of the data file."""

    pythons: Versions
    repositories: ByKind
    overrides: ByKind
    packages: tuple[ImagePackage, ...]
    companions: RequirementsOfPackages
    base_modules: ModulesOfBases
    never_bundled: Names
    sdk: Names


@cache
def image_facts() -> ImageFacts:
    """Return the facts of the data file."""
    return read_facts("images", ImageFacts)


def supported_pythons() -> tuple[str, ...]:
    """Return the Python versions for which there are images, the lowest first."""
    return image_facts().pythons.versions


@cache
def never_bundled() -> frozenset[str]:
    """Return the distributions that are too large for any artifact, even if an image lacks them."""
    return frozenset(image_facts().never_bundled.names)


@cache
def sdk_distributions() -> frozenset[str]:
    """Return the distributions of the SDK; an artifact must not have a second copy of them."""
    return frozenset(image_facts().sdk.names)


class Image(Struct, frozen=True):
    """A worker image; `packages` is None if the user chose the image, because they are unknown.

    `modules` are the top-level modules that the image has or may have.
    """

    name: str
    packages: tuple[ImagePackage, ...] | None
    modules: frozenset[str] = frozenset()

    def find(self, package: str) -> ImagePackage | None:
        """Return a package of the image by its normalized name.

        The result is None if the image does not have it.
        """
        return next((p for p in self.packages or () if p.name == package), None)

    def needs(self, python_version: str) -> Iterator[WorkerNeed]:
        """Yield what the worker and the packages of the image require of other packages.

        Of an image that the user chose, only what the worker itself needs is known.
        """
        for need in needs_of_worker(python_version):
            if self.packages is not None or need.who == WORKER:
                yield need


def image_of(endpoint: CodeEndpoint, python_version: str, environ: Mapping[str, str]) -> Image:
    """Return the image for the workers of an endpoint, by its kind and hardware.

    `environ` may name another image.
    """
    kind, facts = image_kind(endpoint), image_facts()
    override = environ.get(facts.overrides.names[kind])
    if override:
        return Image(override, None)
    tag = environ.get("FLASH_IMAGE_TAG", "latest")
    name = f"{facts.repositories.names[kind]}:py{python_version}-{tag}"
    return Image(name, _packages(kind, python_version), _modules(kind))


def image_named(name: str, python_version: str) -> Image | None:
    """Return an image of Runpod by its name; None for an image that the user chose."""
    for kind, repository in image_facts().repositories.names.items():
        if name.startswith(f"{repository}:py{python_version}-"):
            return Image(name, _packages(kind, python_version), _modules(kind))
    return None


@cache
def _packages(kind: ImageKind, python_version: str) -> tuple[ImagePackage, ...]:
    """Return the packages of an image: those of its own kind, and those of every worker."""
    every = package_facts().packages
    facts = image_facts()
    own = [p for p in facts.packages if kind in p.images and python_version in p.pythons]
    return (
        *own,
        *(
            structs.replace(package, name=name, versions=(pin.version,))
            for package in own
            for name, requirement in parsed_requirements(
                facts.companions.requirements.get(package.name, ())
            )
            for pin in requirement.specifier
        ),
        *(
            ImagePackage(
                name=name,
                source=every.source,
                date=every.date,
                versions=known.versions,
                optional=known.optional,
                images=(kind,),
                pythons=(python_version,),
            )
            for name, known in worker_versions(python_version).items()
        ),
    )


@cache
def _modules(kind: ImageKind) -> frozenset[str]:
    """Return the top-level modules that an image of a kind has or may have."""
    facts = image_facts()
    own = {each.name for each in facts.packages if kind in each.images}
    return frozenset((*modules_of_packages(), *facts.base_modules.names.get(kind, ()), *own))


def image_kind(endpoint: CodeEndpoint) -> ImageKind:
    """Return the kind of image that an endpoint needs."""
    cpu = isinstance(endpoint.configuration.resources.hardware, Cpu)
    if isinstance(endpoint, LoadBalanced):
        return "lb-cpu" if cpu else "lb"
    return "cpu" if cpu else "gpu"
