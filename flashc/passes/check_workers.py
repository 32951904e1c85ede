"""Check that the workers of each endpoint have the variables, state and GPUs that they need."""

from __future__ import annotations

from flashc_core import rules
from flashc_core.diagnostics import Label, Sink
from flashc_ir.endpoints import CodeEndpoint
from flashc_ir.modules import GlobalUse, Module, VariableRead
from flashc_ir.platform.gpus import gpu_memory
from flashc_ir.platform.variables import is_set_by_platform
from flashc_ir.program import Program
from flashc_ir.resources import Gpu
from flashc_ir.spelling import Spelling, alternatives

from .call_resolver import Definition
from .context import PassContext

# GPUs in a list are very different if one has at least this many times the memory of a later one.
_MEMORY_RATIO = 2


def check_workers(program: Program, context: PassContext) -> Program:
    """Report missing variables, state that endpoints can't share, and very different GPUs.

    Missing variables are environment variables that workers read and that are not set there.  GPUs
    in a list are very different if one GPU has at least twice the memory of a later one.
    """
    sink = context.sink
    resolver = context.call_resolver(program)
    if any(module.variables_read or module.globals for module in program.modules):
        runs = {e.resource: set(resolver.runs(e)) for e in program.code_endpoints}
        check_variables(program, runs, sink)
        check_state(program, runs, sink)
    for endpoint in program.code_endpoints:
        check_gpus(endpoint, program.spelling_of(endpoint), sink)
    return program


Runs = dict[str, set[Definition]]
"""The functions and classes that workers of an endpoint may run, by the endpoint's resource."""


# Environment variables ----------------------------------------------------------------------------


def check_variables(program: Program, runs: Runs, sink: Sink) -> None:
    """Report variables that neither an endpoint, the program nor the platform sets on a worker.

    If the module also reads a variable with a default, or tests whether it is set, the variable is
    optional and not reported.
    """
    set_by_program = {item.name for module in program.modules for item in module.variables_set}
    endpoints = {e.resource: e for e in program.code_endpoints}
    given = {resource: _given(endpoint) for resource, endpoint in endpoints.items()}
    replaced = [
        endpoint.construction.edit.span
        for endpoint in program.deployed
        if endpoint.construction.edit is not None
    ]
    for module in program.modules:
        optional = {read.name for read in module.variables_read if read.optional}
        for read in module.variables_read:
            if read.name in optional | set_by_program or is_set_by_platform(read.name):
                continue
            if any(span.covers(read.span) for span in replaced):
                continue  # workers do not evaluate the arguments of a declaration: the artifact keeps only the name
            lacking = [
                resource
                for resource, definitions in runs.items()
                if Definition(module.name, read.scope).is_in(definitions)
                and read.name not in given[resource]
            ]
            if lacking:
                spelling = program.spelling_of(*(endpoints[resource] for resource in lacking))
                _report_variable(module, read, lacking, spelling, sink)


def _given(endpoint: CodeEndpoint) -> set[str]:
    """Return the names of the environment variables that an endpoint declares."""
    configuration = endpoint.configuration
    template = configuration.resources.template
    return {
        variable.name
        for variables in (configuration.environment, template.environment if template else ())
        for variable in variables
    }


def _report_variable(
    module: Module, read: VariableRead, lacking: list[str], spelling: Spelling, sink: Sink
) -> None:
    """Report a variable that workers of some endpoints read and that is not set there."""
    names = ", ".join(f"`{name}`" for name in lacking[:3]) + (", ..." if len(lacking) > 3 else "")
    dotenv = any(item.module == "dotenv" for item in module.imports)
    notes = (
        ("`load_dotenv()` finds nothing there: `.env` is never in the artifact",) if dotenv else ()
    )
    passing = spelling.passing(read.name)
    sink.report(
        rules.MISSING_WORKER_VARIABLE,
        read.span,
        f"workers of {names} read `{read.name}`, which is not set there",
        notes=notes,
        help=alternatives(
            passing and f"add `{passing}`, which is resolved when deploying",
            "read it with a default",
        ),
    )


# State --------------------------------------------------------------------------------------------


def check_state(program: Program, runs: Runs, sink: Sink) -> None:
    """Report a module-level value that one endpoint changes and another reads.

    The endpoints run on different workers, so the change is not seen.
    """
    for module in program.modules:
        for name in dict.fromkeys(use.name for use in module.globals):
            uses = [use for use in module.globals if use.name == name]
            writers = _users(module, [use for use in uses if use.writes], runs)
            readers = _users(module, [use for use in uses if not use.writes], runs)
            only_read = {
                resource: use for resource, use in readers.items() if resource not in writers
            }
            if writers and only_read:
                (writer, write), *_ = writers.items()
                (reader, read), *_ = only_read.items()
                sink.report(
                    rules.SHARED_STATE,
                    write.span,
                    f"`{writer}` changes `{name}`, and `{reader}` never sees the change",
                    label="changed here",
                    secondary=(Label(read.span, f"`{reader}` reads its own copy here"),),
                    notes=("each worker imports the module for itself",),
                    help=("pass the value as an argument, or keep it in a volume or a database",),
                )


def _users(module: Module, uses: list[GlobalUse], runs: Runs) -> dict[str, GlobalUse]:
    """Return, by resource, the first use of a global that the code of the endpoint may run."""
    found: dict[str, GlobalUse] = {}
    for use in uses:
        for resource, definitions in runs.items():
            if Definition(module.name, use.scope).is_in(definitions):
                found.setdefault(resource, use)
    return found


# Hardware -----------------------------------------------------------------------------------------


def check_gpus(endpoint: CodeEndpoint, spelling: Spelling, sink: Sink) -> None:
    """Report a GPU list in which a later GPU has at most half the memory of an earlier one.

    The platform may assign the smaller one.  A list that begins with the smallest GPU is accepted.
    """
    hardware = endpoint.configuration.resources.hardware
    if not isinstance(hardware, Gpu):
        return
    memory = gpu_memory()
    known = [(memory[c], c) for c in hardware.choices if c in memory]
    descending = [
        (large, small)
        for index, large in enumerate(known)
        for small in known[index + 1 :]
        if large[0] >= _MEMORY_RATIO * small[0]
    ]
    if not descending or min(known) == known[0]:
        return
    (most, largest), (least, smallest) = max(descending, key=lambda pair: pair[0][0] / pair[1][0])
    sink.report(
        rules.GPUS_OF_UNEQUAL_MEMORY,
        endpoint.construction.span_of(spelling.hardware),
        f"a worker of `{endpoint.name}` may get {least} GB ({smallest}) or {most} GB ({largest})",
        notes=("the order is a preference; the platform assigns a GPU that is free",),
        help=(
            "list GPUs that are all large enough",
            "if the smaller one is large enough, name it first",
        ),
    )
