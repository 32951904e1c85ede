"""Define the format of `flash_manifest.json` as typed models, with the platform's names of keys.

The part of `runpod_flash` that deploys apps, its runtime on workers, and deployments by flashc read
this document.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from flashc_ir.schemas import Schema

from .documents import schema_of

T = TypeVar("T")
Copied = Annotated[T | None, msgspec.Meta(extra={"copied": True})]
"""A key that repeats the IR's field of the same name; it is absent if the field has its default."""


class _Model(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A part of the document; a field that has its default is not written."""


class ValuePart(_Model, frozen=True, kw_only=True):
    """A part of a variable's value: a known text, or an environment variable of the deployment.

    `default` is the value if that variable is not set.  The manifest never contains a value of the
    environment.
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


class ManifestParameter(_Model, frozen=True, kw_only=True):
    """A parameter as callers see it.

    `type` is the text of its annotation, and `accepts` the schema of its values, if the text does not
    say it all.  `stars` marks `*args` and `**kwargs`.  `where` says where a request has the argument, and
    `limits` what its value must fulfil, such as `gt=0`.
    """

    name: str
    type: str | None = None
    accepts: Schema | None = None
    optional: bool = False
    stars: str | None = None
    where: str | None = None
    limits: str | None = None


class ManifestSignature(_Model, frozen=True, kw_only=True):
    """What a function or route takes and returns; `parameters` is absent if a decorator decides that.

    `returns` is the text of the annotation, and `gives` the schema of the result, if the text does not say
    it all.  `definitions` are the schemas of classes by the keys of the references to them.
    """

    parameters: list[ManifestParameter] | None = None
    returns: str | None = None
    gives: Schema | None = None
    definitions: dict[str, Schema] | None = None


class ManifestVolume(_Model, frozen=True, kw_only=True):
    """A network volume; `size` in GB."""

    name: str | None = None
    id: str | None = None
    size: int
    data_center_id: str = msgspec.field(name="dataCenterId")


class ManifestTemplate(_Model, frozen=True, kw_only=True):
    """What the program says about the container; absent keys have the platform's defaults."""

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

    `client_mode` marks a prebuilt image.  `calls` are the resources that its code calls; a
    deployment changes them first.  `signatures` tell a later deployment what callers rely on.
    `runpod_flash` does not read these two, nor `gpuCount` and the keys after it, when it deploys; a
    deployment adds the last two keys.
    """

    resource_type: ResourceType
    file_path: str
    local_path_prefix: str
    module_path: str
    functions: list[ManifestFunction]
    signatures: dict[str, ManifestSignature] | None = None
    is_load_balanced: bool
    is_live_resource: bool
    config_variable: str | None = None
    makes_remote_calls: bool
    calls: list[str] | None = None
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
    """The whole document.

    `identity` is what the workers of an artifact answer if they are asked which build they run.  A
    deployment adds `artifact_digest`, the SHA-256 of the artifact in hex; `environment`, the name
    of the environment; and `resources_endpoints`, the URL of each resource.
    """

    version: Literal["1.0"]
    python_version: str
    generated_at: str | None = None
    project_name: str
    resources: dict[str, ManifestResource]
    function_registry: dict[str, str]
    routes: dict[str, dict[str, str]] | None = None
    source_fingerprint: str
    identity: str | None = None
    artifact_digest: str | None = None
    environment: str | None = None
    resources_endpoints: dict[str, str] | None = None

    def to_json(self) -> bytes:
        """Return the document as JSON without keys that are None, with a newline at the end."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    return schema_of(Manifest)
