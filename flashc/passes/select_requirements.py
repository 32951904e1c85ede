"""Leave out the requirements that do not hold on workers, and check the sources of the others."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from msgspec import structs

from flashc.project.requirements.locations import is_archive
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_ir.endpoints import Endpoint, ExistingEndpoint
from flashc_ir.platform.images import supported_pythons
from flashc_ir.platform.markers import holds_on_workers, marker_holds
from flashc_ir.program import Program
from flashc_ir.requirements import Dependency, PathSource, ResolverSettings

from .context import PassContext

_DESCRIPTIONS = ("pyproject.toml", "setup.py", "setup.cfg")


def select_requirements(program: Program, context: PassContext) -> Program:
    """Return the program with only the requirements whose markers hold on workers.

    Of several with the same name and span, the first one is kept.  Files and folders that they name
    and that are not there are reported.
    """
    version = program.python_version
    if version not in supported_pythons():
        return program  # which is already reported
    requirements = tuple(
        each if each.constraint else _with_source(each, program.resolver, version, context.sink)
        for each in _selected(program.requirements, version)
    )
    _check_sources(requirements, context.project.root, context.sink)
    endpoints: list[Endpoint] = []
    for endpoint in program.endpoints:
        if isinstance(endpoint, ExistingEndpoint):
            endpoints.append(endpoint)
            continue
        declared = endpoint.configuration.dependencies
        dependencies = tuple(
            _with_source(each, program.resolver, version, context.sink)
            for each in _selected(declared, version)
        )
        _check_sources(dependencies, context.project.root, context.sink)
        if dependencies != declared:
            configuration = structs.replace(endpoint.configuration, dependencies=dependencies)
            endpoint = structs.replace(endpoint, configuration=configuration)
        endpoints.append(endpoint)
    return structs.replace(program, requirements=requirements, endpoints=tuple(endpoints))


def _selected(declared: Iterable[Dependency], python_version: str) -> tuple[Dependency, ...]:
    """Return the requirements that hold on workers, one for each name and span."""
    found: dict[tuple[object, ...], Dependency] = {}
    for dependency in declared:
        if holds_on_workers(dependency.requirement, python_version):
            key = (dependency.name, dependency.span, dependency.constraint)
            found.setdefault(key, dependency)
    return tuple(found.values())


def _with_source(
    dependency: Dependency, settings: ResolverSettings, python_version: str, sink: Sink
) -> Dependency:
    """Return a requirement with the source that the project gives to its distribution.

    A source that flashc can't use is reported.
    """
    if dependency.source is not None:
        return dependency
    for each in settings.sources:
        if each.name == dependency.name and marker_holds(each.marker, python_version):
            if each.source is None:
                sink.report(
                    rules.UNUSABLE_SOURCE,
                    dependency.span,
                    f"the source that the project gives to `{each.name}` can't be used: {each.problem}",
                    help=(each.help,) if each.help else (),
                )
            hashes = dependency.hashes or each.hashes
            return structs.replace(dependency, source=each.source, hashes=hashes)
    return dependency


def _check_sources(dependencies: Iterable[Dependency], root: Path, sink: Sink) -> None:
    """Report the files and folders that can't be packages."""
    for dependency in dependencies:
        if isinstance(dependency.source, PathSource):
            problem = _problem(root / dependency.source.path)
            if problem is not None:
                sink.report(
                    rules.UNUSABLE_SOURCE,
                    dependency.span,
                    f"`{dependency.source}` {problem}",
                    help=("correct the path; it is relative to the file that names it",),
                )


def _problem(path: Path) -> str | None:
    """Return why a path is not that of a package; None if it may be one.

    A path that can't exist, such as one that is too long, does not exist: `os.path` says so, other
    than `Path`, which raises an error.
    """
    if not os.path.exists(path):
        return "does not exist"
    if os.path.isfile(path):
        return (
            None
            if is_archive(path.name)
            else "is neither a wheel, nor a source archive, nor a folder"
        )
    if any(os.path.isfile(path / name) for name in _DESCRIPTIONS):
        return None
    return "has no `pyproject.toml`, so it is not the folder of a package"
