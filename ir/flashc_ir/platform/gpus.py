"""Tell how much memory each GPU of the platform has, from `data/gpus.json`."""

from __future__ import annotations

from functools import cache

from msgspec import Struct

from .facts import Fact, read_facts


class GpuMemory(Fact, frozen=True, kw_only=True):
    """Memory in GB, by the name on the wire."""

    gigabytes: dict[str, int]


class GpuFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """The facts of the data file: by the model's name, and by the pool's id."""

    models: GpuMemory
    pools: GpuMemory


@cache
def gpu_memory() -> dict[str, int]:
    """Return the memory of GPUs in GB, by the name that programs choose them by: a model or a pool."""
    facts = read_facts("gpus", GpuFacts)
    return facts.models.gigabytes | facts.pools.gigabytes
