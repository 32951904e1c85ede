"""Define the laws (invariants) of the IR: the name, the text and the check of each.

`verify` checks the laws after lowering and after every pass.  The docstring of `program.py` lists
them, and a test compares both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from . import violations
from .violations import Subject

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


LAWS: tuple[Law, ...] = (
    Law(
        name="unique-modules",
        text="Every module name and every module's path occurs once.",
        check=violations.unique_modules,
        reads=("modules",),
    ),
    Law(
        name="unique-files",
        text="A file's path occurs once.",
        check=violations.unique_files,
        reads=("files",),
    ),
    Law(
        name="relative-paths",
        text="Every path is POSIX, relative to the project's root, and inside of it.",
        check=violations.relative_paths,
        reads=("files", "modules", "exclusions"),
        of_spans=True,
    ),
    Law(
        name="module-files",
        text="Every module's path is a file of the program.",
        check=violations.module_files,
        reads=("modules", "files"),
    ),
    Law(
        name="order",
        text="Files, exclusions, modules, endpoints, worker modules and edges are sorted by path or name.",
        check=violations.order,
        reads=("files", "exclusions", "modules", "endpoints", "worker_modules", "edges"),
    ),
    Law(
        name="span-files",
        text="Every span is in a file of the program, or in one that configures it.",
        check=violations.span_files,
        reads=("files",),
        of_spans=True,
    ),
    Law(
        name="span-positions",
        text="Lines and columns count from 1, and no span ends before it begins.",
        check=violations.positions,
        reads=(),
        of_spans=True,
    ),
    Law(
        name="edits",
        text="The edits of a module are in its file, keep the number of lines, and do not overlap.",
        check=violations.edits,
        reads=("modules", "endpoints"),
    ),
    Law(
        name="named-endpoints",
        text="Every deployed endpoint has a name and a resource name.",
        check=violations.names,
        reads=("endpoints",),
    ),
    Law(
        name="unique-endpoints",
        text="Endpoint names and resource names are unique.",
        check=violations.unique_names,
        reads=("endpoints",),
        since="check_names",
    ),
    Law(
        name="endpoint-modules",
        text="Every module that an endpoint names is a module of the program.",
        check=violations.known_modules,
        reads=("endpoints", "unlowered", "modules"),
    ),
    Law(
        name="worker-modules",
        text="The modules that workers import are modules of the program.",
        check=violations.worker_modules,
        reads=("worker_modules", "modules"),
    ),
    Law(
        name="routes",
        text="A load balancer has a route; a route has one place for each parameter of its function.",
        check=violations.routes,
        reads=("endpoints",),
    ),
    Law(
        name="workers",
        text="An endpoint's workers are 0 <= minimum <= maximum.",
        check=violations.workers,
        reads=("endpoints",),
    ),
    Law(
        name="construction-edit",
        text="The edit of a construction is in the construction's file.",
        check=violations.constructions,
        reads=("endpoints",),
    ),
    Law(
        name="known-callees",
        text="The endpoints of calls and edges are endpoints of the program.",
        check=violations.known_endpoints,
        reads=("calls", "edges", "endpoints"),
    ),
    Law(
        name="known-functions",
        text="The functions of calls are in modules of the program.",
        check=violations.known_functions,
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
