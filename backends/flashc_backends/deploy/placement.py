"""Find endpoints that no data centre can run now: no stock, or settings that exclude each other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct

from flashc_backends.cloud.model import Device, Settings
from flashc_backends.cloud.port import Cloud
from flashc_ir.platform.catalogue import POOL_MEMBERS, GpuGroup, GpuType

from .plan import Action, Plan, Step

_PARALLEL = 8  # requests at once
_MATTER = frozenset(("gpu", "gpu count", "cpu", "data centres", "volumes"))


class NoPlace(Struct, frozen=True, kw_only=True):
    """An endpoint has no place.

    `centers` are the data centres that its settings allow, () for all.  If `is_contradiction`, its
    volumes are in none of the data centres that it names; else there is no stock.
    """

    endpoint: str
    devices: tuple[str, ...]
    centers: tuple[str, ...]
    is_contradiction: bool


def without_place(cloud: Cloud, plan: Plan) -> tuple[NoPlace, ...]:
    """Return the endpoints of a plan that get a place or another one, and that have none now.

    Raises:
        CloudError: the platform can't be asked.
    """
    due = [step for step in plan.steps if step.settings is not None and _needs_place(step)]
    devices = sorted({d for step in due if step.settings for d in devices_of(step.settings)})
    with ThreadPoolExecutor(_PARALLEL) as pool:
        stock = dict(zip(devices, pool.map(cloud.stock, devices), strict=True))
    return tuple(
        found
        for step in due
        if step.settings and (found := _check(step.name, step.settings, stock))
    )


def devices_of(settings: Settings) -> tuple[Device, ...]:
    """Return the devices of which an endpoint needs one."""
    return tuple(sorted({*_gpus(settings), *_cpus(settings)}))


def _needs_place(step: Step) -> bool:
    if step.action in (Action.CREATE, Action.RECREATE):
        return True
    return any(change.setting in _MATTER for change in step.changes)


def _check(
    name: str, settings: Settings, stock: dict[Device, frozenset[str] | None]
) -> NoPlace | None:
    """Return that an endpoint has no place; None if it has one, or if that is not known."""
    pinned = {volume.data_center for volume in settings.volumes if volume.data_center}
    allowed = set(settings.data_centers)
    devices = devices_of(settings)
    shown = tuple(sorted({device.name for device in devices}))
    if pinned and allowed and not pinned & allowed:
        return NoPlace(
            endpoint=name, devices=shown, centers=tuple(sorted(allowed)), is_contradiction=True
        )
    centers = (pinned & allowed) or pinned or allowed
    found = [stock[device] for device in devices]
    known = [places for places in found if places is not None]
    if not devices or len(known) < len(found):
        return None
    if any(places & centers if centers else places for places in known):
        return None
    return NoPlace(
        endpoint=name, devices=shown, centers=tuple(sorted(centers)), is_contradiction=False
    )


def _gpus(settings: Settings) -> Iterator[Device]:
    """Yield the GPU models of the pools, without those that the settings exclude."""
    excluded = {token[1:] for token in settings.gpus if token.startswith("-")}
    for token in settings.gpus:
        for model in _members(token):
            if model.value not in excluded:
                yield Device(kind="gpu", name=model.value, count=max(settings.gpu_count, 1))


def _cpus(settings: Settings) -> Iterator[Device]:
    """Yield the CPU families, such as `cpu3c` with 2 vCPUs for `cpu3c-2-4`."""
    for instance in settings.instances:
        family, _, rest = instance.partition("-")
        count = rest.partition("-")[0]
        if count.isdecimal():
            yield Device(kind="cpu", name=family, count=int(count))


def _members(pool: str) -> tuple[GpuType, ...]:
    """Return the models of a pool; () for a pool that flashc does not know."""
    known = {group.value: group for group in GpuGroup}
    return POOL_MEMBERS.get(known[pool], ()) if pool in known else ()
