"""Define the bodies of REST requests that create or change volumes and endpoints."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class NewVolume(Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """The body of a request that creates a volume."""

    name: str
    size: int
    data_center_id: str = ""
    data_center: str = ""
    type: str = "STANDARD"


class VolumeChange(Struct, forbid_unknown_fields=True):
    """The body of a request that changes a volume; None leaves a value as it is."""

    name: str | None = None
    size: int | None = None


class Scaling(Struct, rename="camel"):
    """How the number of workers follows the load."""

    type: str
    queue_delay: float | None = None
    request_count: int | None = None


class WorkerLimits(Struct, frozen=True, rename="camel"):
    """The minimum and maximum number of workers, and the seconds after which an idle worker ends."""

    min: int = 0
    max: int = 3
    idle_timeout: int = 10


class NewEndpoint(Struct, rename="camel", kw_only=True):
    """The body of a request that creates an endpoint."""

    name: str
    type: str
    scaling: Scaling
    image: str | None = None
    template_id: str | None = None
    env: dict[str, str] = {}
    disk: int | None = None
    workers: WorkerLimits = WorkerLimits()
    timeout: int = 300_000


class EndpointChange(Struct, rename="camel", kw_only=True):
    """The body of a request that changes an endpoint; None leaves a value as it is."""

    name: str | None = None
    scaling: Scaling | None = None
    workers: WorkerLimits | None = None
    timeout: int | None = None
    flashboot: str | None = None


def scaling_fields(scaling: Scaling) -> dict[str, Any]:
    """Return the fields of an endpoint for its scaling, by their names in the GraphQL API."""
    value = scaling.queue_delay if scaling.type == "QUEUE_DELAY" else scaling.request_count
    return {
        "scalerType": scaling.type,
        **({"scalerValue": value} if value is not None else {}),
    }


def worker_fields(workers: WorkerLimits) -> dict[str, Any]:
    """Return the fields of an endpoint for its workers, by their names in the GraphQL API."""
    return {
        "workersMin": workers.min,
        "workersMax": workers.max,
        "idleTimeout": workers.idle_timeout,
    }
