"""Compile a project into its verified IR: read its modules, merge them into a program, and run all passes.

A build caches the program.  The result names the inputs that it depends on.  The code that reads modules, and the
passes, are in packages of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct, structs

from flashc_core.cache import decoded, digest
from flashc_core.diagnostics import Diagnostic, Label, Sink
from flashc_core.processes import in_background
from flashc_core.source import Span
from flashc_ir.endpoints import Endpoint
from flashc_ir.program import Program, endpoint_order, source_paths
from flashc_ir.spelling import first_of
from flashc_ir.verify import Verifier, verify_parts

from .frontend.dialect import Dialect, packages_of, spellings_of
from .frontend.flash import FLASH
from .frontend.legacy import LEGACY
from .frontend.relevance import Relevance, find_relevant_modules
from .frontend.successor import report_apps
from .incremental.file_credentials import begin_file_credentials
from .incremental.fingerprint import memo_of, project_key
from .incremental.memo import without_unusable_cache
from .incremental.plain_modules import check_plain_modules, read_links, read_plain_modules
from .incremental.reading import Reading, StoredSummary
from .incremental.summaries import read_summaries
from .project.inputs import file_input
from .project.python_version import PIPFILE, PYTHON_VERSION
from .project.requirements.reading import Requirements, read_requirements
from .project.suppressions import report_unused
from .project.workspace import Workspace

if TYPE_CHECKING:
    from .passes import Observer

_PROGRAMS = "programs"
DIALECTS: tuple[Dialect, ...] = (LEGACY, FLASH)
"""The dialects that a program may be written in, if the caller of a function names none."""


class Compilation(Struct, frozen=True):
    """The result of a compilation.

    `program` is None if there are errors.  `inputs` are what the result depends on besides the
    modules of the project: environment variables that were read, `.python-version`, `Pipfile`, other
    files that requirements were read from, and local packages that requirements name.
    """

    program: Program | None
    inputs: tuple[str, ...]


class _StoredProgram(Struct, frozen=True):
    """A program as it is cached, without the project's files, and the findings about it."""

    program: Program
    diagnostics: tuple[Diagnostic, ...]


class ReadProject(Struct, frozen=True, eq=False, kw_only=True):
    """An opened project, with what its modules contain.

    `workspace` is opened for the SDKs of `dialects`.  `credentials` are those in the files that go into
    the artifact.  `unsupported` are the findings about programs of an SDK that flashc does not
    compile.  `requirements` returns the requirements of the whole app, with the findings about them.
    """

    workspace: Workspace
    dialects: tuple[Dialect, ...]
    relevance: Relevance
    reading: Reading
    credentials: tuple[Label, ...]
    unsupported: tuple[Diagnostic, ...]
    requirements: Callable[[], tuple[Requirements, tuple[Diagnostic, ...]]]

    def digest(self) -> str:
        """Return a digest of what was read of the modules."""
        plain = msgspec.msgpack.encode(list(self.relevance.plain.values()))
        findings = msgspec.json.encode((self.unsupported, self.credentials))
        return digest(self.reading.digest(), plain, findings)


def compile_project(
    workspace: Workspace,
    sink: Sink,
    observe: Observer | None = None,
    *,
    dialects: tuple[Dialect, ...] | None = None,
    prepare_next: Callable[[], object] | None = None,
) -> Compilation:
    """Compile an opened project and report its findings to `sink`, a sink of the workspace.

    `observe` is called after every pass with the name of the pass and the program that it returned.
    `dialects` are the SDKs that the program may be written for; `DIALECTS` if None.  `prepare_next` is
    called while other processes read modules.
    """

    def compile_opened(opened: Workspace) -> Compilation:
        """Compile the project with a cache."""
        project = read_project(opened, dialects=dialects, prepare_next=prepare_next)
        return compile_modules(project, sink, observe)

    return without_unusable_cache(compile_opened, workspace)


def compile_for_build(
    workspace: Workspace,
    sink: Sink,
    *,
    dialects: tuple[Dialect, ...] | None = None,
    prepare_next: Callable[[], object] | None = None,
) -> Compilation:
    """Compile an opened project as `compile_project` does, for a build.

    If an edit has altered nothing of what is read of the modules, the result is the program of the
    last build.  The cache has one program for each project, because a program is large.
    """

    def compile_opened(opened: Workspace) -> Compilation:
        """Compile the project with a cache."""
        read = read_project(opened, dialects=dialects, prepare_next=prepare_next)
        return _compile_or_load(opened, read, dialects, sink)

    return without_unusable_cache(compile_opened, workspace)


def _compile_or_load(
    workspace: Workspace, read: ReadProject, dialects: tuple[Dialect, ...] | None, sink: Sink
) -> Compilation:
    """Return the program of the last build if the same was read; else compile what was read."""
    key = project_key(workspace, dialects, read.digest())
    if key is None:
        return compile_modules(read, sink)
    memo, group = memo_of(workspace), digest(str(workspace.root))
    known = memo.valid(memo.load_traces(_PROGRAMS, group), {key}).get(key)
    stored = None if known is None else decoded(known.result, _StoredProgram)
    if known is None or stored is None:
        compiled = compile_modules(read, sink)
        if compiled.program is not None:
            program = structs.replace(compiled.program, files=())
            result = msgspec.msgpack.encode(_StoredProgram(program, tuple(sink)))
            trace = memo.make_trace(key, compiled.inputs, result)
            memo.save_traces(_PROGRAMS, group, [trace])
        return compiled
    for diagnostic in stored.diagnostics:
        sink.add(diagnostic)
    program = structs.replace(stored.program, files=read.workspace.project.files)
    return Compilation(program, (*known.inputs, *read.reading.inputs))


def read_project(
    workspace: Workspace,
    *,
    dialects: tuple[Dialect, ...] | None = None,
    prepare_next: Callable[[], object] | None = None,
) -> ReadProject:
    """Read the modules of an opened project, and find the endpoints that the modules would define if Python ran them.

    The arguments are as in `compile_project`.
    """
    read_in = DIALECTS if dialects is None else dialects

    @cache
    def unsupported() -> tuple[Diagnostic, ...]:
        """Return the findings about programs of an SDK that flashc does not compile."""
        sink = Sink()
        report_apps(workspace.project, first_of(spellings_of(read_in)), sink)
        return tuple(sink)

    def meanwhile() -> None:
        """Do what does not depend on the evaluated modules, and prepare what the caller needs next."""
        import_module("flashc.passes")
        _ = relevance.plain
        unsupported()
        if prepare_next is not None:
            prepare_next()

    workspace = workspace.for_sdks(packages_of(read_in))
    credentials = begin_file_credentials(workspace)
    requirements: Callable[[], tuple[Requirements, tuple[Diagnostic, ...]]]
    requirements = partial(_requirements, workspace)
    if credentials.is_large:  # then the requirements are often many, too
        requirements = in_background(requirements)
    relevance = find_relevant_modules(
        workspace.project,
        partial(read_plain_modules, workspace),
        partial(read_links, workspace),
        partial(check_plain_modules, workspace),
    )
    reading = read_modules(workspace, relevance, read_in, meanwhile)
    return ReadProject(
        workspace=workspace,
        dialects=read_in,
        relevance=relevance,
        reading=reading,
        credentials=credentials.finish(),
        unsupported=unsupported(),
        requirements=requirements,
    )


def _requirements(workspace: Workspace) -> tuple[Requirements, tuple[Diagnostic, ...]]:
    """Return the requirements of the whole app, and the findings about them."""
    sink, options = Sink(), workspace.options
    found = read_requirements(workspace.project, sink, extras=options.extras, groups=options.groups)
    return found, tuple(sink)


def compile_modules(
    read: ReadProject, sink: Sink, observe: Observer | None = None, *, rewrite: bool = True
) -> Compilation:
    """Make a program from what was read, run the passes, and report all findings to `sink`.

    If `rewrite` is False, the program is only checked, and the passes that prepare a build do not
    run.
    """
    # `read_project` has imported it already, while other processes read modules
    from .passes import run_passes
    from .passes.context import PassContext

    workspace, reading = read.workspace, read.reading
    project = workspace.project
    for diagnostic in (*reading.diagnostics(), *read.unsupported):
        sink.add(diagnostic)
    requirements, found = read.requirements()
    for diagnostic in found:
        sink.add(diagnostic)
    program = structs.replace(
        assemble(workspace, read.relevance, reading),
        requirements=requirements.found,
        offers=requirements.offers,
        own_requirements=requirements.own,
        resolver=requirements.resolver,
        refused_requirements=requirements.refused,
        has_known_requirements=requirements.is_complete,
        spellings=spellings_of(read.dialects),
    )
    context = PassContext(
        sink=sink,
        project=project,
        credentials=read.credentials,
        options=workspace.options,
        environment=workspace.environment.recording(),
        flags=frozenset(name for name, value in workspace.flags.items() if value is not None),
        how_to_declare=tuple(filter(None, (each.how_to_declare for each in read.dialects))),
    )
    verifier = Verifier()
    verifier.skip_spans(part for summary in reading.summaries for part in summary.parts())
    compiled = run_passes(program, context, verifier, observe, rewrite=rewrite)

    report_unused(workspace.suppressions, sink)
    inputs = {
        *reading.inputs,
        *context.inputs(),
        *requirements.inputs,
        *map(file_input, (PYTHON_VERSION, PIPFILE, *source_paths(program))),
    }
    return Compilation(compiled, tuple(inputs))


def read_modules(
    workspace: Workspace,
    relevance: Relevance,
    dialects: tuple[Dialect, ...],
    meanwhile: Callable[[], object],
) -> Reading:
    """Return the summaries of all relevant modules.

    With `--trace`, all modules are read together, and nothing is cached.
    """
    if not workspace.options.trace:
        return read_summaries(workspace, relevance.relevant, dialects, meanwhile)
    from .frontend.summarise import summarise  # it imports LibCST

    names = tuple(sorted(relevance.relevant))
    project, environment = workspace.project, workspace.environment
    no_sandbox = workspace.options.no_sandbox
    summary = summarise(
        names, project, environment, dialects, names, trace=True, no_sandbox=no_sandbox
    )
    verify_parts(summary.parts(), project.by_path)
    return Reading((StoredSummary.encode(summary),), {}, summary.inputs)


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
    """Return an endpoint without its edit if the same call declares several endpoints; else return it unchanged.

    The edit (see `Construction`) rewrites the call in the artifact's copy, and the build must not
    rewrite the call for one of several endpoints.
    """
    if calls[endpoint.construction.span] == 1 or endpoint.construction.edit is None:
        return endpoint
    construction = structs.replace(endpoint.construction, edit=None)
    return structs.replace(endpoint, construction=construction)
