"""Generate `flash_manifest.json` from a program, for deployments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from msgspec import structs

from flashc_backends.base import MANIFEST_PATH, Context, Draft, DraftTarget
from flashc_backends.files.project_files import draft_project
from flashc_core.environment_failures import source_date
from flashc_ir.artifact_paths import handler_path
from flashc_ir.endpoints import (
    Configuration,
    DeployedEndpoint,
    Function,
    ImageEndpoint,
    LoadBalanced,
    QueueClass,
    QueueFunction,
    modules_of,
)
from flashc_ir.platform.images import image_of
from flashc_ir.program import Program, Resource
from flashc_ir.resources import Cpu, Gpu, Resources, Template, Text, Variable

from .manifest_model import (
    Manifest,
    ManifestFunction,
    ManifestResource,
    ManifestTemplate,
    ManifestVolume,
    References,
    ResourceType,
    ValuePart,
    copied_fields,
)
from .placement import gpu_ids, locations
from .signatures import signatures_of


def build_manifest(
    program: Program, fingerprint: str, environ: Mapping[str, str], *, only: str | None = None
) -> Manifest:
    """Return the manifest of a program.

    `fingerprint` is that of the project's files.  `environ` may override images, locations and the
    time stamp.  `only` is the resource name of the endpoint that the manifest describes; None for
    all endpoints.
    """
    deployed = [e for e in program.deployed if only is None or e.resource == only]
    endpoints = sorted(deployed, key=lambda endpoint: endpoint.resource)
    routes = {e.resource: _routes(e) for e in endpoints if isinstance(e, LoadBalanced)}
    calls: dict[str, list[str]] = {}
    for edge in program.edges:
        callees = calls.setdefault(edge.caller, [])
        if isinstance(edge.callee, Resource):
            callees.append(edge.callee.name)
    return Manifest(
        version="1.0",
        python_version=program.python_version,
        generated_at=_generated_at(environ),
        project_name=program.name,
        resources={
            e.resource: _resource(program, e, environ, calls=calls.get(e.resource))
            for e in endpoints
        },
        function_registry=_registry(endpoints),
        routes=routes or None,
        source_fingerprint=fingerprint,
    )


def _generated_at(environ: Mapping[str, str]) -> str | None:
    """Return the time of `SOURCE_DATE_EPOCH`, None if it is not set; no clock is read."""
    epoch = source_date(environ)
    if epoch is None:
        return None
    return datetime.fromtimestamp(epoch, UTC).isoformat().replace("+00:00", "Z")


def _routes(endpoint: LoadBalanced) -> dict[str, str]:
    """Return the names of the functions of an endpoint's routes, by `METHOD path`."""
    return {route.key: route.function.name for route in endpoint.routes}


def _registry(endpoints: Iterable[DeployedEndpoint]) -> dict[str, str]:
    """Return the resource of each function or class by its name.

    Names that two endpoints share are left out.
    """
    pairs = {(f.name, e.resource) for e in endpoints for f in _functions(e)}
    count = Counter(name for name, _ in pairs)
    return {name: resource for name, resource in sorted(pairs) if count[name] == 1}


def _resource(
    program: Program,
    endpoint: DeployedEndpoint,
    environ: Mapping[str, str],
    *,
    calls: list[str] | None,
) -> ManifestResource:
    """Return the manifest's entry of an endpoint.

    `calls` are the resources that its code calls, without those that exist already; None if it
    makes no calls.
    """
    configuration = endpoint.configuration
    resources = configuration.resources
    balanced = isinstance(endpoint, LoadBalanced)
    client = isinstance(endpoint, ImageEndpoint)
    gpu = resources.hardware if isinstance(resources.hardware, Gpu) else None
    path, module = _defining_module(program, endpoint)
    values, references = split_variables(configuration.environment)
    concurrency = 1 if balanced else configuration.max_concurrency
    resource = ManifestResource(
        resource_type=_resource_type(endpoint),
        file_path=path,
        local_path_prefix="/" + path.removesuffix(".py"),
        module_path=module,
        functions=_functions(endpoint),
        signatures=signatures_of(endpoint),
        is_load_balanced=balanced,
        # A live resource runs any code that it gets in a request `POST /execute`.
        is_live_resource=False,
        config_variable=endpoint.variable,
        makes_remote_calls=calls is not None,
        calls=calls or None,
        client_mode=True if client else None,
        image_name=endpoint.image
        if isinstance(endpoint, ImageEndpoint)
        else image_of(endpoint, program.python_version, environ).name,
        target_python_version=program.python_version,
        gpu_ids=None if gpu is None else gpu_ids(gpu.choices),
        instance_ids=_instances(configuration),
        workers_min=resources.workers.minimum,
        workers_max=resources.workers.maximum,
        idle_timeout=resources.idle_timeout,
        scaler_type=resources.scaler.type,
        scaler_value=resources.scaler.value,
        locations=locations(resources, environ),
        min_cuda_version=None if gpu is None else gpu.min_cuda,
        env=values or None,
        env_references=references or None,
        network_volumes=_volumes(configuration),
        max_concurrency=concurrency if concurrency > 1 else None,
        handler_file=handler_path(endpoint)
        if isinstance(endpoint, (QueueFunction, QueueClass))
        else None,
        gpu_count=gpu.count if gpu is not None and gpu.count != 1 else None,
        template=_template(resources.template),
        system_dependencies=list(configuration.system_dependencies) or None,
    )
    return structs.replace(resource, **_copied(configuration), **_copied(resources))


def _copied(value: Configuration | Resources) -> dict[str, Any]:
    """Return the values of the `Copied` keys; a value that is the IR's default is left out."""
    return {
        field.name: given
        for field in _fields_to_copy(type(value))
        if (given := getattr(value, field.name)) != field.default
    }


@cache
def _fields_to_copy(of: type[Configuration | Resources]) -> tuple[structs.FieldInfo, ...]:
    """Return the fields that the manifest copies.

    Cached, because msgspec evaluates their annotations each time.
    """
    return tuple(field for field in structs.fields(of) if field.name in copied_fields())


def _resource_type(endpoint: DeployedEndpoint) -> ResourceType:
    """Return the kind of a resource, by its hardware and whether it is load-balanced."""
    cpu = isinstance(endpoint.configuration.resources.hardware, Cpu)
    if isinstance(endpoint, LoadBalanced):
        return "CpuLiveLoadBalancer" if cpu else "LiveLoadBalancer"
    return "CpuLiveServerless" if cpu else "LiveServerless"


def _defining_module(program: Program, endpoint: DeployedEndpoint) -> tuple[str, str]:
    """Return the path and the dotted name of the module that an endpoint is defined in."""
    name = (
        endpoint.construction.module
        if isinstance(endpoint, ImageEndpoint)
        else modules_of(endpoint)[0]
    )
    module = program.module(name)
    return (module.path if module is not None else endpoint.construction.span.path), name


def _functions(endpoint: DeployedEndpoint) -> list[ManifestFunction]:
    """Return the functions and classes that an endpoint runs; none for an image."""
    match endpoint:
        case QueueFunction(function=function):
            return [_function(function)]
        case QueueClass(methods=methods):
            return [
                ManifestFunction(
                    name=endpoint.class_name,
                    module=endpoint.module,
                    is_async=any(method.is_async for method in methods),
                    is_class=True,
                    class_methods=[method.name for method in methods] or None,
                )
            ]
        case LoadBalanced(routes=routes):
            return [_function(route.function, route.method, route.path) for route in routes]
        case ImageEndpoint():
            return []


def _function(
    function: Function, method: str | None = None, path: str | None = None
) -> ManifestFunction:
    """Return the manifest's entry of a function; `method` and `path` are those of its route."""
    return ManifestFunction(
        name=function.name,
        module=function.module,
        is_async=function.is_async,
        is_class=False,
        http_method=method,
        http_path=path,
    )


def _instances(configuration: Configuration) -> list[str] | None:
    """Return the types of CPU instances; None for GPU endpoints."""
    hardware = configuration.resources.hardware
    return list(hardware.instances) if isinstance(hardware, Cpu) else None


def _volumes(configuration: Configuration) -> list[ManifestVolume] | None:
    """Return the network volumes; None if there are none."""
    return [
        ManifestVolume(name=v.name, id=v.id, size=v.size, data_center_id=v.datacenter)
        for v in configuration.resources.volumes
    ] or None


def split_variables(variables: Iterable[Variable]) -> tuple[dict[str, str], References]:
    """Return the values that are known, and the parts of those that are computed later, by name."""
    values: dict[str, str] = {}
    references: References = {}
    for variable in variables:
        known = variable.literal
        if known is not None:
            values[variable.name] = known
        else:
            references[variable.name] = [
                ValuePart(text=part.text)
                if isinstance(part, Text)
                else ValuePart(variable=part.variable, default=part.default)
                for part in variable.parts
            ]
    return values, references


def _template(template: Template | None) -> ManifestTemplate | None:
    """Return the manifest's entry of a container template."""
    if template is None:
        return None
    values, references = split_variables(template.environment)
    return ManifestTemplate(
        container_disk_in_gb=template.container_disk_gb,
        docker_args=template.docker_args,
        start_script=template.start_script,
        advanced_start=template.advanced_start,
        registry_auth_id=template.registry_auth_id,
        ports=template.ports,
        env=values or None,
        env_references=references or None,
    )


def manifest_draft(
    program: Program,
    fingerprint: str,
    environ: Mapping[str, str],
    *,
    only: str | None = None,
    identity: str | None = None,
) -> Draft:
    """Draft the manifest; the parameters are those of `build_manifest`, and the identity of the build."""
    manifest = build_manifest(program, fingerprint, environ, only=only)
    if identity is not None:
        manifest = structs.replace(manifest, identity=identity)
    return Draft(path=MANIFEST_PATH, content=manifest.to_json())


def _emit(program: Program, context: Context) -> tuple[Draft, ...]:
    """Draft the manifest; return no draft if an error was reported."""
    project = context.project
    drafts = draft_project(program, project.root, context.services.sink)
    if drafts is None:
        return ()
    return (manifest_draft(program, drafts.fingerprint, project.environment),)


MANIFEST = DraftTarget(
    name="manifest",
    summary="what is deployed: endpoints, hardware, routes",
    emit=_emit,
)
