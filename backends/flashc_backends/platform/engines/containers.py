"""Compute the description of a worker's container: command, mounts, limits and labels.  This needs no Docker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from msgspec import Struct

from .base import WorkerKind, WorkerSpec
from .bubblewrap import APP, HOME, VOLUME
from .owners import LABEL

LAYER, PROGRAM = "/opt/flashc/layer", "/opt/flashc/worker.py"
PORT = 80
ENTRY = Path(__file__).parent.parent / "entry" / "worker.py"
ENDPOINT_LABEL, WORKER_LABEL = "dev.flashc.endpoint", "dev.flashc.worker"
VOLUME_LABEL = "dev.flashc.volume"
PROCESSES = 4096
"""The largest number of processes and threads of a container."""
TMPFS = {"/tmp": "exec,mode=1777", "/var/tmp": "exec,mode=1777", HOME: "exec", "/run": ""}
"""The folders that a container can write to, with the options of their mounts."""


class ContainerMount(Struct, frozen=True, kw_only=True):
    """A folder, a file or a volume that is mounted into a container."""

    type: Literal["bind", "volume"]
    source: str
    target: str
    read_only: bool


class Container(Struct, frozen=True, kw_only=True):
    """A worker's container.

    Its file system is read-only, except for `TMPFS` and the volume, and it has no capability of Linux.  If
    `is_tethered`, the worker ends when its standard input ends, and flashc keeps this open.  `port` is the port on which
    a load-balanced worker listens.
    """

    command: tuple[str, ...]
    environment: dict[str, str]
    hostname: str
    mounts: tuple[ContainerMount, ...]
    labels: dict[str, str]
    memory_mb: int | None
    cpus: float | None
    gpus: int
    port: int | None
    is_tethered: bool


def container_of(
    spec: WorkerSpec, *, layer: Path, preview: str, is_tethered: bool = True
) -> Container:
    """Return the container of a worker; `layer` is the folder with its packages, `preview` the id of the preview."""
    settings = {
        "kind": spec.kind.value,
        "app": APP,
        "layer": LAYER,
        "python": spec.python,
        "host": "0.0.0.0",
        "port": PORT,
        "announce": False,
        "tether": is_tethered,
    }
    volume = volume_name(spec.volume)
    mounts = [_bound(spec.artifact, APP), _bound(layer, LAYER), _bound(ENTRY, PROGRAM)]
    if volume is not None:
        kept = ContainerMount(type="volume", source=volume, target=VOLUME, read_only=False)
        mounts.append(kept)
    return Container(
        command=("python", "-s", PROGRAM, json.dumps(settings)),
        environment={"PYTHONUNBUFFERED": "1", "HOME": HOME, **spec.environ},
        hostname=spec.worker,
        mounts=tuple(mounts),
        labels={LABEL: preview, ENDPOINT_LABEL: spec.label, WORKER_LABEL: spec.worker},
        memory_mb=spec.memory_mb,
        cpus=spec.cpus,
        gpus=spec.gpus,
        port=PORT if spec.kind is WorkerKind.LOAD_BALANCED else None,
        is_tethered=is_tethered,
    )


def volume_name(volume: str | None) -> str | None:
    """Return the name of the Docker volume that stands for a network volume."""
    return f"flashc-{volume}" if volume else None


def _bound(source: Path, target: str) -> ContainerMount:
    """Return the mount of a folder or file of this machine, read-only."""
    return ContainerMount(type="bind", source=str(source), target=target, read_only=True)
