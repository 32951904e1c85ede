"""Find endpoints that no data centre can run now: no stock, or settings that exclude each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from flashc_backends.cloud.model import DeviceKind, Settings
from flashc_backends.cloud.port import Cloud
from flashc_ir.platform.catalogue import POOL_MEMBERS, GpuGroup, GpuType

from .plan import Action, Plan, Step

_Need = tuple[DeviceKind, int]
_Stock = Mapping[str, frozenset[str]]
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
    due = [(s.name, s.settings) for s in plan.steps if s.settings is not None and _needs_place(s)]
    needs: set[_Need] = {
        (kind, count) for _, settings in due for kind, _, count in _devices(settings)
    }
    stock = {need: cloud.stock(*need) for need in sorted(needs)}
    found = (_check(name, settings, stock) for name, settings in due)
    return tuple(place for place in found if place is not None)


def _needs_place(step: Step) -> bool:
    if step.action in (Action.CREATE, Action.RECREATE):
        return True
    return any(change.setting in _MATTER for change in step.changes)


def _check(name: str, settings: Settings, stock: Mapping[_Need, _Stock]) -> NoPlace | None:
    """Return that an endpoint has no place; None if it has one, or if that is not known."""
    pinned = {volume.data_center for volume in settings.volumes if volume.data_center}
    allowed = set(settings.data_centers)
    devices = _devices(settings)
    shown = tuple(sorted({name for _, name, _ in devices}))
    if pinned and allowed and not pinned & allowed:
        return NoPlace(
            endpoint=name, devices=shown, centers=tuple(sorted(allowed)), is_contradiction=True
        )
    centers = (pinned & allowed) or pinned or allowed
    found = [stock[kind, count].get(device) for kind, device, count in devices]
    known = [places for places in found if places is not None]
    if not devices or len(known) < len(found):
        return None
    if any(places & centers if centers else places for places in known):
        return None
    return NoPlace(
        endpoint=name, devices=shown, centers=tuple(sorted(centers)), is_contradiction=False
    )


def _devices(settings: Settings) -> tuple[tuple[DeviceKind, str, int], ...]:
    """Return the devices of which an endpoint needs one: kind, name, and number per worker."""
    return tuple(sorted({*_gpus(settings), *_cpus(settings)}))


def _gpus(settings: Settings) -> Iterator[tuple[DeviceKind, str, int]]:
    """Yield the GPU models of the pools, without those that the settings exclude."""
    excluded = {token[1:] for token in settings.gpus if token.startswith("-")}
    for token in settings.gpus:
        for model in _members(token):
            if model.value not in excluded:
                yield "gpus", model.value, max(settings.gpu_count, 1)


def _cpus(settings: Settings) -> Iterator[tuple[DeviceKind, str, int]]:
    """Yield the CPU families, such as `cpu3c` with 2 vCPUs for `cpu3c-2-4`."""
    for instance in settings.instances:
        family, _, rest = instance.partition("-")
        count = rest.partition("-")[0]
        if count.isdecimal():
            yield "cpus", family, int(count)


def _members(pool: str) -> tuple[GpuType, ...]:
    """Return the models of a pool; () for a pool that flashc does not know."""
    known = {group.value: group for group in GpuGroup}
    return POOL_MEMBERS.get(known[pool], ()) if pool in known else ()
