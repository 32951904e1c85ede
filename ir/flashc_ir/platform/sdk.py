"""Provide the public surface of the Flash SDK: names, methods, attributes, parameters.

Data and sources: `data/sdk.json`, which `scripts/sdk_surface.py` writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from msgspec import Struct

from .facts import Fact, read_facts


class Surface(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one version of the SDK offers.

    `names` are those of the package `runpod_flash`, with its submodules.  `methods` and
    `attributes` are those of an `Endpoint`; each method has the names of its parameters.
    `parameters` are those of `Endpoint(...)`.
    """

    names: tuple[str, ...]
    methods: dict[str, tuple[str, ...]]
    attributes: tuple[str, ...]
    parameters: tuple[str, ...]


class Surfaces(Fact, frozen=True, kw_only=True):
    """The surface of each known version, the oldest first."""

    versions: dict[str, Surface]


class Reexports(Fact, frozen=True, kw_only=True):
    """The names of other packages that the SDK's package has too, by their names there."""

    names: dict[str, str]


class SdkFacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All facts of the data file."""

    surfaces: Surfaces
    reexports: Reexports


@cache
def _facts() -> SdkFacts:
    """Return the facts of the data file."""
    return read_facts("sdk", SdkFacts)


def newest_version() -> str:
    """Return the newest version of the SDK that flashc knows."""
    return list(_facts().surfaces.versions)[-1]


def surface() -> Surface:
    """Return the surface of the newest version of the SDK that flashc knows."""
    return _facts().surfaces.versions[newest_version()]


def has_name(name: str) -> bool:
    """Return whether a known version of the package `runpod_flash` has a name."""
    special = name.startswith("__") and name.endswith("__")
    return special or any(name in each.names for each in _facts().surfaces.versions.values())


def reexports() -> Mapping[str, str]:
    """Return the names that the SDK takes from other packages: `load_dotenv` from `dotenv`."""
    return _facts().reexports.names
