"""Compile a project into its verified IR: run the front end on its modules, then all passes.

This file only calls the steps in their order; each step is in its own package.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from msgspec import structs

from flashc_core.diagnostics import Sink
from flashc_core.source import Span
from flashc_ir.endpoints import Endpoint
from flashc_ir.program import Program, endpoint_order, source_paths
from flashc_ir.verify import Verifier

from .frontend.dialect import Dialect, packages_of
from .frontend.flash import FLASH
from .frontend.relevance import Relevance, find_relevant_modules
from .incremental.plain_modules import read_plain_modules
from .incremental.summaries import Reading, read_summaries
from .project.inputs import file_input, variable_input
from .project.python_version import PIPFILE, PYTHON_VERSION
from .project.requirements.reading import read_requirements
from .project.suppressions import report_unused
from .project.workspace import Workspace

if TYPE_CHECKING:
    from .passes import Observer


@dataclass(frozen=True, slots=True)
class Compilation:
    """The result of a compilation.

    `program` is None if there are errors.  `inputs` are what the result depends on besides the
    files of the project, such as environment variables that were read.
    """

    program: Program | None
    inputs: tuple[str, ...]


def compile_project(
    workspace: Workspace,
    sink: Sink,
    observe: Observer | None = None,
    *,
    dialects: tuple[Dialect, ...] | None = None,
    rewrite: bool = True,
    prepare_next: Callable[[], object] | None = None,
) -> Compilation:
    """Compile an opened project and report its findings to `sink`, a sink of the workspace.

    `observe` is called after every pass with the name of the pass and the program that it returned.
    `dialects` are the SDKs that the program may be written for; Flash if None.  If `rewrite` is
    False, the program is only checked, and the passes that prepare a build do not run.
    `prepare_next` is called while other processes read modules.
    """
    if dialects is None:
        dialects = (FLASH,)

    def meanwhile() -> None:
        import_module("flashc.passes")
        if prepare_next is not None:
            prepare_next()

    workspace = workspace.for_sdks(packages_of(dialects))
    project = workspace.project
    environment = workspace.environment.recording()

    # Read the modules, and find the endpoints that Python would define.
    relevance = find_relevant_modules(project, partial(read_plain_modules, workspace))
    verifier = Verifier()
    reading = read_modules(workspace, relevance, dialects, verifier, meanwhile)
    for diagnostic in reading.diagnostics():
        sink.add(diagnostic)

    # Put everything together, and run the passes.
    from .passes import run_passes  # imported while the modules are read
    from .passes.context import PassContext

    requirements = read_requirements(
        project, sink, extras=workspace.options.extras, groups=workspace.options.groups
    )
    program = structs.replace(
        assemble(workspace, relevance, reading),
        requirements=requirements.found,
        offers=requirements.offers,
        resolver=requirements.resolver,
        has_known_requirements=requirements.is_complete,
    )
    context = PassContext(
        sink=sink,
        project=project,
        options=workspace.options,
        environment=environment,
        flags=frozenset(name for name, value in workspace.flags.items() if value is not None),
        how_to_declare=tuple(dialect.how_to_declare for dialect in dialects),
    )
    compiled = run_passes(program, context, verifier, observe, rewrite=rewrite)

    report_unused(workspace.suppressions, sink)
    asked = map(variable_input, environment.asked)
    inputs = {
        *reading.inputs,
        *asked,
        *requirements.inputs,
        *map(file_input, (PYTHON_VERSION, PIPFILE, *source_paths(program))),
    }
    return Compilation(compiled, tuple(inputs))


def read_modules(
    workspace: Workspace,
    relevance: Relevance,
    dialects: tuple[Dialect, ...],
    verifier: Verifier,
    meanwhile: Callable[[], object],
) -> Reading:
    """Return the summaries of all relevant modules.

    With `--trace`, all modules are read together, and nothing is cached.
    """
    if not workspace.options.trace:
        reading = read_summaries(workspace, relevance.relevant, dialects, meanwhile)
        verifier.skip_spans(part for summary in reading.summaries for part in summary.parts())
        return reading
    from .frontend.summarise import summarise

    names = tuple(sorted(relevance.relevant))
    project, environment = workspace.project, workspace.environment
    summary = summarise(names, project, environment, dialects, names, trace=True)
    return Reading([summary], {}, summary.inputs)


def assemble(workspace: Workspace, relevance: Relevance, reading: Reading) -> Program:
    """Build one program from all summaries.

    Modules are sorted by name, endpoints by resource name.
    """
    project, summaries = workspace.project, reading.summaries
    modules = dict(relevance.plain)
    for name, exports in reading.exports.items():
        modules[name] = structs.replace(modules[name], import_failure=exports.import_failure)
    modules |= {module.name: module for summary in summaries for module in summary.modules}
    for name, edits in ((n, e) for summary in summaries for n, e in summary.sdk_edits.items()):
        merged = (*modules[name].sdk_edits, *edits)
        modules[name] = structs.replace(modules[name], sdk_edits=merged)
    endpoints = [endpoint for summary in summaries for endpoint in summary.endpoints]
    unlowered = tuple(each for summary in summaries for each in summary.unlowered)
    calls = Counter(each.construction.span for each in (*endpoints, *unlowered))
    return Program(
        name=workspace.options.app or project.root.name,
        python_version="",
        files=project.files,
        modules=tuple(modules[name] for name in project.modules),
        endpoints=tuple(
            sorted((_without_shared_edit(e, calls) for e in endpoints), key=endpoint_order)
        ),
        exclusions=project.exclusions,
        unlowered=unlowered,
    )


def _without_shared_edit(endpoint: Endpoint, calls: Counter[Span]) -> Endpoint:
    """Return the endpoint; its edit is removed if the same call declares other endpoints too."""
    if calls[endpoint.construction.span] == 1 or endpoint.construction.edit is None:
        return endpoint
    construction = structs.replace(endpoint.construction, edit=None)
    return structs.replace(endpoint, construction=construction)
