"""Compute from a manifest which endpoints a deployment wants, with all their settings."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from flashc_backends.cloud.model import Kind, Settings, VolumeName
from flashc_backends.manifest.manifest_model import Manifest, ManifestResource
from flashc_ir.platform.catalogue import CpuInstanceType, container_disk_limit

from .variables import FINGERPRINT

_GPU_DISK = 64  # GB; the default of runpod_flash, `core/resources/template.py`
_INSTANCES = frozenset(instance.value for instance in CpuInstanceType)


class VolumeWish(Struct, frozen=True, order=True, kw_only=True):
    """A network volume that endpoints use; it is created with `size` GB if there is none."""

    name: str
    data_center: str
    size: int


class Wanted(Struct, frozen=True, kw_only=True):
    """An endpoint as a manifest wants it; `calls` are the names of the endpoints that it calls."""

    name: str
    settings: Settings
    calls: tuple[str, ...] = ()


def wanted_endpoints(
    manifest: Manifest, variables: Mapping[str, Mapping[str, str]], fingerprint: str
) -> tuple[Wanted, ...]:
    """Return the endpoints of a manifest, sorted by name.

    Args:
        manifest: the manifest of the build.
        variables: the variables of workers, by resource.
        fingerprint: changes with the code of the app.
    """
    return tuple(
        Wanted(
            name=name,
            settings=_settings(resource, {**variables[name], FINGERPRINT: fingerprint}),
            calls=tuple(resource.calls or ()),
        )
        for name, resource in sorted(manifest.resources.items())
    )


def wanted_volumes(manifest: Manifest) -> tuple[VolumeWish, ...]:
    """Return the volumes that a deployment creates if they do not exist, sorted."""
    return tuple(
        sorted(
            {
                VolumeWish(name=volume.name, data_center=volume.data_center_id, size=volume.size)
                for resource in manifest.resources.values()
                for volume in resource.network_volumes or ()
                if volume.name is not None and volume.id is None
            }
        )
    )


def _settings(resource: ManifestResource, environment: Mapping[str, str]) -> Settings:
    gpus = tuple((resource.gpu_ids or "").split(",")) if resource.gpu_ids else ()
    instances = tuple(resource.instance_ids or ())
    template = resource.template
    return Settings(
        kind=Kind.BALANCED if resource.is_load_balanced else Kind.QUEUE,
        image=resource.image_name,
        disk_gb=_disk(resource, instances),
        start_command=(template.docker_args if template is not None else None) or "",
        registry=(template.registry_auth_id if template is not None else None) or "",
        environment=dict(sorted(environment.items())),
        workers_min=resource.workers_min,
        workers_max=resource.workers_max,
        idle_timeout=resource.idle_timeout,
        scaler=(resource.scaler_type, resource.scaler_value),
        timeout_ms=resource.execution_timeout_ms or 0,
        flashboot=resource.flashboot is not False,
        gpus=gpus,
        gpu_count=(resource.gpu_count or 1) if gpus else 0,
        min_cuda=(resource.min_cuda_version or "") if gpus else "",
        instances=instances,
        data_centers=tuple(part for part in (resource.locations or "").split(",") if part),
        volumes=tuple(
            sorted(
                VolumeName(name=volume.id)
                if volume.id is not None
                else VolumeName(name=volume.name or "", data_center=volume.data_center_id)
                for volume in resource.network_volumes or ()
            )
        ),
    )


def _disk(resource: ManifestResource, instances: tuple[str, ...]) -> int:
    """Return the container disk in GB; the default is that of `runpod_flash`."""
    given = resource.template.container_disk_in_gb if resource.template is not None else None
    if given is not None:
        return given
    limits = [container_disk_limit(CpuInstanceType(i)) for i in instances if i in _INSTANCES]
    return min(limits, default=_GPU_DISK)
