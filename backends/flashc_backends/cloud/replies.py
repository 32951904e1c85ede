"""Read the answers of Runpod's APIs; keys that are not named here are ignored, so that APIs may grow."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from .errors import CloudError, Trouble

_R = TypeVar("_R", bound="Reply")


class Reply(BaseModel):
    """A part of an answer; its keys are in camel case."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, populate_by_name=True)


class EnvironmentReply(Reply):
    """An environment of an app."""

    id: str
    name: str
    active_build_id: str | None = None
    created_at: str | None = None


class BuildReply(Reply):
    """An uploaded build."""

    id: str
    object_key: str | None = None
    created_at: str | None = None


class NewApp(Reply):
    """An app that was just created, which has nothing yet."""

    id: str
    name: str


class AppReply(NewApp):
    """An app with what belongs to it; without that, it is not readable."""

    flash_environments: list[EnvironmentReply]
    flash_builds: list[BuildReply]


class MyApps(Reply):
    """The apps of the account."""

    flash_apps: list[AppReply]


class EndpointName(Reply):
    """The name of an endpoint."""

    id: str
    name: str


class EnvironmentEndpoints(Reply):
    """The endpoints of an environment."""

    endpoints: list[EndpointName]


class VolumeOfEndpoint(Reply):
    """A volume that an endpoint uses."""

    network_volume_id: str
    data_center_id: str | None = None


class EndpointReply(Reply):
    """An endpoint."""

    id: str
    name: str
    type: str | None = None
    template_id: str | None = None
    workers_min: int | None = None
    workers_max: int | None = None
    idle_timeout: int | None = None
    scaler_type: str | None = None
    scaler_value: int | None = None
    execution_timeout_ms: int | None = None
    flash_boot_type: str | None = None
    gpu_ids: str | None = None
    gpu_count: int | None = None
    min_cuda_version: str | None = None
    instance_ids: list[str] | None = None
    locations: str | None = None
    network_volume_id: str | None = None
    network_volume_ids: list[VolumeOfEndpoint] | None = None


class VariableReply(Reply):
    """A variable of a template."""

    key: str
    value: str | None = None


class TemplateReply(Reply):
    """The template of an endpoint."""

    id: str
    name: str | None = None
    image_name: str | None = None
    container_disk_in_gb: int | None = None
    docker_args: str | None = None
    env: list[VariableReply] | None = None


class UploadReply(Reply):
    """Where an artifact is to be uploaded."""

    upload_url: str
    object_key: str


class ManifestReply(Reply):
    """A build with its manifest."""

    manifest: dict[str, Any] | None = None


class VolumeReply(Reply):
    """A network volume, of either version of the REST API."""

    id: str
    name: str
    size: int
    data_center: str = Field(
        default="", validation_alias=AliasChoices("dataCenter", "dataCenterId", "data_center")
    )


class PageReply(Reply):
    """What a list says about its continuation."""

    has_next_page: bool = False


class VolumesReply(Reply):
    """The network volumes of the account, of version 2 of the REST API."""

    network_volumes: list[VolumeReply]
    pagination: PageReply = PageReply()


class SecretReply(Reply):
    """A secret, without its value."""

    id: str
    name: str
    description: str | None = None
    created_at: str | None = None


class MySecrets(Reply):
    """The secrets of the account."""

    secrets: list[SecretReply]


class WorkerReply(Reply):
    """A worker."""

    id: str
    status: str
    is_stale: bool = False
    started_at: str | None = None


class WorkersReply(Reply):
    """The workers of an endpoint."""

    workers: list[WorkerReply] = []


class RolloutReply(Reply):
    """How far a release has come."""

    in_progress: bool = False
    workers_on_latest: int = 0
    workers_total: int = 0


class ReleasesReply(Reply):
    """The releases of an endpoint."""

    endpoint_version: int = 0
    rollout: RolloutReply = RolloutReply()


class JobsReply(Reply):
    """How many jobs a queue endpoint has, and how many have ended."""

    completed: int = 0
    failed: int = 0
    in_progress: int = 0
    in_queue: int = 0
    retried: int = 0


class CrewReply(Reply):
    """How many workers an endpoint has, by their states."""

    idle: int = 0
    running: int = 0
    initializing: int = 0


class HealthReply(Reply):
    """The jobs and the workers of a queue endpoint."""

    jobs: JobsReply = JobsReply()
    workers: CrewReply = CrewReply()


class CenterReply(Reply):
    """What a data centre has of a device."""

    id: str
    availability: str | None = None


class DeviceReply(Reply):
    """A device of the catalogue."""

    id: str
    data_centers: list[CenterReply] | None = None


class CatalogReply(Reply):
    """All devices of one kind."""

    gpus: list[DeviceReply] = []
    cpus: list[DeviceReply] = []


class LogReply(Reply):
    """A line of a worker."""

    source: str = ""
    line: str = ""
    ts: str = ""


class LoginReply(Reply):
    """A request for a key that the user approves in a browser."""

    id: str
    status: str
    expires_at: str | None = None
    api_key: str | None = None


def read(what: str, kind: type[_R], document: Any) -> _R:
    """Return a part of an answer; `what` names the request.

    Raises:
        CloudError: the answer has another form.
    """
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise CloudError(
            Trouble.BROKEN,
            f"{what}: the answer has another form: {where}: {first['msg']}",
            may_have_acted=True,
        ) from None
