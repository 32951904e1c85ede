"""Find the violations of the laws of the IR; each law has a function, which yields a message for each violation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from functools import cached_property
from itertools import pairwise

from msgspec import Struct

from flashc_core.source import Edit, Span

from .endpoints import (
    LoadBalanced,
    QueueClass,
    QueueFunction,
    functions_of,
    modules_of,
    routes_of,
)
from .program import Callee, Program, Resource, callee_of, endpoint_order
from .spans import spans_of


class Subject:
    """A program that is checked, with facts about it that several laws use.

    `fresh` are the parts whose spans were not checked before, except those in values with an `id` in
    `known`.
    """

    def __init__(
        self, program: Program, fresh: Iterable[Struct], known: Container[int] = ()
    ) -> None:
        self.program = program
        self.fresh = tuple(fresh)
        self._known = known

    @cached_property
    def spans(self) -> list[Span]:
        """The spans in the fresh parts."""
        return [span for node in self.fresh for span in spans_of(node, self._known)]

    @cached_property
    def file_paths(self) -> frozenset[str]:
        """The paths of the program's files."""
        return frozenset(file.path for file in self.program.files)

    @cached_property
    def module_names(self) -> frozenset[str]:
        """The names of the program's modules."""
        return frozenset(module.name for module in self.program.modules)

    @cached_property
    def callees(self) -> frozenset[Callee]:
        """The program's endpoints as callees of calls."""
        return frozenset(callee_of(endpoint) for endpoint in self.program.endpoints)


# Files and modules --------------------------------------------------------------------------------


def _unique(what: str, names: Iterable[str]) -> Iterator[str]:
    """Yield a message for each name that occurs more than once."""
    for name, count in Counter(names).items():
        if count > 1:
            yield f"the {what} `{name}` occurs {count} times"


def unique_modules(subject: Subject) -> Iterator[str]:
    """Yield the module names and module paths that occur more than once."""
    yield from _unique("module", (module.name for module in subject.program.modules))
    yield from _unique("module's path", (module.path for module in subject.program.modules))


def unique_files(subject: Subject) -> Iterator[str]:
    """Yield the paths of files that occur more than once."""
    yield from _unique("file", (file.path for file in subject.program.files))


def is_relative(path: str) -> bool:
    """Return whether a POSIX path is relative and stays in the project."""
    return path != "" and not path.startswith("/") and ".." not in path.split("/")


def relative_paths(subject: Subject) -> Iterator[str]:
    """Yield the paths that are absolute or leave the project."""
    program = subject.program
    paths = [file.path for file in program.files]
    paths += [module.path for module in program.modules]
    paths += [exclusion.path for exclusion in program.exclusions]
    paths += {span.path for span in subject.spans}
    for path in paths:
        if not is_relative(path):
            yield f"the path `{path}` is absolute or leaves the project"


def module_files(subject: Subject) -> Iterator[str]:
    """Yield the modules whose path is not a file of the program."""
    for module in subject.program.modules:
        if module.path not in subject.file_paths:
            yield f"the module `{module.name}` has no file"


def order(subject: Subject) -> Iterator[str]:
    """Yield the parts of the program that are not sorted."""
    program = subject.program
    edges = [(edge.caller, str(edge.callee)) for edge in program.edges]
    for what, keys in (
        ("files", [file.path for file in program.files]),
        ("exclusions", [exclusion.path for exclusion in program.exclusions]),
        ("modules", [module.name for module in program.modules]),
        ("endpoints", [endpoint_order(endpoint) for endpoint in program.endpoints]),
        ("worker modules", list(program.worker_modules)),
        ("edges", edges),
    ):
        if keys != sorted(keys):
            yield f"the {what} are not in order"


# Spans and edits ----------------------------------------------------------------------------------

# Files that flashc reads, although they may not be in the artifact.
CONFIGURATION_FILES = frozenset(
    "pyproject.toml uv.toml uv.lock poetry.lock requirements.txt setup.cfg Pipfile Pipfile.lock "
    ".python-version".split()
)


def span_files(subject: Subject) -> Iterator[str]:
    """Yield the paths of spans that are not files of the program."""
    known = subject.file_paths | CONFIGURATION_FILES
    for path in {span.path for span in subject.spans} - known:
        yield f"a span is in `{path}`, which is not a file of the program"


def positions(subject: Subject) -> Iterator[str]:
    """Yield the spans with a line or column below 1, or with an end before the beginning."""
    for span in subject.spans:
        if span.line < 1 or span.column < 1 or span.end_column < 1:
            yield f"the span {span} has a line or a column below 1"
        elif span.end_line < span.line or (
            span.end_line == span.line and span.end_column < span.column
        ):
            yield f"the span {span} ends before it begins"


def edits(subject: Subject) -> Iterator[str]:
    """Yield the edits that are in another file, change the number of lines, or overlap."""
    for module in subject.program.modules:
        for edits in (module.edits, module.sdk_edits):
            if edits:
                yield from _edits_of(module.path, edits)
    for endpoint in subject.program.endpoints:
        construction = endpoint.construction
        if construction.edit is not None:
            yield from _edits_of(construction.edit.span.path, (construction.edit,))


def _edits_of(path: str, edits: tuple[Edit, ...]) -> Iterator[str]:
    """Yield the violations of some edits of one file."""
    for edit in edits:
        if edit.span.path != path:
            yield f"the edit at {edit.span} belongs to `{path}`"
        if edit.text.count("\n") != edit.span.end_line - edit.span.line:
            yield f"the edit at {edit.span} changes the number of lines"
    spans = sorted(edit.span for edit in edits)
    for earlier, later in pairwise(spans):
        if (earlier.end_line, earlier.end_column) > (later.line, later.column):
            yield f"the edits at {earlier} and {later} overlap"


# Endpoints ----------------------------------------------------------------------------------------


def names(subject: Subject) -> Iterator[str]:
    """Yield the deployed endpoints without a name."""
    for endpoint in subject.program.deployed:
        if not endpoint.name or not endpoint.resource:
            yield f"the endpoint at {endpoint.construction.span} has no name"


def unique_names(subject: Subject) -> Iterator[str]:
    """Yield the endpoint names and resource names that occur more than once."""
    yield from _unique("endpoint", (each.name for each in subject.program.deployed))
    yield from _unique("resource", (each.resource for each in subject.program.deployed))


def known_modules(subject: Subject) -> Iterator[str]:
    """Yield the modules that endpoints need and the program does not have."""
    for endpoint in subject.program.endpoints:
        where = endpoint.construction.span
        needed = [endpoint.construction.module]
        if isinstance(endpoint, (QueueFunction, QueueClass, LoadBalanced)):
            needed += modules_of(endpoint)
        needed += [function.module for function in functions_of(endpoint)]
        for module in dict.fromkeys(needed):
            if module not in subject.module_names:
                yield f"the endpoint at {where} needs the unknown module `{module}`"
    for unlowered in subject.program.unlowered:
        for module in (unlowered.construction.module, *unlowered.modules):
            if module not in subject.module_names:
                where = unlowered.construction.span
                yield f"the unlowered endpoint at {where} needs the unknown module `{module}`"


def routes(subject: Subject) -> Iterator[str]:
    """Yield the load balancers without routes, and the routes with the places of other parameters."""
    for endpoint in subject.program.deployed:
        if isinstance(endpoint, LoadBalanced) and not endpoint.routes:
            yield f"the load balancer `{endpoint.name}` has no route"
        for route in routes_of(endpoint):
            if [p.parameter for p in route.places] != [p.name for p in route.function.parameters]:
                yield f"the places of `{route.key}` are not those of its parameters"


def workers(subject: Subject) -> Iterator[str]:
    """Yield the endpoints whose numbers of workers contradict each other."""
    for endpoint in subject.program.deployed:
        workers = endpoint.configuration.resources.workers
        if not 0 <= workers.minimum <= workers.maximum:
            yield f"the endpoint `{endpoint.name}` has {workers.minimum} to {workers.maximum} workers"


def constructions(subject: Subject) -> Iterator[str]:
    """Yield the endpoints whose edit is in another file than their declaration."""
    for endpoint in subject.program.endpoints:
        construction = endpoint.construction
        edit = construction.edit
        if edit is not None and edit.span.path != construction.span.path:
            yield f"the endpoint at {construction.span} has its edit in {edit.span.path}"


def worker_modules(subject: Subject) -> Iterator[str]:
    """Yield the worker modules that the program does not have."""
    for name in subject.program.worker_modules:
        if name not in subject.module_names:
            yield f"workers import the unknown module `{name}`"


# Calls --------------------------------------------------------------------------------------------


def known_endpoints(subject: Subject) -> Iterator[str]:
    """Yield the endpoints of calls and edges that the program does not have."""
    for call in subject.program.calls:
        if call.endpoint not in subject.callees:
            yield f"the call at {call.span} leads to the unknown endpoint `{call.endpoint}`"
    for edge in subject.program.edges:
        if Resource(edge.caller) not in subject.callees:
            yield f"an edge starts at the unknown endpoint `{edge.caller}`"
        if edge.callee not in subject.callees:
            yield f"an edge leads to the unknown endpoint `{edge.callee}`"


def known_functions(subject: Subject) -> Iterator[str]:
    """Yield the functions of calls that are in no module of the program."""
    for call in subject.program.calls:
        for function in (call.caller, call.function):
            if function.partition(":")[0] not in subject.module_names:
                yield f"the call at {call.span} names a function of an unknown module: `{function}`"
