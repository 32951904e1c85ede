"""`--trace`: find endpoints that flashc can't evaluate, by importing modules in another process.

This happens only if the user asks for it, and only for modules that flashc can't evaluate.  The
process runs in a sandbox, has stubs in place of the SDKs and a time limit, and sees no values of
environment variables.  The endpoints that it finds replace those that the evaluator found in these
modules, and are marked in the IR.
"""

from __future__ import annotations

import logging
import re

from flashc.evaluator.machine import Machine
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile

from .decode import ArgumentDecoder
from .dialect import Dialect, lower_all
from .trace_answer import TraceFailed
from .trace_process import TraceRequest, run_tracing
from .trace_sandbox import find_sandbox, without_sandbox
from .trace_values import TracedEndpoints

_LOGGER = logging.getLogger(__name__)
_NAME = re.compile(r"\w+")
_SHELLS_OWN = "_"  # shells set this variable, and code has other uses for the name


def trace(machine: Machine, dialects: tuple[Dialect, ...], sink: Sink, *, no_sandbox: bool) -> None:
    """Run the modules that flashc can't evaluate, and replace their endpoints by those that the run found.

    Before code of the project runs, the logger of this module says so.  `no_sandbox` is as in `Options`.
    """
    beyond = _modules_beyond(machine, dialects)
    if not beyond:
        return
    found = ((dialect.name, dialect.tracing()) for dialect in dialects)
    tracings = {name: tracing for name, tracing in found if tracing is not None}
    modules = sorted(beyond)
    sandbox = find_sandbox()
    if isinstance(sandbox, str) and not no_sandbox:
        _report_no_sandbox(machine.project.modules[modules[0]], sandbox, sink)
        return
    missing = (without_sandbox(sandbox),) if isinstance(sandbox, str) else ()
    how = missing[0] if missing else "in a sandbox"
    _LOGGER.warning("running the code of %s %s (--trace)", ", ".join(modules), how)
    request = TraceRequest(
        project=machine.project,
        modules=modules,
        variables=machine.environment,
        stated=machine.stated,
        tracings=tracings,
        sandbox=None if isinstance(sandbox, str) else sandbox,
    )
    try:
        answer = run_tracing(request)
    except TraceFailed as failure:
        sink.report(
            rules.TRACE_FAILED,
            WholeFile(machine.project.modules[modules[0]]),
            f"tracing failed: {failure}",
            notes=_ran(missing),
            help=("write the endpoints so that flashc can evaluate them",),
        )
        return
    for name, reason in sorted(answer.failed.items()):
        sink.report(
            rules.TRACE_FAILED,
            WholeFile(machine.project.modules[name]),
            f"importing `{name}` failed while tracing: {reason}",
            notes=_ran(missing),
            help=(
                "correct the cause of the exception, or write the endpoints so that flashc can evaluate them",
                "the code sees placeholders in place of the values of environment variables, except of those "
                "under `[tool.flashc.env]` in pyproject.toml",
            ),
        )
    traced = beyond - answer.failed.keys()
    texts = [machine.project.source_of_module(name).lines.text for name in modules]
    words = {word for text in texts for word in _NAME.findall(text)} - {_SHELLS_OWN}
    mentioned = machine.environment.keys() & words
    values = TracedEndpoints(machine=machine, tracings=tracings, variables=frozenset(mentioned))
    endpoints = [values.endpoint(dict(record)) for record in answer.endpoints]
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
            notes=("; ".join(("another run may find other endpoints", *_ran(missing))),),
        )


def _ran(missing: tuple[str, ...]) -> tuple[str, ...]:
    """Return the notes of a finding about code that ran; `missing` says which layers were missing."""
    return tuple(f"the code ran {each}" for each in missing)


def _report_no_sandbox(path: str, reason: str, sink: Sink) -> None:
    """Report that this machine can't hold the code of the project in a sandbox."""
    sink.report(
        rules.TRACE_FAILED,
        WholeFile(path),
        f"flashc does not run the project's code (`--trace`): {reason}",
        help=(
            "install bubblewrap, and let it make user namespaces",
            "or add `--no-sandbox` if you trust the project: its code then has your permissions, your "
            "files and the network",
        ),
    )


def _modules_beyond(machine: Machine, dialects: tuple[Dialect, ...]) -> set[str]:
    """Return the modules whose endpoints the evaluator does not know completely."""
    quiet = Sink()
    lower_all(dialects, ArgumentDecoder(machine=machine, sink=quiet), machine.endpoints)
    paths = {d.path for d in quiet if d.rule.traceable}
    uncertain = {v.module for v in machine.endpoints if v.condition is not None or v.problems}
    by_path = {path: name for name, path in machine.project.modules.items()}
    return {by_path[path] for path in paths if path in by_path} | uncertain | machine.stopped.keys()
