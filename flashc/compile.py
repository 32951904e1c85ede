"""A project's folder -> its verified IR.  This file is the recipe; each step lives in a room of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from flashc_ir import rules
from flashc_ir.diagnostics import Sink
from flashc_ir.endpoints import Dependency, Endpoint, ExistingEndpoint
from flashc_ir.modules import Module
from flashc_ir.program import Program
from flashc_ir.source import Span
from flashc_ir.verify import verify

from .environ import build_environment
from .frontend.closure import check_closure
from .frontend.dependencies import check_dependencies
from .frontend.dialect import check_sdk_imports
from .frontend.discover import Tree, discover
from .frontend.evaluator.machine import Machine
from .frontend.lower import lower_endpoints
from .frontend.nested import check_nested_endpoints
from .frontend.python_version import choose_python
from .frontend.read import Sources, read_modules
from .frontend.reading import Reader
from .frontend.requirements import read_requirements
from .frontend.suppressions import collect_suppressions
from .frontend.top_imports import check_top_imports
from .options import Options
from .passes import PIPELINE
from .passes.check_images import check_images

Observer = Callable[[str, Program], None]


def compile_project(
    root: Path, options: Options, sink: Sink, observe: Observer | None = None
) -> Program | None:
    """Compile the project at `root` (absolute).  None where errors leave no program to speak of.

    `observe` is called after every pass with the pass's name and the program it left.
    """
    environment = build_environment(root, options.env)
    return compile_tree(root, discover(root, sink), options, environment, sink, observe)


def compile_tree(
    root: Path,
    tree: Tree,
    options: Options,
    environment: Mapping[str, str],
    sink: Sink,
    observe: Observer | None = None,
) -> Program | None:
    """Compile the files of a project, but for the findings that their authors do not want to hear of."""
    suppressions = collect_suppressions(tree)
    sink.hides = suppressions.hide
    program = compile_files(root, tree, options, environment, sink, observe)
    suppressions.report_unused(sink)
    return program


def compile_files(
    root: Path,
    tree: Tree,
    options: Options,
    environment: Mapping[str, str],
    sink: Sink,
    observe: Observer | None,
) -> Program | None:
    """Compile the files of a project."""
    # What do the modules import?
    sources, modules = read_modules(tree, sink)

    # What would Python define?  Evaluate the modules that can define endpoints, and lower what they do.
    machine = Machine(tree, sources.syntax, environment)
    endpoints = evaluate(machine, sources, sink, trace=options.trace)

    # What do workers need beside the endpoints' own modules?
    shipped = check_closure(sources, modules, endpoints)
    report_failures(machine, shipped, sink)
    check_sdk_imports(modules, shipped, sink)
    check_top_imports(sources, modules, endpoints, sink)
    check_installs(sources, shipped, sink)
    requirements = read_requirements(tree, sink)
    if not sink.has_errors():  # else what endpoints ask for is not known
        check_dependencies(
            sources, modules, shipped, endpoints, requirements, options.exclude, sink
        )
    python = choose_python(options.python_version, endpoints, sink)
    if not endpoints and not sink.has_errors():
        report_no_endpoints(sink)
    if sink.has_errors() or python is None:
        check_anyway(assemble(root, options, tree, modules, endpoints, python, ()), sink, observe)
        return None

    # Run the passes; each leaves a valid program.
    program = assemble(root, options, tree, modules, endpoints, python, requirements)
    verify(program, "lowering")
    check_images(program, environment, sink)
    for step in PIPELINE:
        program = step(program, sink)
        verify(program, step.__name__)
        if observe is not None:
            observe(step.__name__, program)
    return None if sink.has_errors() else program


def evaluate(
    machine: Machine, sources: Sources, sink: Sink, *, trace: bool
) -> tuple[Endpoint, ...]:
    """The endpoints of every module that names the SDK or imports one that does."""
    reader = Reader(machine, sink)
    for name in sorted(sources.relevant):
        machine.module(name)
    if trace:
        from .frontend.trace import (
            trace as trace_modules,
        )  # processes are for those who ask for them

        trace_modules(machine, machine.environment, sink)
    for name, place in sorted(machine.stopped.items()):
        sink.report(
            rules.EVALUATION_STOPPED,
            place,
            f"importing `{name}` computes more than flashc follows",
            notes=("what the module defines after this place is not seen",),
            help=("move the computation into a function that runs on the worker",),
        )
    endpoints = lower_endpoints(reader, machine.endpoints)
    constructed = frozenset(endpoint.text for endpoint in machine.endpoints)
    for name in sorted(sources.relevant):
        frame = machine.frames.get(name)
        if frame is not None:
            check_nested_endpoints(frame, constructed, sink)
    return endpoints


def check_installs(sources: Sources, shipped: set[str], sink: Sink) -> None:
    """Report code of workers that starts pip."""
    for name in sorted(shipped & sources.installs.keys()):
        for span in sources.installs[name]:
            sink.report(
                rules.INSTALL_AT_RUN_TIME,
                span,
                "this installs packages while a worker runs",
                notes=("every new worker waits for it, and may get other versions than the last",),
                help=("list the packages in the endpoint's `dependencies`",),
            )


def report_failures(machine: Machine, shipped: set[str], sink: Sink) -> None:
    """What a worker's import is certain to raise, whatever the environment."""
    for name in sorted(shipped & machine.failed.keys()):
        error = machine.failed[name]
        sink.report(
            rules.RAISES_AT_IMPORT,
            error.span,
            f"importing `{name}` raises {error}",
            label="raised here",
            notes=("a worker imports this module when it starts",),
            help=("mend the expression, or catch the exception",),
        )


def report_no_endpoints(sink: Sink) -> None:
    sink.report(
        rules.NO_ENDPOINTS,
        Span.whole("."),
        "no module of this project declares an endpoint",
        help=("decorate a function with `@Endpoint(name=...)` from `runpod_flash` or `flashc`",),
    )


def assemble(
    root: Path,
    options: Options,
    tree: Tree,
    modules: tuple[Module, ...],
    endpoints: tuple[Endpoint, ...],
    python: str | None,
    requirements: tuple[Dependency, ...],
) -> Program:
    """Put the parts together, endpoints in the order of their resource names."""
    return Program(
        options.app or root.name,
        python or "",
        tree.files,
        modules,
        tuple(sorted(endpoints, key=sort_key)),
        requirements,
        tree.exclusions,
    )


def sort_key(endpoint: Endpoint) -> tuple[str, Span]:
    name = "" if isinstance(endpoint, ExistingEndpoint) else endpoint.resource
    return name, endpoint.construction.span


def check_anyway(program: Program, sink: Sink, observe: Observer | None) -> None:
    """Run the checks on what there is, so that one run shows the errors of later stages too."""
    for step in PIPELINE:
        program = step(program, sink)
        if observe is not None:
            observe(step.__name__, program)
