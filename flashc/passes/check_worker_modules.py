"""The modules that workers import -> a report of what they do that keeps a worker from working well."""

from __future__ import annotations

from flashc.frontend.summary import Facts
from flashc_core import rules
from flashc_core.diagnostics import Sink


def check_shipped(facts: Facts, shipped: set[str], sink: Sink) -> None:
    """What is certain to go wrong, or to slow every worker down."""
    report_failures(facts, shipped, sink)
    report_installs(facts, shipped, sink)
    report_top_imports(facts, sink)


def report_failures(facts: Facts, shipped: set[str], sink: Sink) -> None:
    """What a worker's import is certain to raise, whatever the environment."""
    for name in sorted(shipped & facts.failures.keys()):
        failure = facts.failures[name]
        sink.report(
            rules.RAISES_AT_IMPORT,
            failure.span,
            f"importing `{name}` raises {failure.text}",
            label="raised here",
            notes=("a worker imports this module when it starts",),
            help=("mend the expression, or catch the exception",),
        )


def report_installs(facts: Facts, shipped: set[str], sink: Sink) -> None:
    """Code that starts pip."""
    for name in sorted(shipped & facts.installs.keys()):
        for span in facts.installs[name]:
            sink.report(
                rules.INSTALL_AT_RUN_TIME,
                span,
                "this installs packages while a worker runs",
                notes=("every new worker waits for it, and may get other versions than the last",),
                help=("list the packages in the endpoint's `dependencies`",),
            )


def report_top_imports(facts: Facts, sink: Sink) -> None:
    """Imports at the top of modules with endpoints whose names only functions use, of this module."""
    taken = {
        f"{item.module}.{name.name}"
        for module in facts.modules
        for item in module.imports
        for name in item.names or ()
    }
    taken |= {r.target for m in facts.modules for r in m.references if m.name not in r.target}
    building = {endpoint.construction.module for endpoint in facts.endpoints}
    for name in sorted(building & facts.top_imports.keys()):
        for found in facts.top_imports[name]:
            if not {f"{name}.{each}" for each in ("*", *found.names)} & taken:
                sink.add(found.finding)
