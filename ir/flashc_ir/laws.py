"""Define the laws (invariants) of the IR; each is a function that yields the violations.

`verify` checks the laws after lowering and after every pass.  The docstring of `program.py` lists
them, and a test compares both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from msgspec import Struct

from flashc_core.source import Edit

from .endpoints import (
    LoadBalanced,
    QueueClass,
    QueueFunction,
    functions_of,
    modules_of,
    routes_of,
)
from .program import Resource, endpoint_order
from .subject import Subject

FIRST_STEP = "lowering"
"""The name of the step before the first pass, which makes the program."""


Check = Callable[[Subject], Iterator[str]]


class Law(Struct, frozen=True, kw_only=True):
    """One law: `check` yields a message for each violation.

    `since` is the pass from which it holds.  `reads` are the fields of the program that `check` reads.  `of_spans` says that it also reads
    the spans of all parts.
    """

    name: str
    text: str
    check: Check
    reads: tuple[str, ...]
    of_spans: bool = False
    since: str = FIRST_STEP


# Files and modules --------------------------------------------------------------------------------


def _unique(what: str, names: Iterable[str]) -> Iterator[str]:
    """Yield a message for each name that occurs more than once."""
    for name, count in Counter(names).items():
        if count > 1:
            yield f"the {what} `{name}` occurs {count} times"


def _unique_modules(subject: Subject) -> Iterator[str]:
    """Yield the module names and module paths that occur more than once."""
    yield from _unique("module", (module.name for module in subject.program.modules))
    yield from _unique("module's path", (module.path for module in subject.program.modules))


def _unique_files(subject: Subject) -> Iterator[str]:
    """Yield the paths of files that occur more than once."""
    yield from _unique("file", (file.path for file in subject.program.files))


def is_relative(path: str) -> bool:
    """Return whether a POSIX path is relative and stays in the project."""
    return path != "" and not path.startswith("/") and ".." not in path.split("/")


def _relative_paths(subject: Subject) -> Iterator[str]:
    """Yield the paths that are absolute or leave the project."""
    program = subject.program
    paths = [file.path for file in program.files]
    paths += [module.path for module in program.modules]
    paths += [exclusion.path for exclusion in program.exclusions]
    paths += {span.path for span in subject.spans}
    for path in paths:
        if not is_relative(path):
            yield f"the path `{path}` is absolute or leaves the project"


def _module_files(subject: Subject) -> Iterator[str]:
    """Yield the modules whose path is not a file of the program."""
    for module in subject.program.modules:
        if module.path not in subject.file_paths:
            yield f"the module `{module.name}` has no file"


def _order(subject: Subject) -> Iterator[str]:
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


def _span_files(subject: Subject) -> Iterator[str]:
    """Yield the paths of spans that are not files of the program."""
    known = subject.file_paths | CONFIGURATION_FILES
    for path in {span.path for span in subject.spans} - known:
        yield f"a span is in `{path}`, which is not a file of the program"


def _positions(subject: Subject) -> Iterator[str]:
    """Yield the spans with a line or column below 1, or with an end before the beginning."""
    for span in subject.spans:
        if span.line < 1 or span.column < 1 or span.end_column < 1:
            yield f"the span {span} has a line or a column below 1"
        elif span.end_line < span.line or (
            span.end_line == span.line and span.end_column < span.column
        ):
            yield f"the span {span} ends before it begins"


def _edits(subject: Subject) -> Iterator[str]:
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


def _names(subject: Subject) -> Iterator[str]:
    """Yield the deployed endpoints without a name."""
    for endpoint in subject.program.deployed:
        if not endpoint.name or not endpoint.resource:
            yield f"the endpoint at {endpoint.construction.span} has no name"


def _unique_names(subject: Subject) -> Iterator[str]:
    """Yield the endpoint names and resource names that occur more than once."""
    yield from _unique("endpoint", (each.name for each in subject.program.deployed))
    yield from _unique("resource", (each.resource for each in subject.program.deployed))


def _known_modules(subject: Subject) -> Iterator[str]:
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


def _routes(subject: Subject) -> Iterator[str]:
    """Yield the load balancers without routes, and the routes with the places of other parameters."""
    for endpoint in subject.program.deployed:
        if isinstance(endpoint, LoadBalanced) and not endpoint.routes:
            yield f"the load balancer `{endpoint.name}` has no route"
        for route in routes_of(endpoint):
            if [p.parameter for p in route.places] != [p.name for p in route.function.parameters]:
                yield f"the places of `{route.key}` are not those of its parameters"


def _workers(subject: Subject) -> Iterator[str]:
    """Yield the endpoints whose numbers of workers contradict each other."""
    for endpoint in subject.program.deployed:
        workers = endpoint.configuration.resources.workers
        if not 0 <= workers.minimum <= workers.maximum:
            yield f"the endpoint `{endpoint.name}` has {workers.minimum} to {workers.maximum} workers"


def _constructions(subject: Subject) -> Iterator[str]:
    """Yield the endpoints whose edit is in another file than their declaration."""
    for endpoint in subject.program.endpoints:
        construction = endpoint.construction
        edit = construction.edit
        if edit is not None and edit.span.path != construction.span.path:
            yield f"the endpoint at {construction.span} has its edit in {edit.span.path}"


def _dialects(subject: Subject) -> Iterator[str]:
    """Yield the endpoints in a dialect that the program does not have."""
    known = {"", *(spelling.dialect for spelling in subject.program.spellings)}
    for endpoint in (*subject.program.endpoints, *subject.program.unlowered):
        construction = endpoint.construction
        if construction.dialect not in known:
            yield f"the endpoint at {construction.span} is in the unknown dialect `{construction.dialect}`"


def _worker_modules(subject: Subject) -> Iterator[str]:
    """Yield the worker modules that the program does not have."""
    for name in subject.program.worker_modules:
        if name not in subject.module_names:
            yield f"workers import the unknown module `{name}`"


# Calls --------------------------------------------------------------------------------------------


def _known_endpoints(subject: Subject) -> Iterator[str]:
    """Yield the endpoints of calls and edges that the program does not have."""
    for call in subject.program.calls:
        if call.endpoint not in subject.callees:
            yield f"the call at {call.span} leads to the unknown endpoint `{call.endpoint}`"
    for edge in subject.program.edges:
        if Resource(edge.caller) not in subject.callees:
            yield f"an edge starts at the unknown endpoint `{edge.caller}`"
        if edge.callee not in subject.callees:
            yield f"an edge leads to the unknown endpoint `{edge.callee}`"


def _known_functions(subject: Subject) -> Iterator[str]:
    """Yield the functions of calls that are in no module of the program."""
    for call in subject.program.calls:
        for function in (call.caller, call.function):
            if function.partition(":")[0] not in subject.module_names:
                yield f"the call at {call.span} names a function of an unknown module: `{function}`"


LAWS: tuple[Law, ...] = (
    Law(
        name="unique-modules",
        text="Every module name and every module's path occurs once.",
        check=_unique_modules,
        reads=("modules",),
    ),
    Law(
        name="unique-files",
        text="A file's path occurs once.",
        check=_unique_files,
        reads=("files",),
    ),
    Law(
        name="relative-paths",
        text="Every path is POSIX, relative to the project's root, and inside of it.",
        check=_relative_paths,
        reads=("files", "modules", "exclusions"),
        of_spans=True,
    ),
    Law(
        name="module-files",
        text="Every module's path is a file of the program.",
        check=_module_files,
        reads=("modules", "files"),
    ),
    Law(
        name="order",
        text="Files, exclusions, modules, endpoints, worker modules and edges are sorted by path or name.",
        check=_order,
        reads=("files", "exclusions", "modules", "endpoints", "worker_modules", "edges"),
    ),
    Law(
        name="span-files",
        text="Every span is in a file of the program, or in one that configures it.",
        check=_span_files,
        reads=("files",),
        of_spans=True,
    ),
    Law(
        name="span-positions",
        text="Lines and columns count from 1, and no span ends before it begins.",
        check=_positions,
        reads=(),
        of_spans=True,
    ),
    Law(
        name="edits",
        text="The edits of a module are in its file, keep the number of lines, and do not overlap.",
        check=_edits,
        reads=("modules", "endpoints"),
    ),
    Law(
        name="named-endpoints",
        text="Every deployed endpoint has a name and a resource name.",
        check=_names,
        reads=("endpoints",),
    ),
    Law(
        name="unique-endpoints",
        text="Endpoint names and resource names are unique.",
        check=_unique_names,
        reads=("endpoints",),
        since="check_names",
    ),
    Law(
        name="endpoint-modules",
        text="Every module that an endpoint names is a module of the program.",
        check=_known_modules,
        reads=("endpoints", "unlowered", "modules"),
    ),
    Law(
        name="worker-modules",
        text="The modules that workers import are modules of the program.",
        check=_worker_modules,
        reads=("worker_modules", "modules"),
    ),
    Law(
        name="routes",
        text="A load balancer has a route; a route has one place for each parameter of its function.",
        check=_routes,
        reads=("endpoints",),
    ),
    Law(
        name="workers",
        text="An endpoint's workers are 0 <= minimum <= maximum.",
        check=_workers,
        reads=("endpoints",),
    ),
    Law(
        name="construction-edit",
        text="The edit of a construction is in the construction's file.",
        check=_constructions,
        reads=("endpoints",),
    ),
    Law(
        name="dialects",
        text="The dialect that an endpoint names is one of the program's.",
        check=_dialects,
        reads=("endpoints", "unlowered", "spellings"),
    ),
    Law(
        name="known-callees",
        text="The endpoints of calls and edges are endpoints of the program.",
        check=_known_endpoints,
        reads=("calls", "edges", "endpoints"),
    ),
    Law(
        name="known-functions",
        text="The functions of calls are in modules of the program.",
        check=_known_functions,
        reads=("calls", "modules"),
    ),
)


def law_list() -> str:
    """Return the laws as the list in the docstring of `program.py`."""
    return "\n".join(
        f"- {law.name}: {law.text}"
        + ("" if law.since == FIRST_STEP else f"  This holds after `{law.since}`.")
        for law in LAWS
    )
