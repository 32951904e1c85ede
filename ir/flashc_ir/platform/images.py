"""Find the container image that a worker starts from, and the packages that the image contains.

Data and sources: `data/images.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from flashc_ir.endpoints import CodeEndpoint, LoadBalanced
from flashc_ir.resources import Cpu

from .facts import Fact, Names, read_facts

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
    the package.
    """

    name: str
    versions: tuple[str, ...]
    images: tuple[ImageKind, ...]
    pythons: tuple[str, ...]

    def satisfies(self, specifier: SpecifierSet) -> bool:
        """Return whether `specifier` allows every version that the image may have."""
        return all(specifier.contains(version, prereleases=True) for version in self.versions)

    @property
    def version(self) -> str | None:
        """The exact version; None if only its bounds are known."""
        return self.versions[0] if len(self.versions) == 1 else None


class ImageFacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The facts of the data file."""

    pythons: Versions
    repositories: ByKind
    overrides: ByKind
    packages: tuple[ImagePackage, ...]
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
    """Return the distributions of the SDK, of which an artifact must not have a second copy."""
    return frozenset(image_facts().sdk.names)


class Image(Struct, frozen=True):
    """A worker image; `packages` is None if the user chose the image, because they are unknown."""

    name: str
    packages: tuple[ImagePackage, ...] | None

    def find(self, package: str) -> ImagePackage | None:
        """Return a package of the image by its normalized name.

        The result is None if the image does not have it.
        """
        return next((p for p in self.packages or () if p.name == package), None)


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
    packages = (p for p in facts.packages if kind in p.images and python_version in p.pythons)
    return Image(name, tuple(packages))


def image_kind(endpoint: CodeEndpoint) -> ImageKind:
    """Return the kind of image that an endpoint needs."""
    cpu = isinstance(endpoint.configuration.resources.hardware, Cpu)
    if isinstance(endpoint, LoadBalanced):
        return "lb-cpu" if cpu else "lb"
    return "cpu" if cpu else "gpu"
