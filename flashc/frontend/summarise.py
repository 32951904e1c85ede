"""Parse, evaluate and lower some modules into a summary: their endpoints, imports and findings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from msgspec import structs

from flashc.evaluator.declarations import EndpointValue
from flashc.evaluator.machine import Machine
from flashc.project.environment import BuildEnvironment
from flashc.project.parsing import parse_module
from flashc.project.project import Project
from flashc.syntax.names import collect_names
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.encoding import is_text
from flashc_core.source import Edit, Span, WholeFile
from flashc_ir.modules import Module, SdkProblem, SdkProblemKind
from flashc_ir.spelling import Spelling, first_of

from .decode import ArgumentDecoder
from .dialect import Dialect, Lowered, lower_all, spellings_of
from .evaluation import Evaluation
from .nested import nested_endpoints
from .shared_modules import SharedModules
from .summary import Component, ComponentSummary
from .top_imports import find_top_imports


def parse_all(components: Sequence[Component], project: Project) -> None:
    """Parse the modules of some components before the first is evaluated.

    Parser and evaluator are both large.  If they ran alternately, each would remove the other from
    the processor's caches, which would cost a fifth of the time.
    """
    for component in components:
        for name in component:
            parse_module(project, name, Sink())


def summarise(
    names: Component,
    project: Project,
    environment: BuildEnvironment,
    dialects: tuple[Dialect, ...],
    relevant: Collection[str],
    *,
    shared: SharedModules | None = None,
    trace: bool = False,
    no_sandbox: bool = False,
) -> ComponentSummary:
    """Return the summary of the modules `names`: their endpoints, imports and findings.

    `relevant` are the names of all modules that have summaries; `shared` is as in `Evaluation`;
    `trace` and `no_sandbox` are as in `Options`.
    """
    sink = Sink()
    evaluation = Evaluation(
        project=project,
        roots=names,
        dialects=dialects,
        sink=sink,
        environment=environment,
        shared=shared,
    )
    modules = [_module(name, evaluation) for name in names]
    evaluation.run()
    machine = evaluation.machine
    if trace:
        from .trace import trace as trace_modules  # imported only with `--trace`

        trace_modules(machine, dialects, sink, no_sandbox=no_sandbox)
    evaluation.report_step_limits()
    own = [value for value in machine.endpoints if _origin(machine, value) in ("", *names)]
    lowered = lower_all(dialects, ArgumentDecoder(machine=machine, sink=sink), own)
    if any(module not in names for value in own for module in _definitions(value)):
        machine.interactions.is_entangled = True  # lowering used the syntax tree of another module
    return ComponentSummary(
        modules=tuple(_with_evaluated_facts(module, evaluation) for module in modules),
        endpoints=tuple(endpoint for each in lowered for endpoint in each.endpoints),
        unlowered=tuple(endpoint for each in lowered for endpoint in each.unlowered),
        sdk_edits=_merged(lowered),
        diagnostics=tuple(sink),
        inputs=evaluation.inputs(),
        imported=evaluation.imported,
        evaluated=len(evaluation.loaded),
        joined=_joined(names, machine, relevant),
    )


def _module(name: str, evaluation: Evaluation) -> Module:
    """Return the module's names, imports and facts that depend only on its text."""
    syntax = evaluation.load(name)
    project, path = evaluation.project, evaluation.project.modules[name]
    if syntax is not None:
        try:
            module = collect_names(syntax, project)
            return structs.replace(module, deferred_imports=find_top_imports(syntax, module))
        except RecursionError:
            evaluation.sink.report(
                rules.MODULE_TOO_LARGE,
                WholeFile(path),
                f"the code of `{path}` is nested too deeply to be analysed",
            )
    return Module(name=name, path=path, is_package=path.endswith("__init__.py"))


def _with_evaluated_facts(module: Module, evaluation: Evaluation) -> Module:
    """Return the module with the facts that its evaluation and the dialects add."""
    for dialect in evaluation.dialects:
        module = dialect.annotate(module)
    frame = evaluation.machine.frames.get(module.name)
    computed = tuple(_computed_sdk_imports(module, evaluation))
    unknown = tuple(_unknown_decorators(module, evaluation))
    reported = {problem.span for problem in computed}
    return structs.replace(
        module,
        sdk_problems=(*module.sdk_problems, *computed, *unknown),
        variables_read=tuple(
            structs.replace(r, optional=r.optional or r.name in evaluation.machine.tested_variables)
            for r in module.variables_read
        ),
        variables_tested=tuple(sorted(filter(is_text, evaluation.machine.tested_variables))),
        import_problems=tuple(p for p in module.import_problems if p.span not in reported),
        import_failure=evaluation.failure(module.name),
        nested_endpoints=() if frame is None else nested_endpoints(frame, evaluation.dialects),
    )


def _computed_sdk_imports(module: Module, evaluation: Evaluation) -> Iterator[SdkProblem]:
    """Yield the calls that import an SDK by a name that the source does not show.

    The artifact's copy of the module can't import the runtime instead.
    """
    for span in sorted(evaluation.machine.sdk_imports):
        if span not in _dynamic_imports(span.path, module, evaluation):
            sdk = _spelling(module, evaluation).sdk
            shown = f': `importlib.import_module("{sdk}")`' if sdk else ""
            yield SdkProblem(
                span=span,
                message="this imports the SDK by a name that is computed",
                help=(f"write the name in the call{shown}",),
                kind=SdkProblemKind.COMPUTED_IMPORT,
            )


def _spelling(module: Module, evaluation: Evaluation) -> Spelling:
    """Return how the SDKs that a module imports declare endpoints; if it imports none, any SDK."""
    tops = {item.module.partition(".")[0] for item in module.imports}
    used = [each for each in evaluation.dialects if each.packages & tops]
    return first_of(spellings_of(used or evaluation.dialects))


def _unknown_decorators(module: Module, evaluation: Evaluation) -> Iterator[SdkProblem]:
    """Yield the decorators that may declare an endpoint which flashc does not see."""
    for span in sorted(evaluation.machine.unknown_decorators):
        if span.path == module.path:
            made = _spelling(module, evaluation).declaring_object
            shown = "the SDK returns" if made is None else f"the SDK's `{made}` returns"
            yield SdkProblem(
                span=span,
                message="flashc does not see how this decorator is made from the SDK",
                help=(f"decorate with an object that {shown}",),
                kind=SdkProblemKind.UNKNOWN_DECORATOR,
            )


def _dynamic_imports(path: str, module: Module, evaluation: Evaluation) -> set[Span]:
    """Return the calls of a file, perhaps that of another module, that import a module by its name."""
    imports = module.imports
    if path != module.path:
        syntax = evaluation.load(evaluation.project.names[path])
        imports = () if syntax is None else collect_names(syntax, evaluation.project).imports
    return {item.span for item in imports if item.dynamic}


def _merged(lowered: Iterable[Lowered]) -> dict[str, tuple[Edit, ...]]:
    """Return the edits of all dialects, by module."""
    found: dict[str, tuple[Edit, ...]] = {}
    for each in lowered:
        for module, edits in each.edits.items():
            found[module] = (*found.get(module, ()), *edits)
    return found


def _origin(machine: Machine, endpoint: EndpointValue) -> str:
    """Return the module whose execution declared an endpoint."""
    return machine.interactions.origins.get(id(endpoint), endpoint.module)


def _definitions(endpoint: EndpointValue) -> list[str]:
    """Return the modules that define what an endpoint runs."""
    functions = [target.value for target in endpoint.targets]
    routed = [route.value for route in endpoint.routes]
    return [function.frame.syntax.name for function in (*functions, *routed)]


def _joined(names: Component, machine: Machine, relevant: Collection[str]) -> tuple[str, ...]:
    """Return the other modules that have to be read together with these.

    If a plain module adds routes to an endpoint, flashc acts as if the modules that import it had
    added them.
    """
    found: set[str] = set()
    for cycle in machine.interactions.cycles:
        if set(names) & set(cycle):
            found |= set(cycle)
    for changer, changed in machine.interactions.changed_modules.items():
        if changer in names or changer not in relevant:
            found |= changed
    return tuple(sorted(found - {"", *names}))
