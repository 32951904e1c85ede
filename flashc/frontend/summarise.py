"""Modules that have to be read together -> what they say: parsed, evaluated and lowered."""

from __future__ import annotations

from collections.abc import Sequence

from flashc.evaluator.interpreter import Interpreter
from flashc.evaluator.machine import Machine
from flashc.incremental.components import Part
from flashc.incremental.inputs import (
    UNREPEATABLE,
    environment_question,
    file_question,
    module_question,
)
from flashc.project.discover import Tree
from flashc.project.environment import Environment
from flashc.project.sources import Sources
from flashc.syntax.names import Names, collect_names
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.encoding import printable
from flashc_core.source import WholeFile
from flashc_ir.endpoints import Endpoint
from flashc_ir.modules import Module

from .decode import ArgumentDecoder
from .flash.lower import lower_endpoints
from .flash.semantics import Flash
from .nested import check_nested_endpoints
from .summary import Failure, Fragment, TopImport
from .top_imports import find_top_imports


def read_parts(parts: Sequence[Part], tree: Tree, environment: Environment) -> list[Fragment]:
    """A fragment for each part.

    All modules are parsed before the first is walked: parser and evaluator alike are large, and taking turns
    they push each other out of the processor's caches, which costs a fifth of the time.
    """
    quiet = Sources(tree, Sink())
    for part in parts:
        for name in part:
            quiet.syntax(name)  # `parse` remembers it
    return [read_fragment(part, tree, environment) for part in parts]


def read_fragment(
    names: Part, tree: Tree, environment: Environment, *, trace: bool = False
) -> Fragment:
    """Read the modules of these names, in this order; `trace` as in `Options`."""
    sink, asked = Sink(), environment.fresh()
    sources = Sources(tree, sink)
    read = {name: _names(sources, name) for name in names}
    machine = Interpreter(tree=tree, load=sources.syntax, environment=asked, dialects=(Flash(),))
    endpoints = _evaluate(machine, names, sink, trace=trace)
    building = {endpoint.construction.module for endpoint in endpoints}
    top_imports: dict[str, tuple[TopImport, ...]] = {}
    for name in sorted(building & read.keys()):
        syntax = sources.syntax(name)
        if syntax is not None:
            top_imports[name] = find_top_imports(syntax, read[name].module)
    return Fragment(
        modules=tuple(found.module for found in read.values()),
        endpoints=endpoints,
        diagnostics=tuple(sink),
        problems={name: found.problems for name, found in read.items()},
        installs={name: found.installs for name, found in read.items()},
        failures={
            name: Failure(error.span, printable(str(error)))
            for name, error in machine.failed.items()
        },
        top_imports=top_imports,
        reads=(
            *(module_question(name) for name in sorted(set(sources.asked) - set(names))),
            *(file_question(path) for path in sorted(machine.files)),
            *(environment_question(name) for name in sorted(asked.asked)),
            *(() if machine.is_settled else (UNREPEATABLE,)),
        ),
    )


def _names(sources: Sources, name: str) -> Names:
    path = sources.tree.modules[name]
    syntax = sources.syntax(name)
    if syntax is not None:
        try:
            return collect_names(syntax, sources.tree)
        except RecursionError:
            sources.sink.report(
                rules.MODULE_TOO_LARGE,
                WholeFile(path),
                f"the code of `{path}` is nested too deeply to be analysed",
            )
    return Names(Module(name=name, path=path, is_package=path.endswith("__init__.py")), (), ())


def _evaluate(
    machine: Machine, names: tuple[str, ...], sink: Sink, *, trace: bool
) -> tuple[Endpoint, ...]:
    """What Python would define: the endpoints of these modules."""
    decoder = ArgumentDecoder(machine, sink)
    for name in names:
        machine.evaluate_as_worker(name)
    if trace:
        from .trace import trace as trace_modules  # processes are for those who ask for them

        trace_modules(machine, machine.environment, sink)
    for name, place in sorted(machine.stopped.items()):
        sink.report(
            rules.EVALUATION_STOPPED,
            place,
            f"importing `{name}` computes more than flashc follows",
            notes=("what the module defines after this place is not seen",),
            help=("move the computation into a function that runs on the worker",),
        )
    endpoints = lower_endpoints(decoder, machine.endpoints)
    constructed = frozenset(endpoint.text for endpoint in machine.endpoints)
    for name in names:
        frame = machine.frames.get(name)
        if frame is not None:
            check_nested_endpoints(frame, constructed, sink)
    return endpoints
