"""Convert GPUs and data centres of the IR to the strings of the Runpod API."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from flashc_ir.platform.catalogue import POOL_MEMBERS, DataCenter, GpuGroup, GpuType
from flashc_ir.resources import Cpu, Resources


@cache
def gpu_ids(choices: tuple[str, ...]) -> str:
    """Return `gpuIds`: the pools in order, then `-MODEL` for each model that is not wanted.

    A chosen model is written as its pool without the pool's other models, unless the pool itself is
    chosen too.  `any` is every pool.  Source: `GpuGroup.to_gpu_ids_str` of runpod_flash.
    """
    if GpuGroup.ANY.value in choices:
        return _ordered({pool.value for pool in GpuGroup.all()})
    pool_ids = {pool.value for pool in GpuGroup}
    pools = {GpuGroup(choice) for choice in choices if choice in pool_ids}
    models = {GpuType(choice) for choice in choices if choice not in pool_ids}
    tokens = {pool.value for pool in pools}
    for pool, members in POOL_MEMBERS.items():
        if pool not in pools and models & set(members):
            tokens.add(pool.value)
            tokens |= {f"-{member.value}" for member in members if member not in models}
    return _ordered(tokens)


def _ordered(tokens: set[str]) -> str:
    """Join GPU ids by commas: the pools first, then the excluded models."""
    return ",".join(sorted(tokens, key=lambda t: (t.startswith("-"), t.lstrip("-").lower())))


def locations(resources: Resources, environ: Mapping[str, str]) -> str | None:
    """Return the data centres for workers, comma-separated; None if the platform chooses.

    GPU endpoints that name no data centre get all that the SDK lists.  RUNPOD_DEFAULT_LOCATIONS
    overrides the program; RUNPOD_DEFAULT_DATACENTER is used if the program names no data centre.
    """
    forced = environ.get("RUNPOD_DEFAULT_LOCATIONS")
    if forced:
        return forced
    if resources.datacenters is not None:
        return ",".join(resources.datacenters)
    fallback = environ.get("RUNPOD_DEFAULT_DATACENTER")
    if fallback:
        return fallback
    if isinstance(resources.hardware, Cpu):
        return None
    return ",".join(each.value for each in DataCenter.all())
