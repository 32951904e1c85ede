"""Define the records of the platform: the immutable values that the machines compute with and the store keeps.

Times are seconds since the epoch, durations are seconds.
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Any

from msgspec import Struct


@unique
class Status(StrEnum):
    """The state of a job, as clients see it."""

    IN_QUEUE = "IN_QUEUE"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"

    is_final: bool
    """Whether no event but a retry changes the job any more."""

    def __init__(self, name: str) -> None:
        self.is_final = name not in ("IN_QUEUE", "IN_PROGRESS")


class Spilled(Struct, frozen=True, tag="file"):
    """A body that is too large for a row of the database: the name and size of its file."""

    name: str
    size: int


Body = bytes | Spilled  # JSON text


class Job(Struct, frozen=True, kw_only=True, gc=False):
    """One job.

    `sequence` is its position among all jobs of the platform, which it keeps when it returns to the queue.
    `extra` holds further members of the request, which the worker gets with the input.  `attempt` counts how
    often a worker took the job.  `due` is when its execution times out, `expires` when its result is deleted.
    `deadline` is when its caller gives up; None if that is not known.  `traceparent` names the job's own span.
    """

    id: str
    endpoint: str
    sequence: int
    created: float
    input: Body
    ttl_at: float
    timeout: float  # for one execution
    retention: float  # of the result
    status: Status = Status.IN_QUEUE
    extra: bytes = b""
    low_priority: bool = False
    attempt: int = 0
    worker: str | None = None
    started: float | None = None
    finished: float | None = None
    due: float | None = None
    expires: float | None = None
    output: Body | None = None
    error: str | None = None
    webhook: str | None = None
    traceparent: str | None = None
    parent_span: str | None = None
    deadline: float | None = None


@unique
class Scaler(StrEnum):
    """How the number of workers follows the load."""

    QUEUE_DELAY = "QUEUE_DELAY"
    REQUEST_COUNT = "REQUEST_COUNT"


class Limits(Struct, frozen=True, kw_only=True):
    """The number of workers of an endpoint, and how the platform changes it."""

    least: int = 0
    most: int = 1
    idle_timeout: float = 60.0
    scaler: Scaler = Scaler.QUEUE_DELAY
    scaler_value: float = 4.0


# Records of the management API.  They are few, so the platform keeps all of them in memory.


class App(Struct, frozen=True, kw_only=True):
    """An app: a name for environments and builds."""

    id: str
    name: str
    created: float


class Environment(Struct, frozen=True, kw_only=True):
    """An environment of an app, and the build that its endpoints run."""

    id: str
    app: str
    name: str
    created: float
    build: str | None = None

    @property
    def state(self) -> str:
        """Return the state as the API names it."""
        return "PENDING" if self.build is None else "HEALTHY"


class Build(Struct, frozen=True, kw_only=True):
    """An uploaded artifact of an app, with its manifest."""

    id: str
    app: str
    artifact: str  # the object key
    manifest: dict[str, Any]
    created: float


class Template(Struct, frozen=True, kw_only=True):
    """What a worker starts from: the image, its variables and its disk; `rest` holds what nothing here reads."""

    id: str
    name: str
    image: str = ""
    env: dict[str, str] = {}
    disk_gb: int | None = None
    rest: dict[str, Any] = {}


class Endpoint(Struct, frozen=True, kw_only=True):
    """An endpoint; `rest` holds the fields of the API that only matter in the cloud, by their names there."""

    id: str
    name: str
    key: str  # of its workers
    created: float
    load_balanced: bool = False
    environment: str | None = None
    template: str | None = None
    version: int = 1
    limits: Limits = Limits()
    timeout: float = 0.0  # 0: the platform's default
    volumes: tuple[str, ...] = ()
    rest: dict[str, Any] = {}


class Volume(Struct, frozen=True, kw_only=True):
    """A network volume."""

    id: str
    name: str
    size_gb: int
    data_center: str
    kind: str = "STANDARD"


class Secret(Struct, frozen=True, kw_only=True):
    """A secret that templates refer to by its name."""

    id: str
    name: str
    value: str
    description: str
    created: float


Record = App | Environment | Build | Template | Endpoint | Volume | Secret
