"""Compute the release of an endpoint, which is what its workers start from, and describe workers to engines."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from .engines.base import WorkerKind, WorkerSpec
from .records import Build, Endpoint, Template

_DEFAULT_PYTHON = "3.12"
HELD = "flashcHeld"
"""The manifest's key for a digest of the code and data that the workers of a resource load."""
_INSTANCE = re.compile(r".*-(\d+)-(\d+)$")
_SECRET = re.compile(r"\{\{\s*RUNPOD_SECRET_(\w+)\s*\}\}")


class Release(Struct, frozen=True, kw_only=True):
    """What the workers of an endpoint start from.

    `id` is a digest of the other fields.  If the manifest has a digest of what the workers of this endpoint load
    (`HELD`), the id uses that digest in place of the artifact: then a change of other endpoints' code does not
    replace these workers.
    """

    id: str
    endpoint: str
    label: str
    kind: WorkerKind
    artifact: str  # the object key
    python: str
    environ: dict[str, str]
    image: str | None = None
    memory_mb: int | None = None
    cpus: float | None = None
    gpus: int = 0
    volume: str | None = None


def release_of(
    endpoint: Endpoint, build: Build | None, template: Template | None, volume: str | None
) -> Release | None:
    """Return the release of an endpoint; None if there is no build, or the build has no code of the endpoint.

    `volume` is the name of the endpoint's network volume.
    """
    if build is None:
        return None
    resource = _resource(build.manifest, endpoint.name)
    if resource is None:
        return None
    cpus, memory_mb = size_of(endpoint.rest.get("instanceIds"))
    release = Release(
        id="",
        endpoint=endpoint.id,
        label=endpoint.name,
        kind=WorkerKind.LOAD_BALANCED if endpoint.load_balanced else WorkerKind.QUEUE,
        artifact=build.artifact,
        python=_python(build.manifest, resource),
        environ=dict(template.env) if template is not None else {},
        image=(template.image or None) if template is not None else None,
        memory_mb=memory_mb,
        cpus=cpus,
        gpus=0 if cpus is not None else int(endpoint.rest.get("gpuCount") or 0),
        volume=volume,
    )
    held = msgspec.structs.replace(release, artifact=resource.get(HELD) or release.artifact)
    digest = hashlib.sha256(msgspec.json.encode(held, order="deterministic")).hexdigest()
    return msgspec.structs.replace(release, id=digest[:16])


def _resource(manifest: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """Return the manifest's entry of a resource that has code in the artifact."""
    resources = manifest.get("resources")
    entry: Any = None
    if isinstance(resources, Mapping):
        entry = resources.get(name)
    elif isinstance(resources, list):  # the manifest of runpod 2.0
        entry = next((item for item in resources if item.get("name") == name), None)
    if not isinstance(entry, Mapping) or entry.get("client_mode"):
        return None
    return entry


def _python(manifest: Mapping[str, Any], resource: Mapping[str, Any]) -> str:
    """Return the Python version of a resource, such as "3.12"."""
    chosen = (
        resource.get("target_python_version")
        or resource.get("python_version")
        or manifest.get("python_version")
        or manifest.get("pythonVersion")
    )
    return str(chosen or _DEFAULT_PYTHON)


def size_of(instances: Any) -> tuple[float | None, int | None]:
    """Return the processors and the memory in MiB of the smallest CPU instance, such as "cpu3c-1-2"."""
    found = [
        (float(match[1]), int(match[2]) * 1024)
        for name in instances or ()
        if (match := _INSTANCE.match(str(name)))
    ]
    return min(found, default=(None, None))


def worker_spec(
    release: Release,
    worker: str,
    folder: Path,
    *,
    base: str,
    worker_key: str,
    secrets: Mapping[str, str],
) -> WorkerSpec:
    """Return the description of a worker for an engine; `base` is the platform's URL for workers."""
    return WorkerSpec(
        worker=worker,
        endpoint=release.endpoint,
        label=release.label,
        kind=release.kind,
        artifact=folder,
        python=release.python,
        environ=_environ(release, worker, base, worker_key, secrets),
        image=release.image,
        memory_mb=release.memory_mb,
        cpus=release.cpus,
        gpus=release.gpus,
        volume=release.volume,
    )


def _environ(
    release: Release, worker: str, base: str, worker_key: str, secrets: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of a worker: the variables of the endpoint and those of the platform.

    In the webhook URLs, the SDK replaces `$ID` and `$RUNPOD_POD_ID`.  The URLs end with `?gpu=local` because the
    SDK needs a query in them.
    """
    queue = f"{base}/v2/{release.endpoint}"
    environ = {name: _with_secrets(value, secrets) for name, value in release.environ.items()}
    environ.setdefault("FLASH_RESOURCE_NAME", release.label)
    environ.setdefault("RUNPOD_API_BASE_URL", base)
    environ.setdefault("RUNPOD_ENDPOINT_BASE_URL", f"{base}/v2")
    if release.kind is WorkerKind.LOAD_BALANCED:
        environ["FLASH_ENDPOINT_TYPE"] = "lb"
    return {
        **environ,
        "RUNPOD_ENDPOINT_ID": release.endpoint,
        "RUNPOD_POD_ID": worker,
        "RUNPOD_POD_HOSTNAME": worker,
        "RUNPOD_AI_API_KEY": worker_key,
        "RUNPOD_REST_API_URL": f"{base}/v1",
        "RUNPOD_HAPI_URL": base,
        "RUNPOD_CONSOLE_URL": f"{base}/console",
        "RUNPOD_WEBHOOK_GET_JOB": f"{queue}/job-take/$ID?gpu=local",
        "RUNPOD_WEBHOOK_POST_OUTPUT": f"{queue}/job-done/$RUNPOD_POD_ID/$ID?gpu=local",
        "RUNPOD_WEBHOOK_POST_STREAM": f"{queue}/job-stream/$RUNPOD_POD_ID/$ID?gpu=local",
        "RUNPOD_WEBHOOK_PING": f"{queue}/ping/$RUNPOD_POD_ID?gpu=local",
        "RUNPOD_PING_INTERVAL": "2000",
        "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
        "RUNPOD_SKIP_GPU_CHECK": "true",
    }


def _with_secrets(text: str, secrets: Mapping[str, str]) -> str:
    """Return the value of a variable, with the values of secrets in place of the references to them."""
    return _SECRET.sub(lambda match: secrets.get(match[1], match[0]), text)
