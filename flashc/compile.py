"""A project's folder -> its verified IR.  This file is the recipe; each step lives in a room of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flashc.frontend.relevance import Survey, survey
from flashc.frontend.summary import Facts, Fragment, assemble_facts
from flashc.incremental.summaries import read_fragments
from flashc.passes.check_dependencies import check_dependencies
from flashc.passes.check_images import check_images
from flashc.passes.check_imports import check_closure
from flashc.passes.check_match_annotations import check_match_annotations
from flashc.passes.check_sdk_imports import check_sdk_imports
from flashc.passes.check_worker_modules import check_shipped
from flashc.passes.choose_python import choose_python
from flashc.project.discover import Tree, discover
from flashc.project.environment import Environment, build_environment
from flashc.project.options import Options
from flashc.project.requirements import read_requirements
from flashc.project.suppressions import collect_suppressions
from flashc_core import rules
from flashc_core.cache import Store
from flashc_core.diagnostics import Sink
from flashc_core.source import Span, WholeFile
from flashc_ir.endpoints import Dependency, Endpoint, ExistingEndpoint
from flashc_ir.laws import FIRST_STEP
from flashc_ir.program import Program
from flashc_ir.verify import Verifier

from .passes import PIPELINE

Observer = Callable[[str, Program], None]


def compile_project(
    root: Path,
    options: Options,
    sink: Sink,
    observe: Observer | None = None,
    store: Store | None = None,
) -> Program | None:
    """Compile the project at `root` (absolute).  None where errors leave no program to speak of.

    `observe` is called after every pass with the pass's name and the program it left; `store` keeps what was
    read for the next time.
    """
    environment = build_environment(root, options.env)
    return compile_tree(root, discover(root, sink), options, environment, sink, observe, store)


def compile_tree(
    root: Path,
    tree: Tree,
    options: Options,
    environment: Environment,
    sink: Sink,
    observe: Observer | None = None,
    store: Store | None = None,
) -> Program | None:
    """Compile the files of a project, but for the findings that their authors do not want to hear of."""
    suppressions = collect_suppressions(tree)
    sink.hides = suppressions.hide
    program = compile_files(root, tree, options, environment, sink, observe, store)
    suppressions.report_unused(sink)
    return program


def compile_files(
    root: Path,
    tree: Tree,
    options: Options,
    environment: Environment,
    sink: Sink,
    observe: Observer | None,
    store: Store | None,
) -> Program | None:
    """Compile the files of a project."""
    # What do the modules say, and which endpoints would Python define?
    surveyed = survey(tree)
    facts = assemble_facts(
        tree, surveyed, fragments_of(tree, surveyed, options, environment, store), sink
    )

    # What do workers need beside the endpoints' own modules?
    shipped = check_closure(tree, facts, sink)
    check_shipped(facts, shipped, sink)
    check_sdk_imports(facts.modules, shipped, sink)
    requirements = read_requirements(tree, sink)
    if not sink.has_errors():  # else what endpoints ask for is not known
        check_dependencies(facts, shipped, requirements, options.exclude, sink)
    python = choose_python(options.python_version, facts.endpoints, sink)
    if not facts.endpoints and not sink.has_errors():
        report_no_endpoints(sink)
    if sink.has_errors() or python is None:
        check_anyway(assemble(root, options, tree, facts, python, ()), sink, observe)
        return None

    # Run the passes; each leaves a valid program.
    program = assemble(root, options, tree, facts, python, requirements)
    verifier = Verifier()
    verifier.check(program, FIRST_STEP)
    check_images(program, environment, sink)
    check_match_annotations(tree, shipped, program, environment, sink)
    for step in PIPELINE:
        program = step(program, sink)
        verifier.check(program, step.__name__)
        if observe is not None:
            observe(step.__name__, program)
    return None if sink.has_errors() else program


def fragments_of(
    tree: Tree, surveyed: Survey, options: Options, environment: Environment, store: Store | None
) -> list[Fragment]:
    """The fragments of the relevant modules; one that is traced is never remembered."""
    if not options.trace:
        return read_fragments(tree, surveyed.relevant, environment, store)
    from flashc.frontend.summarise import read_fragment

    return [read_fragment(tuple(sorted(surveyed.relevant)), tree, environment, trace=True)]


def report_no_endpoints(sink: Sink) -> None:
    sink.report(
        rules.NO_ENDPOINTS,
        WholeFile("."),
        "no module of this project declares an endpoint",
        help=("decorate a function with `@Endpoint(name=...)` from `runpod_flash` or `flashc`",),
    )


def assemble(
    root: Path,
    options: Options,
    tree: Tree,
    facts: Facts,
    python: str | None,
    requirements: tuple[Dependency, ...],
) -> Program:
    """Put the parts together, endpoints in the order of their resource names."""
    return Program(
        name=options.app or root.name,
        python_version=python or "",
        files=tree.files,
        modules=facts.modules,
        endpoints=tuple(sorted(facts.endpoints, key=sort_key)),
        requirements=requirements,
        exclusions=tree.exclusions,
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
