"""Define the IR of an endpoint's resources: hardware, workers, volumes, environment variables.

A value that the program does not give is the SDK's default.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from .variant import Variant


class Text(Variant, frozen=True, tag="text"):
    """A part of an environment variable's value that is known at build time."""

    text: str


class EnvironmentReference(Variant, frozen=True, tag="reference"):
    """A part of a value that is read from the environment of the deployment.

    The value itself is never stored: not in the IR, the manifest, the artifact, a log or a cache.
    """

    variable: str
    default: str | None = None


class Variable(Struct, frozen=True):
    """One environment variable of a worker; its value is the concatenation of the parts."""

    name: str
    parts: tuple[Text | EnvironmentReference, ...]

    @property
    def literal(self) -> str | None:
        """The value, if it is known without any environment; else None."""
        texts = [part.text for part in self.parts if isinstance(part, Text)]
        return "".join(texts) if len(texts) == len(self.parts) else None


class Gpu(Variant, frozen=True, tag="gpu"):
    """GPU workers.  `choices` are pool ids and model names in the order of preference."""

    choices: tuple[str, ...]
    count: int = 1
    min_cuda: str | None = "12.8"


class Cpu(Variant, frozen=True, tag="cpu"):
    """CPU workers, by instance type."""

    instances: tuple[str, ...]


Hardware = Gpu | Cpu


class Workers(Struct, frozen=True):
    """The number of workers that the platform keeps: at least `minimum`, at most `maximum`."""

    minimum: int = 0
    maximum: int = 1


class Scaler(Struct, frozen=True):
    """The rule by which the platform adds workers.  `type` is QUEUE_DELAY (s) or REQUEST_COUNT."""

    type: Literal["QUEUE_DELAY", "REQUEST_COUNT"]
    value: int = 4


class Volume(Struct, frozen=True, kw_only=True):
    """A network volume, mounted at `/runpod-volume`; `size` in GB."""

    name: str | None
    id: str | None
    size: int
    datacenter: str


class Template(Struct, frozen=True, kw_only=True):
    """The container of an endpoint's workers; None means the platform's default."""

    container_disk_gb: int | None = None
    docker_args: str | None = None
    start_script: str | None = None
    advanced_start: bool | None = None
    registry_auth_id: str | None = None
    ports: str | None = None
    environment: tuple[Variable, ...] = ()


class Resources(Struct, frozen=True, kw_only=True):
    """The hardware and the other resources of an endpoint's workers.

    `datacenters` is None if the program names none; `idle_timeout` is in seconds;
    `execution_timeout_ms` 0 is the platform's default.
    """

    hardware: Hardware
    workers: Workers
    scaler: Scaler
    idle_timeout: int = 60
    execution_timeout_ms: int = 0
    flashboot: bool = True
    datacenters: tuple[str, ...] | None = None
    volumes: tuple[Volume, ...] = ()
    template: Template | None = None
