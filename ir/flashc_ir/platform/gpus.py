"""Provide the memory of each GPU of the platform, from `data/gpus.json`."""

from __future__ import annotations

from functools import cache

from msgspec import Struct

from .facts import Fact, read_facts


class GpuMemory(Fact, frozen=True, kw_only=True):
    """The memory of GPUs in GB, by the name in the platform's API."""

    gigabytes: dict[str, int]


class GpuFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """The facts of the data file: by the model's name, and by the pool's id."""

    models: GpuMemory
    pools: GpuMemory


@cache
def gpu_memory() -> dict[str, int]:
    """Return the memory of GPUs in GB, by the model or pool that a program can choose."""
    facts = read_facts("gpus", GpuFacts)
    return facts.models.gigabytes | facts.pools.gigabytes
