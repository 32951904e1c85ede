"""`--trace`: find endpoints that flashc can't evaluate, by importing modules in another process.

This happens only if the user asks for it, and only for modules that flashc can't evaluate.  The
process has stubs in place of the SDKs and a time limit, and refuses the usual ways to reach the
network.  The endpoints that it finds replace those that the evaluator found in these modules, and
are marked in the IR.
"""

from __future__ import annotations

from flashc.evaluator.machine import Machine
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile

from .decode import ArgumentDecoder
from .dialect import Dialect, lower_all
from .trace_process import TraceFailed, run_tracing
from .trace_values import TracedEndpoints


def trace(machine: Machine, dialects: tuple[Dialect, ...], sink: Sink) -> None:
    """Run the modules that flashc can't evaluate, and replace their endpoints by those that the run found."""
    beyond = _modules_beyond(machine, dialects)
    if not beyond:
        return
    found = ((dialect.name, dialect.tracing()) for dialect in dialects)
    tracings = {name: tracing for name, tracing in found if tracing is not None}
    modules = sorted(beyond)
    try:
        answer = run_tracing(machine.project.root, modules, machine.environment, tracings)
    except TraceFailed as failure:
        sink.report(
            rules.TRACE_FAILED,
            WholeFile(machine.project.modules[modules[0]]),
            f"tracing failed: {failure}",
            help=("write the endpoints so that flashc can evaluate them",),
        )
        return
    for name, reason in sorted(answer.failed.items()):
        sink.report(
            rules.TRACE_FAILED,
            WholeFile(machine.project.modules[name]),
            f"importing `{name}` failed while tracing: {reason}",
            help=(
                "correct the cause of the exception, or write the endpoints so that flashc can evaluate them",
            ),
        )
    traced = beyond - answer.failed.keys()
    values = TracedEndpoints(machine, tracings)
    endpoints = [values.endpoint(record) for record in answer.endpoints]
    machine.endpoints[:] = [
        *(value for value in machine.endpoints if value.module not in traced),
        *(value for value in endpoints if value is not None and value.module in traced),
    ]
    for name in sorted(traced):
        machine.stopped.pop(name, None)
        sink.report(
            rules.TRACED_MODULE,
            WholeFile(machine.project.modules[name]),
            f"the endpoints of `{name}` were found by running its code (`--trace`)",
            notes=("another run may find other endpoints",),
        )


def _modules_beyond(machine: Machine, dialects: tuple[Dialect, ...]) -> set[str]:
    """Return the modules whose endpoints the evaluator does not know completely."""
    quiet = Sink()
    lower_all(dialects, ArgumentDecoder(machine, quiet), machine.endpoints)
    paths = {d.path for d in quiet if d.rule.traceable}
    uncertain = {v.module for v in machine.endpoints if v.condition is not None or v.problems}
    by_path = {path: name for name, path in machine.project.modules.items()}
    return {by_path[path] for path in paths if path in by_path} | uncertain | machine.stopped.keys()
