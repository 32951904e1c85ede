"""Summarise a finished build for the user: the endpoints, the sizes, and the excluded files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from flashc_backends.artifact.artifact import BuildResult
from flashc_backends.base import DependencyOptions
from flashc_backends.dependencies.sizes import show_size
from flashc_ir.endpoints import (
    CodeEndpoint,
    Endpoint,
    ExistingEndpoint,
    ImageEndpoint,
    LoadBalanced,
    QueueClass,
    QueueFunction,
)
from flashc_ir.platform.images import image_of
from flashc_ir.platform.worker_packages import started_packages
from flashc_ir.program import Program
from flashc_ir.resources import EnvironmentReference, Gpu

_OUTPUT_PATTERN = ".flash/"
_KINDS = (
    ("load-balanced", (LoadBalanced,)),
    ("queue-based", (QueueFunction, QueueClass)),
    ("images", (ImageEndpoint,)),
    ("clients of existing endpoints", (ExistingEndpoint,)),
)


def summary(
    program: Program,
    result: BuildResult,
    environ: Mapping[str, str],
    options: DependencyOptions,
) -> Iterator[str]:
    """Yield the lines of the summary.

    `environ` are environment variables, which can replace the default worker images.  `options` say
    which packages the user wants in the artifact.
    """
    yield f"{program.name}, Python {program.python_version} ({program.python_reason})"
    for heading, kinds in _KINDS:
        found = [endpoint for endpoint in program.endpoints if isinstance(endpoint, kinds)]
        if found:
            yield f"\n{heading}:"
        for endpoint in found:
            yield from _endpoint(endpoint)
    yield "\nsizes:"
    yield f"  project       {show_size(result.project_size)} in {len(program.files)} files"
    yield f"  dependencies  {show_size(result.dependencies_size)} in {len(result.parts.distributions)} packages"
    for distribution in sorted(result.parts.distributions, key=lambda d: d.size, reverse=True)[:3]:
        yield f"    {distribution.name} {distribution.version}: {show_size(distribution.size)}"
    yield f"  artifact      {show_size(result.artifact_size)} compressed"
    if options.no_install:
        yield "\nno packages are bundled, because of `--no-install`"
    elif options.no_deps:
        yield "\nonly packages that the app asks for are bundled, because of `--no-deps`"
    yield from _packages_of_images(program, result, environ)
    yield from _hidden_on_load_balancers(program, result)
    if program.own_requirements:
        places = ", ".join(f"{s.path}:{s.line}" for s in program.own_requirements)
        yield f"\nnot installed, because it is this project, whose files are there: {places}"
    yield from _references(program)
    yield from _absent_variables(program, environ)
    excluded = _excluded(program)
    if excluded:
        yield f"\nleft out: {excluded}"


def _references(program: Program) -> Iterator[str]:
    """Yield a line about the variables that are read when the app is deployed; not every tool reads them."""
    found = {
        part.variable
        for endpoint in program.deployed
        for variable in endpoint.configuration.environment
        for part in variable.parts
        if isinstance(part, EnvironmentReference)
    }
    if found:
        yield (
            f"\nread when deploying: {', '.join(sorted(found))} (in the manifest's `env_references`, "
            "which `flash deploy` of the SDK does not read)"
        )


def _absent_variables(program: Program, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the variables whose absence decided what the program declares."""
    found = {
        name
        for module in map(program.module, program.worker_modules)
        if module is not None
        for name in module.variables_tested
        if name not in environ
    }
    if found:
        names = ", ".join(sorted(found))
        yield f"\nnot set when building, and the app is built for that case: {names}"


def _packages_of_images(
    program: Program, result: BuildResult, environ: Mapping[str, str]
) -> Iterator[str]:
    """Yield the required packages that are not bundled because the images contain them."""
    bundled = {distribution.name for distribution in result.parts.distributions}
    found: dict[str, str] = {}
    for endpoint in program.code_endpoints:
        image = image_of(endpoint, program.python_version, environ)
        for dependency in (*program.requirements, *endpoint.configuration.dependencies):
            provided = image.find(dependency.name)
            if provided is not None and dependency.name not in bundled:
                version = f" {provided.version}" if provided.version else ""
                found[dependency.name] = f"{dependency.name}{version}"
    if found:
        yield f"\nnot bundled, because the images have them: {', '.join(sorted(found.values()))}"


def _hidden_on_load_balancers(program: Program, result: BuildResult) -> Iterator[str]:
    """Yield the bundled packages that a load balancer imports from its image instead."""
    if not any(isinstance(endpoint, LoadBalanced) for endpoint in program.endpoints):
        return
    own = started_packages(program.python_version)
    hidden = sorted({d.name for d in result.parts.distributions} & own)
    if hidden:
        yield f"\nload balancers use the versions of their image: {', '.join(hidden)}"


def _endpoint(endpoint: Endpoint) -> Iterator[str]:
    """Yield the lines about one endpoint."""
    match endpoint:
        case ExistingEndpoint():
            yield f"  {endpoint.variable or 'client'}: {endpoint.id or 'id known at run time'}"
        case ImageEndpoint():
            yield f"  {endpoint.resource}: {endpoint.image}"
        case QueueFunction():
            yield f"  {endpoint.resource}: {endpoint.function.name} ({_hardware(endpoint)})"
        case QueueClass():
            methods = ", ".join(method.name for method in endpoint.methods)
            yield f"  {endpoint.resource}: {endpoint.class_name} [{methods}] ({_hardware(endpoint)})"
        case LoadBalanced():
            yield f"  {endpoint.resource} ({_hardware(endpoint)})"
            for route in endpoint.routes:
                yield f"    {route.method:6} {route.path} -> {route.function.name}"


def _hardware(endpoint: CodeEndpoint) -> str:
    """Return the hardware and the number of workers of an endpoint as text."""
    hardware = endpoint.configuration.resources.hardware
    workers = endpoint.configuration.resources.workers
    names = hardware.choices if isinstance(hardware, Gpu) else hardware.instances
    return f"{hardware.kind} {', '.join(names)}; {workers.minimum}-{workers.maximum} workers"


def _excluded(program: Program) -> str:
    """Return the ignore patterns with the number of files that each excluded, except that of flashc's own output."""
    counts = Counter(
        found.pattern for found in program.exclusions if found.pattern != _OUTPUT_PATTERN
    )
    return ", ".join(
        f"{pattern} ({count})" if count > 1 else pattern
        for pattern, count in sorted(counts.items())
    )
