"""Describe a worker's container: command, mounts, limits and what it may do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docker.types import DeviceRequest, Mount

from .base import WorkerSpec
from .bubblewrap import APP, HOME, VOLUME
from .owners import LABEL

LAYER, PROGRAM = "/opt/flashc/layer", "/opt/flashc/worker.py"
PORT = 80
ENTRY = Path(__file__).parent.parent / "entry" / "worker.py"
ENDPOINT_LABEL, WORKER_LABEL = "dev.flashc.endpoint", "dev.flashc.worker"
VOLUME_LABEL = "dev.flashc.volume"
TMPFS = {"/tmp": "exec,mode=1777", "/var/tmp": "exec,mode=1777", HOME: "exec", "/run": ""}
_PROCESSES = 4096


def container_command(spec: WorkerSpec) -> list[str]:
    """Return the command of a worker's container."""
    settings = {
        "kind": spec.kind.value,
        "app": APP,
        "layer": LAYER,
        "python": spec.python,
        "host": "0.0.0.0",
        "port": PORT,
        "announce": False,
        "tether": True,
    }
    return ["python", "-s", PROGRAM, json.dumps(settings)]


def labels_of(spec: WorkerSpec, preview: str) -> dict[str, str]:
    """Return the labels of a worker's container."""
    return {LABEL: preview, ENDPOINT_LABEL: spec.label, WORKER_LABEL: spec.worker}


def volume_name(spec: WorkerSpec) -> str | None:
    """Return the name that Docker has for a worker's volume, None for a worker without one."""
    return f"flashc-{spec.volume}" if spec.volume else None


def container_options(
    spec: WorkerSpec, *, layer: Path, processors: int, has_gpus: bool
) -> dict[str, Any]:
    """Return the arguments of `docker` for a worker's container, except image, name, network and labels.

    The root of the file system is read-only and the process has no capability.  Standard input stays open as
    long as flashc is connected to it.
    """
    mounts = [
        Mount(APP, str(spec.artifact), type="bind", read_only=True),
        Mount(LAYER, str(layer), type="bind", read_only=True),
        Mount(PROGRAM, str(ENTRY), type="bind", read_only=True),
    ]
    volume = volume_name(spec)
    if volume is not None:
        mounts.append(Mount(VOLUME, volume, type="volume"))
    options: dict[str, Any] = {
        "entrypoint": [],
        "command": container_command(spec),
        "environment": {"PYTHONUNBUFFERED": "1", "HOME": HOME, **spec.environ},
        "hostname": spec.worker,
        "working_dir": APP,
        "user": "0",
        "mounts": mounts,
        "tmpfs": TMPFS,
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "pids_limit": _PROCESSES,
        "stdin_open": True,
        "auto_remove": True,
    }
    if spec.memory_mb is not None:
        options["mem_limit"] = options["memswap_limit"] = f"{spec.memory_mb}m"
    if spec.cpus is not None:
        options["nano_cpus"] = int(min(spec.cpus, processors) * 1_000_000_000)
    if spec.gpus and has_gpus:
        options["device_requests"] = [DeviceRequest(count=spec.gpus, capabilities=[["gpu"]])]
    return options
