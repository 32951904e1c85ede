"""Compute the plan of a preview: networks, containers, mounts, ports, limits and variables.  Nothing is started.

The platform's address and the ids of endpoints are known only after the start; the plan has a name in angle brackets in
their place.  The plan masks secret values; `variables_of` does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from flashc_backends.base import Context, PlanTarget
from flashc_backends.files.project_files import draft_project
from flashc_backends.manifest.documents import schema_of
from flashc_backends.manifest.manifest import build_manifest
from flashc_backends.manifest.manifest_model import Manifest, ManifestResource, References
from flashc_backends.platform.engines.base import WorkerKind, WorkerSpec
from flashc_backends.platform.engines.containers import Container, container_of
from flashc_backends.platform.engines.layers import LINUX, layer_folder
from flashc_backends.platform.releases import Release, size_of, worker_spec
from flashc_core.credentials import has_secret_reference, looks_like_credential
from flashc_ir.endpoints import LoadBalanced, QueueClass, QueueFunction
from flashc_ir.program import Program

from .calls import SampleCall, sample_call
from .forms import Shape, shapes_of
from .registry import ENVIRONMENT

MASK = "***"
PLATFORM = "http://<platform>"
ARTIFACT = Path("<artifact>")


class PlannedEndpoint(Struct, frozen=True, kw_only=True):
    """An endpoint: how many workers it has, and the container of each.

    `image` is the image that the deployment names; the preview may use another one.  `routes` are the routes of a load
    balancer, as `METHOD /path`.  `call` is an example of a request; `shape` describes all possible requests.
    """

    name: str
    kind: Literal["queue", "load-balanced"]
    image: str | None
    python: str
    workers_min: int
    workers_max: int
    container: Container
    routes: tuple[str, ...] = ()
    call: SampleCall | None = None
    shape: Shape | None = None


class PreviewPlan(Struct, frozen=True, kw_only=True):
    """The plan of a preview.

    `port` is the port of the platform on 127.0.0.1; None means a free one.  Only the engine "docker" makes the
    networks.  `skipped` are the endpoints with a prebuilt image, which a preview does not run.
    """

    version: Literal[1] = 1
    app: str
    environment: str
    python: str
    port: int | None
    networks: tuple[str, ...]
    volumes: tuple[str, ...]
    endpoints: tuple[PlannedEndpoint, ...]
    skipped: tuple[str, ...]

    def to_json(self) -> bytes:
        """Return the document as `spec/preview-plan.schema.json` describes it, with a newline at the end."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    def to_text(self) -> str:
        """Return the plan as text for people."""
        lines = [f"{self.app}, Python {self.python}"]
        for endpoint in self.endpoints:
            container = endpoint.container
            lines += ["", f"{endpoint.name}  {endpoint.kind}, up to {endpoint.workers_max} workers"]
            lines.append(f"  image     {endpoint.image}")
            lines.append(f"  limits    {_limits(container)}")
            if container.port is not None:
                lines.append(f"  port      {container.port}")
            for mount in container.mounts:
                mode = ", read-only" if mount.read_only else ""
                lines.append(f"  mount     {mount.target} from {mount.source}{mode}")
            own = [item for item in container.environment.items() if "RUNPOD_" not in item[0]]
            lines += [f"  variable  {name}={value}" for name, value in own]
        lines += [f"\nnot run: {name}, which has its own image" for name in self.skipped]
        return "\n".join(lines) + "\n"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the plan."""
    return schema_of(PreviewPlan)


def plan_preview(
    manifest: Manifest,
    *,
    cache: Path,
    calls: Mapping[str, SampleCall | None] | None = None,
    shapes: Mapping[str, Shape] | None = None,
    port: int | None = None,
) -> PreviewPlan:
    """Return the plan for the manifest of an artifact.

    `cache` is the folder of flashc's cache.  `calls` are examples of requests, by resource.
    """
    code = {name: entry for name, entry in manifest.resources.items() if not entry.client_mode}
    preview = f"flashc-{manifest.project_name}"
    endpoints = tuple(
        _endpoint(
            name, entry, manifest, cache, preview, (calls or {}).get(name), (shapes or {}).get(name)
        )
        for name, entry in code.items()
    )
    volumes = {
        mount.source for e in endpoints for mount in e.container.mounts if mount.type == "volume"
    }
    return PreviewPlan(
        app=manifest.project_name,
        environment=ENVIRONMENT,
        python=manifest.python_version,
        port=port,
        networks=(preview,),
        volumes=tuple(sorted(volumes)),
        endpoints=endpoints,
        skipped=tuple(name for name in manifest.resources if name not in code),
    )


def _endpoint(
    name: str,
    entry: ManifestResource,
    manifest: Manifest,
    cache: Path,
    preview: str,
    call: SampleCall | None,
    shape: Shape | None,
) -> PlannedEndpoint:
    """Return the plan of one endpoint."""
    spec = _spec(name, entry, manifest.project_name, masked_variables(entry))
    layer = layer_folder(cache, spec.python, LINUX)
    return PlannedEndpoint(
        name=name,
        kind="load-balanced" if entry.is_load_balanced else "queue",
        image=spec.image,
        python=spec.python,
        workers_min=entry.workers_min,
        workers_max=entry.workers_max,
        container=container_of(spec, layer=layer, preview=preview),
        routes=tuple((manifest.routes or {}).get(name, ())),
        call=call,
        shape=shape,
    )


def _spec(name: str, entry: ManifestResource, app: str, variables: Mapping[str, str]) -> WorkerSpec:
    """Return a worker as the platform starts it, with names in angle brackets for values that are not known yet."""
    cpus, memory = size_of(entry.instance_ids)
    volumes = [volume.name or volume.id for volume in entry.network_volumes or ()]
    release = Release(
        id="",
        endpoint=f"<{name}>",
        label=name,
        kind=WorkerKind.LOAD_BALANCED if entry.is_load_balanced else WorkerKind.QUEUE,
        artifact="",
        python=entry.target_python_version,
        environ={**variables, **endpoint_variables(name, entry, app, ENVIRONMENT)},
        image=entry.image_name,
        memory_mb=memory,
        cpus=cpus,
        gpus=0 if entry.gpu_ids is None else entry.gpu_count or 1,
        volume=volumes[0] if volumes else None,
    )
    return worker_spec(release, f"{name}-1", ARTIFACT, base=PLATFORM, worker_key=MASK, secrets={})


# Variables ----------------------------------------------------------------------------------------


def endpoint_variables(
    name: str, entry: ManifestResource, app: str, environment: str
) -> dict[str, str]:
    """Return the variables that tell a worker which endpoint it runs, as a deployment sets them."""
    found = {"FLASH_RESOURCE_NAME": name, "FLASH_APP": app, "FLASH_ENV": environment}
    if entry.is_load_balanced:
        found["FLASH_ENDPOINT_TYPE"] = "lb"
    return found


def variables_of(entry: ManifestResource, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a program sets for an endpoint, with their real values.

    References to environment variables are replaced by the values in `environ`.
    """
    values: dict[str, str] = {}
    for part in (entry.template, entry):
        if part is not None:
            values |= part.env or {}
            values |= _resolved(part.env_references or {}, environ)
    return values


def masked_variables(entry: ManifestResource) -> dict[str, str]:
    """Return the variables that a program sets for an endpoint, with secret values masked.

    A value is masked if it comes from the environment or from a secret of the platform, or looks like a credential.
    Other values are not secret, because they are written in the program.
    """
    values: dict[str, str] = {}
    for part in (entry.template, entry):
        if part is not None:
            values |= part.env or {}
            values |= dict.fromkeys(part.env_references or {}, MASK)
    return {name: MASK if _is_secret(name, value) else value for name, value in values.items()}


def _is_secret(name: str, value: str) -> bool:
    """Return whether the value of a variable must not be shown."""
    return has_secret_reference(value) or looks_like_credential(name, value)


def _resolved(references: References, environ: Mapping[str, str]) -> dict[str, str]:
    """Return variables with the values of `environ` in place of their references."""
    return {
        name: "".join(
            part.text or ""
            if part.variable is None
            else environ.get(part.variable, part.default or "")
            for part in parts
        )
        for name, parts in references.items()
    }


def _limits(container: Container) -> str:
    """Return the limits of a container as text."""
    if container.gpus:
        return f"{container.gpus} GPU" + ("s" if container.gpus > 1 else "")
    if container.cpus is None:
        return "none"
    return f"{container.cpus:g} processors, {container.memory_mb} MiB"


# The target ---------------------------------------------------------------------------------------


def emit_plan(program: Program, context: Context) -> PreviewPlan | None:
    """Return the plan of a program; None if a file was changed in the meantime, which is reported."""
    drafts = draft_project(program, context.project.root, context.services.sink)
    if drafts is None:
        return None
    manifest = build_manifest(program, drafts.fingerprint, context.project.environment)
    calls = {
        endpoint.resource: sample_call(endpoint)
        for endpoint in program.deployed
        if isinstance(endpoint, (QueueFunction, QueueClass, LoadBalanced))
    }
    return plan_preview(
        manifest,
        cache=context.services.cache.folder,
        calls=calls,
        shapes=shapes_of(program),
    )


PREVIEW = PlanTarget(
    name="preview",
    summary="run the app on this machine; `--plan` only shows the plan",
    emit=emit_plan,
)
