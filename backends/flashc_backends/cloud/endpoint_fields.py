"""Convert the settings of an endpoint to the fields of Runpod's API, and back."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from .model import Endpoint, Kind, Settings, Volume, VolumeName
from .replies import EndpointReply, TemplateReply

_FAST_STARTS = frozenset(("FLASHBOOT", "PRIORITY_FLASHBOOT"))
_OF_TEMPLATE = ("image", "disk_gb", "start_command", "registry", "environment")


def template_differs(before: Settings, after: Settings) -> bool:
    """Return whether settings differ in what the API keeps in the template."""
    return any(getattr(before, name) != getattr(after, name) for name in _OF_TEMPLATE)


def endpoint_differs(before: Settings, after: Settings) -> bool:
    """Return whether settings differ in what the API keeps in the endpoint itself."""
    others = (name for name in Settings.__struct_fields__ if name not in _OF_TEMPLATE)
    return any(getattr(before, name) != getattr(after, name) for name in others)


def endpoint_fields(
    environment: str, name: str, settings: Settings, volumes: Iterable[Volume]
) -> dict[str, Any]:
    """Return the fields of `EndpointInput`, without the id and the template.

    Values that are None are left out; the API then keeps its value.  Endpoints on GPUs and on CPUs
    have different fields, and one can't become the other.
    """
    scaler, value = settings.scaler
    fields: dict[str, Any] = {
        "name": name,
        "type": settings.kind.value,
        "flashEnvironmentId": environment,
        "workersMin": settings.workers_min,
        "workersMax": settings.workers_max,
        "workersPFBTarget": 0,
        "idleTimeout": settings.idle_timeout,
        "scalerType": scaler,
        "scalerValue": value,
        "executionTimeoutMs": settings.timeout_ms,
        "locations": ",".join(settings.data_centers) or None,
        "flashBootType": "FLASHBOOT" if settings.flashboot else None,
    }
    if settings.gpus:
        fields |= {
            "gpuIds": ",".join(settings.gpus),
            "gpuCount": settings.gpu_count,
            "minCudaVersion": settings.min_cuda or None,
            "allowedCudaVersions": "",
        }
    else:
        fields["instanceIds"] = list(settings.instances)
    ids = [volume_id(volume, volumes) for volume in settings.volumes]
    if len(ids) == 1:
        fields["networkVolumeId"] = ids[0]
    elif ids:
        fields["networkVolumeIds"] = [{"networkVolumeId": found} for found in ids]
    return {key: value for key, value in fields.items() if value is not None}


def update_fields(
    environment: str, before: Endpoint, settings: Settings, volumes: Iterable[Volume]
) -> dict[str, Any]:
    """Return all fields of `EndpointInput` for an update.

    A setting that was removed is sent as an empty value, because the API keeps what a request leaves
    out.
    """
    fields = endpoint_fields(environment, before.name, settings, volumes)
    fields["id"] = before.id
    if before.template:
        fields["templateId"] = before.template
    old = before.settings
    if old.data_centers and not settings.data_centers:
        fields["locations"] = ""
    if old.min_cuda and not settings.min_cuda:
        fields["minCudaVersion"] = ""
    if old.volumes != settings.volumes:
        fields.pop("networkVolumeId", None)
        fields["networkVolumeIds"] = [
            {"networkVolumeId": volume_id(volume, volumes)} for volume in settings.volumes
        ]
    return fields


def template_fields(settings: Settings) -> dict[str, Any]:
    """Return the fields of `SaveTemplateInput` that settings decide."""
    return {
        "imageName": settings.image,
        "containerDiskInGb": settings.disk_gb,
        "dockerArgs": settings.start_command,
        "containerRegistryAuthId": settings.registry,
        "env": [{"key": k, "value": v} for k, v in sorted(settings.environment.items())],
    }


def new_template(name: str, settings: Settings) -> dict[str, Any]:
    """Return a template for a new endpoint; the API wants a name that no other template has."""
    return {
        "name": f"{name}__template__{secrets.token_hex(6)}",
        "advancedStart": False,
        "config": {},
        "ports": "",
        "startScript": "",
        **template_fields(settings),
    }


def volume_id(wanted: VolumeName, volumes: Iterable[Volume]) -> str:
    """Return the id of a volume; the name itself if no volume has it, because it may be an id."""
    for volume in volumes:
        if volume.id == wanted.name or volume_name(volume) == wanted:
            return volume.id
    return wanted.name


def volume_name(volume: Volume) -> VolumeName:
    """Return the name by which a program refers to a volume."""
    return VolumeName(name=volume.name, data_center=volume.data_center)


def endpoint_of(
    reply: EndpointReply, template: TemplateReply | None, volumes: Mapping[str, Volume]
) -> Endpoint:
    """Return the endpoint that a reply of the API describes.

    `volumes` are the volumes of the account by their ids.
    """
    ids = [found.network_volume_id for found in reply.network_volume_ids or ()]
    if not ids and reply.network_volume_id:
        ids = [reply.network_volume_id]
    names = (
        volume_name(volumes[found]) if found in volumes else VolumeName(name=found) for found in ids
    )
    variables = template.env if template is not None else None
    gpus = _words(reply.gpu_ids) if not reply.instance_ids else ()
    settings = Settings(
        kind=Kind.BALANCED if reply.type == "LB" else Kind.QUEUE,
        image=(template.image_name if template is not None else None) or "",
        disk_gb=(template.container_disk_in_gb if template is not None else None) or 0,
        start_command=(template.docker_args if template is not None else None) or "",
        environment={variable.key: variable.value or "" for variable in variables or ()},
        workers_min=reply.workers_min or 0,
        workers_max=reply.workers_max if reply.workers_max is not None else 1,
        idle_timeout=reply.idle_timeout or 0,
        scaler=(
            "REQUEST_COUNT" if reply.scaler_type == "REQUEST_COUNT" else "QUEUE_DELAY",
            reply.scaler_value or 0,
        ),
        timeout_ms=reply.execution_timeout_ms or 0,
        flashboot=reply.flash_boot_type in _FAST_STARTS,
        gpus=gpus,
        gpu_count=(reply.gpu_count or 1) if gpus else 0,
        min_cuda=(reply.min_cuda_version or "") if gpus else "",
        instances=tuple(reply.instance_ids or ()),
        data_centers=_words(reply.locations),
        volumes=tuple(sorted(names)),
    )
    return Endpoint(
        id=reply.id, name=reply.name, settings=settings, template=reply.template_id or ""
    )


def _words(text: str | None) -> tuple[str, ...]:
    """Return the parts of a comma-separated list."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())
