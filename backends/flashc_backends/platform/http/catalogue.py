"""Answer with the platform's catalogue: its devices and data centres, and where there is stock."""

from __future__ import annotations

from typing import Any

from flashc_backends.platform.account_limits import AccountLimits
from flashc_ir.platform.catalogue import CpuInstanceType, DataCenter, GpuType

_GPUS = [model.value for model in GpuType if model is not GpuType.ANY]
_CPUS = sorted({instance.value.partition("-")[0] for instance in CpuInstanceType})
_CENTERS = [center.value for center in DataCenter.all()]


def catalogue(route: list[str], limits: AccountLimits) -> dict[str, Any] | None:
    """Return a part of the catalogue by its path, such as `["gpus"]`; None if there is no such part.

    All devices have stock everywhere, except those that `limits` names.
    """
    match route:
        case ["datacenters"]:
            centers = [{"id": name, "networkVolumeTypes": ["STANDARD"]} for name in _CENTERS]
            return {"dataCenters": centers}
        case ["gpus" | "cpus" as kind]:
            return {kind: [_device(name, limits) for name in (_GPUS if kind == "gpus" else _CPUS)]}
        case ["gpus" | "cpus", name]:
            return _device(name, limits)
        case _:
            return None


def _device(name: str, limits: AccountLimits) -> dict[str, Any]:
    """Return a device with its data centres."""
    centers = [center for center in _CENTERS if not limits.lacks(name, center)]
    return {
        "id": name,
        "dataCenters": [{"id": center, "availability": "HIGH"} for center in centers],
    }
