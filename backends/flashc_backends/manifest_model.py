"""The form of `flash_manifest.json`, as typed models; the names on disk are the platform's.

The provisioner of `runpod_flash`, its runtime and our own deploy read this document.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TextPart(_Model):
    """A piece of a variable's value that is known."""

    text: str


class ReferencePart(_Model):
    """A piece that is read from the deploying process's environment; no value of it is ever stored."""

    variable: str
    default: str | None = None


References = dict[str, list[TextPart | ReferencePart]]


class ManifestFunction(_Model):
    """A function or class of an endpoint, once for each route of a load balancer."""

    name: str
    module: str
    is_async: bool
    is_class: bool
    class_methods: list[str] | None = None
    http_method: str | None = None
    http_path: str | None = None


class ManifestVolume(_Model):
    """A network volume; `size` in GB."""

    name: str | None = None
    id: str | None = None
    size: int
    data_center_id: str = Field(alias="dataCenterId")


class ManifestTemplate(_Model):
    """What the program says about the worker's container; an absent key is the platform's default."""

    container_disk_in_gb: int | None = Field(default=None, alias="containerDiskInGb")
    docker_args: str | None = Field(default=None, alias="dockerArgs")
    start_script: str | None = Field(default=None, alias="startScript")
    advanced_start: bool | None = Field(default=None, alias="advancedStart")
    registry_auth_id: str | None = Field(default=None, alias="containerRegistryAuthId")
    ports: str | None = None
    env: dict[str, str] | None = None
    env_references: References | None = None


ResourceType = Literal[
    "LiveServerless", "CpuLiveServerless", "LiveLoadBalancer", "CpuLiveLoadBalancer"
]


class ManifestResource(_Model):
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
    image_name: str = Field(alias="imageName")
    python_version: str | None = None
    target_python_version: str
    gpu_ids: str | None = Field(default=None, alias="gpuIds")
    instance_ids: list[str] | None = Field(default=None, alias="instanceIds")
    workers_min: int = Field(alias="workersMin")
    workers_max: int = Field(alias="workersMax")
    idle_timeout: int = Field(alias="idleTimeout")
    scaler_type: Literal["QUEUE_DELAY", "REQUEST_COUNT"] = Field(alias="scalerType")
    scaler_value: int = Field(alias="scalerValue")
    locations: str | None = None
    min_cuda_version: str | None = Field(default=None, alias="minCudaVersion")
    env: dict[str, str] | None = None
    env_references: References | None = None
    network_volumes: list[ManifestVolume] | None = Field(default=None, alias="networkVolumes")
    max_concurrency: int | None = None
    handler_file: str | None = None
    gpu_count: int | None = Field(default=None, alias="gpuCount")
    execution_timeout_ms: int | None = Field(default=None, alias="executionTimeoutMs")
    flashboot: bool | None = None
    template: ManifestTemplate | None = None
    system_dependencies: list[str] | None = None
    endpoint_id: str | None = None
    ai_key: str | None = Field(default=None, alias="aiKey")


class Manifest(_Model):
    """The whole document.  `resources_endpoints` (resource -> URL) is added when deploying."""

    version: Literal["1.0"] = "1.0"
    python_version: str
    generated_at: str | None = None
    project_name: str
    resources: dict[str, ManifestResource]
    function_registry: dict[str, str]
    routes: dict[str, dict[str, str]] | None = None
    source_fingerprint: str
    resources_endpoints: dict[str, str] | None = None

    def to_json(self) -> bytes:
        """The document as it is written: absent instead of null, a newline at the end."""
        return self.model_dump_json(by_alias=True, exclude_none=True, indent=2).encode() + b"\n"


def schema() -> dict[str, Any]:
    """The JSON Schema of the document as written."""
    described = Manifest.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **described}
