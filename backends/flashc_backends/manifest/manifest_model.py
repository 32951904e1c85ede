"""Define the format of `flash_manifest.json` as typed models; the key names are the platform's.

The provisioner of `runpod_flash`, its runtime and our own deploy read this document.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from .documents import schema_of

T = TypeVar("T")
Copied = Annotated[T | None, msgspec.Meta(extra={"copied": True})]
"""A key with the value of the field of the same name of the IR; absent where that field has its default."""


class _Model(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A part of the document; fields that have their default are not written."""


class ValuePart(_Model, frozen=True, kw_only=True):
    """A piece of a variable's value: known text, or a variable of the environment when the app is deployed.

    `default` is used where that variable is not set.  No value of the environment is ever stored.
    """

    text: str | None = None
    variable: str | None = None
    default: str | None = None


References = dict[str, list[ValuePart]]


class ManifestFunction(_Model, frozen=True, kw_only=True):
    """A function or class of an endpoint, once for each route of a load balancer."""

    name: str
    module: str
    is_async: bool
    is_class: bool
    class_methods: list[str] | None = None
    http_method: str | None = None
    http_path: str | None = None


class ManifestVolume(_Model, frozen=True, kw_only=True):
    """A network volume; `size` in GB."""

    name: str | None = None
    id: str | None = None
    size: int
    data_center_id: str = msgspec.field(name="dataCenterId")


class ManifestTemplate(_Model, frozen=True, kw_only=True):
    """What the program says about the worker's container; an absent key is the platform's default."""

    container_disk_in_gb: int | None = msgspec.field(default=None, name="containerDiskInGb")
    docker_args: str | None = msgspec.field(default=None, name="dockerArgs")
    start_script: str | None = msgspec.field(default=None, name="startScript")
    advanced_start: bool | None = msgspec.field(default=None, name="advancedStart")
    registry_auth_id: str | None = msgspec.field(default=None, name="containerRegistryAuthId")
    ports: str | None = None
    env: dict[str, str] | None = None
    env_references: References | None = None


ResourceType = Literal[
    "LiveServerless", "CpuLiveServerless", "LiveLoadBalancer", "CpuLiveLoadBalancer"
]


class ManifestResource(_Model, frozen=True, kw_only=True):
    """One endpoint that a deployment makes.

    `client_mode` marks a prebuilt image.  From `gpuCount` on, the incumbent's provisioner reads nothing;
    the last two keys are added when deploying.
    """

    resource_type: ResourceType
    file_path: str
    local_path_prefix: str
    module_path: str
    functions: list[ManifestFunction]
    is_load_balanced: bool
    is_live_resource: bool
    config_variable: str | None = None
    makes_remote_calls: bool
    client_mode: bool | None = None
    image_name: str = msgspec.field(name="imageName")
    python_version: Copied[str] = None
    target_python_version: str
    gpu_ids: str | None = msgspec.field(default=None, name="gpuIds")
    instance_ids: list[str] | None = msgspec.field(default=None, name="instanceIds")
    workers_min: int = msgspec.field(name="workersMin")
    workers_max: int = msgspec.field(name="workersMax")
    idle_timeout: int = msgspec.field(name="idleTimeout")
    scaler_type: Literal["QUEUE_DELAY", "REQUEST_COUNT"] = msgspec.field(name="scalerType")
    scaler_value: int = msgspec.field(name="scalerValue")
    locations: str | None = None
    min_cuda_version: str | None = msgspec.field(default=None, name="minCudaVersion")
    env: dict[str, str] | None = None
    env_references: References | None = None
    network_volumes: list[ManifestVolume] | None = msgspec.field(
        default=None, name="networkVolumes"
    )
    max_concurrency: int | None = None
    handler_file: str | None = None
    gpu_count: int | None = msgspec.field(default=None, name="gpuCount")
    execution_timeout_ms: Copied[int] = msgspec.field(default=None, name="executionTimeoutMs")
    flashboot: Copied[bool] = None
    template: ManifestTemplate | None = None
    system_dependencies: list[str] | None = None
    endpoint_id: str | None = None
    ai_key: str | None = msgspec.field(default=None, name="aiKey")


@cache
def copied_fields() -> frozenset[str]:
    """Return the names of the fields of `ManifestResource` that are `Copied`."""
    info = msgspec.inspect.type_info(ManifestResource)
    assert isinstance(info, msgspec.inspect.StructType)
    return frozenset(
        field.name
        for field in info.fields
        if isinstance(field.type, msgspec.inspect.Metadata)
        and (field.type.extra or {}).get("copied")
    )


class Manifest(_Model, frozen=True, kw_only=True):
    """The whole document; deploying adds `resources_endpoints`, the URL of each resource."""

    version: Literal["1.0"]
    python_version: str
    generated_at: str | None = None
    project_name: str
    resources: dict[str, ManifestResource]
    function_registry: dict[str, str]
    routes: dict[str, dict[str, str]] | None = None
    source_fingerprint: str
    resources_endpoints: dict[str, str] | None = None

    def to_json(self) -> bytes:
        """Return the document as it is written: absent instead of null, a newline at the end."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the document as written."""
    return schema_of(Manifest)
