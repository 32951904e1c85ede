"""Deploy an uploaded artifact to the platform of this process, with the same steps and values as `flash deploy`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .control import Control
from .fields import NotFound

_COPIED = (
    "workersMax idleTimeout scalerType scalerValue executionTimeoutMs gpuIds gpuCount instanceIds"
    " locations minCudaVersion"
).split()
_VOLUME_GB = 100  # the size of a volume whose declaration has no size


async def deploy_artifact(
    control: Control,
    app: str,
    environment: str,
    manifest: dict[str, Any],
    key: str,
    api_key: str,
    env: Mapping[str, Mapping[str, str]],
    least_workers: int | None,
) -> dict[str, str]:
    """Create a build from an uploaded archive, and create or change an endpoint for each resource.

    `key` is the object key of the archive.  The result has the ids of the endpoints by resource.

    Raises:
        ArtifactError: there is no such archive.
        Invalid: the platform does not accept a value of the manifest.
        StoreError: a change can't be stored.
    """
    try:
        app_id = control.app_named(app).id
    except NotFound:
        app_id = (await control.create_app(app)).id
    found = [env_ for env_ in control.environments_of(app_id) if env_.name == environment]
    target = found[0] if found else await control.create_environment(app_id, environment)
    build = await control.add_build(app_id, key, manifest)
    await control.deploy(target.id, build.id)
    ids: dict[str, str] = {}
    for name, entry in manifest["resources"].items():
        if entry.get("client_mode"):
            continue
        calls = {"FLASH_ENVIRONMENT_ID": target.id} if entry.get("makes_remote_calls") else {}
        variables = {
            **entry.get("env", {}),
            **calls,
            "RUNPOD_API_KEY": api_key,
            "FLASH_RESOURCE_NAME": name,
            "FLASH_APP": app,
            "FLASH_ENV": environment,
            **env.get(name, {}),
        }
        fields = _fields(name, entry, variables, target.id, least_workers)
        fields["networkVolumeIds"] = [
            {"networkVolumeId": await _ensure_volume(control, volume)} for volume in _volumes(entry)
        ]
        before = control.resolve(app, environment, name)
        if before is not None:
            fields["id"] = before.id
        ids[name] = (await control.save_endpoint(fields)).id
    urls = {name: control.url_of(control.endpoints[found]) for name, found in ids.items()}
    await control.set_manifest(build.id, {**manifest, "resources_endpoints": urls})
    return ids


def _volumes(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the network volumes of a resource."""
    several = entry.get("networkVolumes")
    if several:
        return list(several)
    one = entry.get("networkVolume")
    return [one] if one else []


async def _ensure_volume(control: Control, wanted: Mapping[str, Any]) -> str:
    """Return the id of the volume with this name or id; create the volume if there is none."""
    name = wanted.get("name") or wanted["id"]
    for volume in control.account.volumes.values():
        if name in (volume.name, volume.id):
            return volume.id
    size = wanted.get("size") or _VOLUME_GB
    return (await control.account.create_volume(name, size, wanted.get("dataCenterId") or "")).id


def _fields(
    name: str,
    entry: Mapping[str, Any],
    variables: Mapping[str, str],
    environment: str,
    least_workers: int | None,
) -> dict[str, Any]:
    """Return the fields of an endpoint, by the names that tools send to the GraphQL API."""
    least = entry.get("workersMin", 0) if least_workers is None else least_workers
    balanced = bool(entry.get("is_load_balanced"))
    return {
        "scalerType": "REQUEST_COUNT" if balanced else "QUEUE_DELAY",
        **{field: entry[field] for field in _COPIED if entry.get(field) is not None},
        "name": name,
        "type": "LB" if balanced else "QB",
        "flashEnvironmentId": environment,
        "workersMin": least,
        "workersMax": max(entry.get("workersMax", 1), least),
        "template": {
            "name": f"{name}-template",
            "imageName": entry.get("imageName", ""),
            "env": [{"key": key, "value": value} for key, value in variables.items()],
        },
    }
