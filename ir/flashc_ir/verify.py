"""A `Program` -> the laws of the IR that it breaks.  Every pass leaves a program without a finding here.

A finding is a bug in flashc, never a mistake of the user's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from flashc_core.source import Span

from .endpoints import ExistingEndpoint, LoadBalanced, QueueClass, QueueFunction, modules_of
from .program import Callee, Program, Resource, callee_of


class InvalidProgram(AssertionError):
    """A pass broke the IR: this is a bug in flashc."""

    def __init__(self, after: str, findings: list[str]) -> None:
        super().__init__(f"after {after}: " + "; ".join(findings))
        self.findings = findings


def verify(program: Program, after: str) -> None:
    """Check the laws.

    Raises:
        InvalidProgram: a law is broken; `after` names the step that ran last.
    """
    findings = [*_names(program), *_modules(program), *_endpoints(program), *_calls(program)]
    if findings:
        raise InvalidProgram(after, findings)


def _names(program: Program) -> Iterator[str]:
    for what, names in (
        ("module", [module.name for module in program.modules]),
        ("path", [module.path for module in program.modules]),
        ("file", [file.path for file in program.files]),
    ):
        for name, count in Counter(names).items():
            if count > 1:
                yield f"the {what} `{name}` occurs {count} times"
    for path in (file.path for file in program.files):
        if path.startswith("/") or ".." in path.split("/"):
            yield f"the path `{path}` leaves the project"


def _modules(program: Program) -> Iterator[str]:
    files = {file.path for file in program.files}
    names = [module.name for module in program.modules]
    if names != sorted(names):
        yield "the modules are not in the order of their names"
    for module in program.modules:
        if module.path not in files:
            yield f"the module `{module.name}` has no file"
        spans: list[Span] = [edit.span for edit in module.edits]
        if any(span.path != module.path for span in spans):
            yield f"an edit of `{module.name}` lies in another file"
        for edit in module.edits:
            span = edit.span
            if edit.text.count("\n") != span.end_line - span.line:
                yield f"the edit at {span} changes the number of lines"
        for earlier, later in zip(sorted(spans), sorted(spans)[1:], strict=False):
            if (earlier.end_line, earlier.end_column) > (later.line, later.column):
                yield f"the edits at {earlier} and {later} overlap"


def _endpoints(program: Program) -> Iterator[str]:
    modules = {module.name for module in program.modules}
    for endpoint in program.endpoints:
        if endpoint.construction.module not in modules:
            yield f"the endpoint at {endpoint.construction.span} belongs to no module"
        if isinstance(endpoint, ExistingEndpoint):
            continue
        if not endpoint.name or not endpoint.resource:
            yield f"the endpoint at {endpoint.construction.span} has no name"
        if isinstance(endpoint, (QueueFunction, QueueClass, LoadBalanced)):
            for module in modules_of(endpoint):
                if module not in modules:
                    yield f"the endpoint `{endpoint.name}` needs the unknown module `{module}`"
        if isinstance(endpoint, LoadBalanced) and not endpoint.routes:
            yield f"the load balancer `{endpoint.name}` has no route"
        workers = endpoint.configuration.resources.workers
        if not 0 <= workers.minimum <= workers.maximum:
            yield f"the endpoint `{endpoint.name}` has the workers {workers}"


def _calls(program: Program) -> Iterator[str]:
    known: set[Callee] = {callee_of(endpoint) for endpoint in program.endpoints}
    for call in program.calls:
        if call.endpoint not in known:
            yield f"the call at {call.span} leads to the unknown endpoint `{call.endpoint}`"
    for edge in program.edges:
        if Resource(edge.caller) not in known:
            yield f"an edge starts at the unknown endpoint `{edge.caller}`"
        if edge.callee not in known:
            yield f"an edge leads to the unknown endpoint `{edge.callee}`"
