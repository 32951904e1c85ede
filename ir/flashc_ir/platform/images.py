"""Which image a worker starts from, and what that image already has: facts, with where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from packaging.specifiers import SpecifierSet

from flashc_ir.endpoints import CodeEndpoint, LoadBalanced
from flashc_ir.resources import Cpu

SUPPORTED_PYTHONS = ("3.10", "3.11", "3.12", "3.13")

ImageKind = Literal["gpu", "cpu", "lb", "lb-cpu"]

# Source: `core/resources/constants.py` of runpod_flash 1.21.
_REPOSITORIES: dict[ImageKind, str] = {
    "gpu": "runpod/flash",
    "cpu": "runpod/flash-cpu",
    "lb": "runpod/flash-lb",
    "lb-cpu": "runpod/flash-lb-cpu",
}
_OVERRIDES: dict[ImageKind, str] = {
    "gpu": "FLASH_GPU_IMAGE",
    "cpu": "FLASH_CPU_IMAGE",
    "lb": "FLASH_LB_IMAGE",
    "lb-cpu": "FLASH_CPU_LB_IMAGE",
}


@dataclass(frozen=True, slots=True)
class Provided:
    """A package of an image.  Its version lies between the first and the last of `versions`; where there
    is one, it is known exactly."""

    name: str
    versions: tuple[str, ...]
    source: str

    def satisfies(self, specifier: SpecifierSet) -> bool:
        """Whether every version that the image may have is one that `specifier` allows."""
        return all(specifier.contains(version, prereleases=True) for version in self.versions)

    @property
    def version(self) -> str | None:
        return self.versions[0] if len(self.versions) == 1 else None


_BASE = "runpod-workers/flash, Dockerfile and Dockerfile-lb: runpod/pytorch:1.0.3-cu1281-torch291"
_TORCH = Provided("torch", ("2.9.1+cu128",), _BASE)
_TRITON = Provided("triton", ("3.5.1",), "torch 2.9.1 requires triton==3.5.1 on Linux x86_64")
# The image takes the newest numpy of the day it is built.  1.26 is the first for Python 3.12.
_NUMPY = Provided("numpy", ("1.26.0", "2.999"), "the same files: `pip install numpy`, unpinned")

_GPU_PACKAGES: dict[str, tuple[Provided, ...]] = {
    "3.10": (_TORCH, _TRITON),
    "3.11": (_TORCH, _TRITON),
    "3.12": (_TORCH, _TRITON, _NUMPY),
    "3.13": (_TORCH, _TRITON),
}
_PACKAGES: dict[ImageKind, dict[str, tuple[Provided, ...]]] = {
    "gpu": _GPU_PACKAGES,
    "lb": _GPU_PACKAGES,
    "cpu": {},
    "lb-cpu": {},
}

# Too large for an artifact, whether an image has them or not.
NEVER_BUNDLED = frozenset({"torch", "torchvision", "torchaudio", "triton"})
# The worker's own SDK: a second copy in the artifact would take the place of the image's.
SDK_DISTRIBUTIONS = frozenset({"runpod", "runpod-flash", "flashc"})


@dataclass(frozen=True, slots=True)
class Image:
    """A worker image.  `packages` is None for one that the user put in its place: nothing is known."""

    name: str
    packages: tuple[Provided, ...] | None

    def find(self, package: str) -> Provided | None:
        return next((p for p in self.packages or () if p.name == package), None)


def image_of(endpoint: CodeEndpoint, python_version: str, environ: Mapping[str, str]) -> Image:
    """The image of a code endpoint's workers: by kind and hardware, unless `environ` overrides it."""
    kind = image_kind(endpoint)
    override = environ.get(_OVERRIDES[kind])
    if override:
        return Image(override, None)
    tag = environ.get("FLASH_IMAGE_TAG", "latest")
    name = f"{_REPOSITORIES[kind]}:py{python_version}-{tag}"
    return Image(name, _PACKAGES[kind].get(python_version, ()))


def image_kind(endpoint: CodeEndpoint) -> ImageKind:
    """Which of the four images an endpoint needs."""
    cpu = isinstance(endpoint.configuration.resources.hardware, Cpu)
    if isinstance(endpoint, LoadBalanced):
        return "lb-cpu" if cpu else "lb"
    return "cpu" if cpu else "gpu"
