"""Parse, evaluate and lower the modules of a component."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from flashc.evaluator.interpreter import Interpreter
from flashc.evaluator.machine import Machine
from flashc.project.environment import BuildEnvironment
from flashc.project.inputs import VOLATILE, file_input, module_input, variable_input
from flashc.project.parsing import parse_module
from flashc.project.project import Project
from flashc.syntax.names import collect_names
from flashc.syntax.parse import Syntax
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.encoding import printable
from flashc_core.source import WholeFile
from flashc_ir.modules import ImportFailure, Module

from .decode import ArgumentDecoder
from .dialect import Dialect, Lowered, lower_all
from .nested import nested_endpoints
from .summary import Component, ComponentSummary
from .top_imports import find_top_imports


def summarise_all(
    components: Sequence[Component],
    project: Project,
    environment: BuildEnvironment,
    dialects: tuple[Dialect, ...],
) -> list[ComponentSummary]:
    """Return a summary of each component.

    All modules are parsed before the first is evaluated: parser and evaluator are both large, and taking
    turns they push each other out of the processor's caches, which costs a fifth of the time.
    """
    for component in components:
        for name in component:
            parse_module(project, name, Sink())
    return [summarise(component, project, environment, dialects) for component in components]


def summarise(
    names: Component,
    project: Project,
    environment: BuildEnvironment,
    dialects: tuple[Dialect, ...],
    *,
    trace: bool = False,
) -> ComponentSummary:
    """Return what the modules of these names say; `trace` is as in `Options`."""
    sink, environment = Sink(), environment.recording()
    loader = _Loader(project, sink)
    machine = Interpreter(
        tree=project,
        load=loader.load,
        environment=environment,
        dialects=tuple(dialect.semantics() for dialect in dialects),
    )
    modules = tuple(_module(name, loader) for name in names)
    lowered = _evaluate(machine, names, dialects, sink, trace=trace)
    return ComponentSummary(
        modules=tuple(_annotated(module, machine, dialects, lowered) for module in modules),
        endpoints=tuple(endpoint for each in lowered for endpoint in each.endpoints),
        unlowered=tuple(endpoint for each in lowered for endpoint in each.unlowered),
        diagnostics=tuple(sink),
        import_failures={
            name: ImportFailure(error.span, printable(str(error)))
            for name, error in machine.failed.items()
        },
        inputs=(
            *(module_input(name) for name in sorted(loader.loaded - set(names))),
            *(file_input(path) for path in sorted(machine.files)),
            *(variable_input(name) for name in sorted(environment.asked)),
            *(() if machine.is_settled else (VOLATILE,)),
        ),
    )


class _Loader:
    """Parses modules for the evaluator and records which; what can't be parsed is reported."""

    def __init__(self, project: Project, sink: Sink) -> None:
        self.project = project
        self.sink = sink
        self.loaded: set[str] = set()

    def load(self, name: str) -> Syntax | None:
        if name in self.project.modules:
            self.loaded.add(name)
        return parse_module(self.project, name, self.sink)


def _module(name: str, loader: _Loader) -> Module:
    """The names, imports and facts of one module."""
    syntax = loader.load(name)
    path = loader.project.modules[name]
    if syntax is not None:
        try:
            module = collect_names(syntax, loader.project)
            return structs.replace(module, deferred_imports=find_top_imports(syntax, module))
        except RecursionError:
            loader.sink.report(
                rules.MODULE_TOO_LARGE,
                WholeFile(path),
                f"the code of `{path}` is nested too deeply to be analysed",
            )
    return Module(name=name, path=path, is_package=path.endswith("__init__.py"))


def _annotated(
    module: Module, machine: Machine, dialects: tuple[Dialect, ...], lowered: list[Lowered]
) -> Module:
    """The module with what the dialects know of it."""
    for dialect in dialects:
        module = dialect.annotate(module)
    frame = machine.frames.get(module.name)
    return structs.replace(
        module,
        sdk_edits=tuple(edit for each in lowered for edit in each.edits.get(module.name, ())),
        nested_endpoints=() if frame is None else nested_endpoints(frame, dialects),
    )


def _evaluate(
    machine: Machine,
    names: Component,
    dialects: tuple[Dialect, ...],
    sink: Sink,
    *,
    trace: bool,
) -> list[Lowered]:
    """The endpoints that Python would define by importing these modules."""
    decoder = ArgumentDecoder(machine, sink)
    for name in names:
        machine.evaluate_as_worker(name)
    if trace:
        from .trace import trace as trace_modules  # only for those who ask for it

        trace_modules(machine, dialects, sink)
    for name, place in sorted(machine.stopped.items()):
        sink.report(
            rules.EVALUATION_STOPPED,
            place,
            f"importing `{name}` takes more steps than flashc evaluates",
            notes=("flashc does not see what the module defines after this line",),
            help=("move the computation into a function that runs on the worker",),
        )
    return lower_all(dialects, decoder, machine.endpoints)
