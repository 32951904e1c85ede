"""Compile a project to its verified IR.  This file is the recipe; each step has a room of its own."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import structs

from flashc_core.diagnostics import Sink
from flashc_core.source import Span
from flashc_ir.endpoints import Endpoint, ExistingEndpoint
from flashc_ir.modules import Module
from flashc_ir.program import Program

from .frontend.dialect import Dialect, packages_of
from .frontend.flash import FLASH
from .frontend.relevance import Relevance, find_relevant_modules
from .frontend.summary import ComponentSummary
from .incremental.summaries import read_summaries
from .passes import Observer, run_passes
from .passes.context import PassContext
from .project.inputs import variable_input
from .project.requirements import read_requirements
from .project.suppressions import report_unused
from .project.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Compilation:
    """The program, None if there are errors; `inputs` decided the result besides the project's files."""

    program: Program | None
    inputs: tuple[str, ...]


def compile_project(
    workspace: Workspace,
    sink: Sink,
    observe: Observer | None = None,
    *,
    dialects: tuple[Dialect, ...] = (FLASH,),
) -> Compilation:
    """Compile an opened project; `sink` is one of the workspace's.

    `observe` is called after every pass with the pass's name and the program that it left.  `dialects` are
    the SDKs that the program may be written for.
    """
    workspace = workspace.for_sdks(packages_of(dialects))
    project = workspace.project
    environment = workspace.environment.recording()

    # What do the modules say, and which endpoints would Python define?
    relevance = find_relevant_modules(project)
    summaries = summaries_of(workspace, relevance, dialects)
    for diagnostic in (d for summary in summaries for d in summary.diagnostics):
        sink.add(diagnostic)

    # Put everything together, and run the passes.
    program = structs.replace(
        assemble(workspace, relevance, summaries), requirements=read_requirements(project, sink)
    )
    context = PassContext(
        sink=sink,
        project=project,
        options=workspace.options,
        environment=environment,
        how_to_declare=tuple(dialect.how_to_declare for dialect in dialects),
    )
    compiled = run_passes(program, context, observe)

    report_unused(workspace.suppressions, sink)
    inputs = {item for summary in summaries for item in summary.inputs}
    return Compilation(compiled, tuple(inputs | set(map(variable_input, environment.asked))))


def summaries_of(
    workspace: Workspace, relevance: Relevance, dialects: tuple[Dialect, ...]
) -> list[ComponentSummary]:
    """Return what the relevant modules say; modules that are traced are read together and never cached."""
    if not workspace.options.trace:
        return read_summaries(workspace, relevance.relevant, dialects)
    from .frontend.summarise import summarise

    names = tuple(sorted(relevance.relevant))
    return [summarise(names, workspace.project, workspace.environment, dialects, trace=True)]


def assemble(
    workspace: Workspace, relevance: Relevance, summaries: list[ComponentSummary]
) -> Program:
    """Put the summaries together, modules by name and endpoints by resource name."""
    project = workspace.project
    modules: dict[str, Module] = dict(relevance.plain)
    modules |= {module.name: module for summary in summaries for module in summary.modules}
    for summary in summaries:
        for name, failure in summary.import_failures.items():
            modules[name] = structs.replace(modules[name], import_failure=failure)
    endpoints = [endpoint for summary in summaries for endpoint in summary.endpoints]
    return Program(
        name=workspace.options.app or project.root.name,
        python_version="",
        files=project.files,
        modules=tuple(modules[name] for name in project.modules),
        endpoints=tuple(sorted(endpoints, key=_sort_key)),
        exclusions=project.exclusions,
        unlowered=tuple(each for summary in summaries for each in summary.unlowered),
    )


def _sort_key(endpoint: Endpoint) -> tuple[str, Span]:
    name = "" if isinstance(endpoint, ExistingEndpoint) else endpoint.resource
    return name, endpoint.construction.span
