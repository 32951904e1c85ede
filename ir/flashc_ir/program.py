"""Define `Program`, the root of the typed IR: everything that passes and backends need.

A program is immutable and consists only of structs, tuples and plain values: no syntax node, list
or dictionary (a test checks the types).  Two compilations of equal sources give equal programs.  If
a worker's environment variable is read from the environment of the deployment, the program contains
a reference to it, never its value.

`verify` checks these laws after every step of the compiler (the table is in `laws.py`):

- unique-modules: Every module name and every module's path occurs once.
- unique-files: A file's path occurs once.
- relative-paths: Every path is POSIX, relative to the project's root, and inside of it.
- module-files: Every module's path is a file of the program.
- order: Files, exclusions, modules, endpoints, worker modules and edges are sorted by path or name.
- span-files: Every span is in a file of the program, or in one that configures it.
- span-positions: Lines and columns count from 1, and no span ends before it begins.
- edits: The edits of a module are in its file, keep the number of lines, and do not overlap.
- named-endpoints: Every deployed endpoint has a name and a resource name.
- unique-endpoints: Endpoint names and resource names are unique.  This holds after `check_names`.
- endpoint-modules: Every module that an endpoint names is a module of the program.
- worker-modules: The modules that workers import are modules of the program.
- routes: A load balancer has a route; a route has one place for each parameter of its function.
- workers: An endpoint's workers are 0 <= minimum <= maximum.
- construction-edit: The edit of a construction is in the construction's file.
- dialects: The dialect that an endpoint names is one of the program's.
- known-callees: The endpoints of calls and edges are endpoints of the program.
- known-functions: The functions of calls are in modules of the program.
"""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct, field, structs

from flashc_core.source import Span

from .endpoints import (
    CodeEndpoint,
    Construction,
    DeployedEndpoint,
    Endpoint,
    ExistingEndpoint,
    ImageEndpoint,
)
from .modules import CallShape, Module
from .requirements import Dependency, Offer, PathSource, ResolverSettings
from .spelling import Spelling, first_of
from .variant import Variant

SCHEMA_VERSION = 4


class Resource(Variant, frozen=True, order=True, tag="resource"):
    """An endpoint that the program deploys, as the target of a call.

    `name` is its resource name.
    """

    name: str

    def __str__(self) -> str:
        return self.name


class ClientVariable(Variant, frozen=True, order=True, tag="client"):
    """An endpoint that exists already, as the target of a call: the variable with its client."""

    module: str
    variable: str

    def __str__(self) -> str:
        return f"{self.module}:{self.variable}"


Callee = Resource | ClientVariable


def callee_of(endpoint: Endpoint) -> Callee:
    """Return how calls and edges name an endpoint that they call."""
    if isinstance(endpoint, ExistingEndpoint):
        return ClientVariable(endpoint.construction.module, endpoint.variable or "")
    return Resource(endpoint.resource)


def endpoint_order(endpoint: Endpoint) -> tuple[str, Span]:
    """Return the sort key of a program's endpoints: the resource name, then the location.

    Endpoints that exist already have no resource name and come first.
    """
    name = "" if isinstance(endpoint, ExistingEndpoint) else endpoint.resource
    return name, endpoint.construction.span


class Call(Struct, frozen=True, kw_only=True):
    """A call of an endpoint in the source, or another use of its function.

    `caller` is the calling function and `function` the called one, both as `module:qualname`.  In
    JSON, the key of `function` is `callee`.  `endpoint` is the endpoint that runs `function`.
    `shape` is None if the code uses the name of the function without a call.  It is also None if
    the name is bound more than once, because the call may mean another function.
    """

    caller: str
    function: str = field(name="callee")
    endpoint: Callee
    shape: CallShape | None
    span: Span


class Edge(Struct, frozen=True):
    """An edge of the call graph: code of the endpoint `caller` may call the endpoint `callee`.

    `caller` is a resource name.
    """

    caller: str
    callee: Callee


class ProjectFile(Struct, frozen=True, kw_only=True):
    """A file that goes into the artifact; `digest` is the SHA-256 of its bytes, in hex."""

    path: str
    size: int
    digest: str
    executable: bool = False


class Exclusion(Struct, frozen=True):
    """A file or folder that an ignore rule excludes; `source` is the ignore file, or "built-in"."""

    path: str
    pattern: str
    source: str


class UnloweredEndpoint(Struct, frozen=True, kw_only=True):
    """An endpoint that could not be lowered because of an error; a program with one is not built.

    `modules` are the modules that its workers would import.  `dependencies` are the requirements
    that it declares; `has_known_dependencies` says whether all of them are known.  An endpoint that
    `runs_nothing` has no error: it has no function and no route.
    """

    construction: Construction
    modules: tuple[str, ...]
    dependencies: tuple[Dependency, ...]
    has_known_dependencies: bool
    runs_nothing: bool = False


class Program(Struct, frozen=True, kw_only=True, dict=True):
    """A whole project.

    `python_reason` says where the Python version comes from.  `modules` are sorted by name.  `requirements` are those of the project as a whole, and `offers`
    those that it lists but does not choose.  `own_requirements` are requirements that are the project itself.  `refused_requirements`
    are the names of the packages that requirements with an error ask for; `has_known_requirements` is
    False if such a requirement may ask for any package.
    `spellings` are those of the dialects that the program may be written in.
    `worker_modules` are the sorted names of the modules that workers import.  `imports_stubs` says
    that the artifact's copy of a module imports a stub.
    """

    name: str
    python_version: str
    files: tuple[ProjectFile, ...]
    modules: tuple[Module, ...]
    endpoints: tuple[Endpoint, ...]
    python_reason: str = ""
    requirements: tuple[Dependency, ...] = ()
    refused_requirements: tuple[str, ...] = ()
    has_known_requirements: bool = True
    offers: tuple[Offer, ...] = ()
    own_requirements: tuple[Span, ...] = ()
    resolver: ResolverSettings = ResolverSettings()
    exclusions: tuple[Exclusion, ...] = ()
    calls: tuple[Call, ...] = ()
    edges: tuple[Edge, ...] = ()
    worker_modules: tuple[str, ...] = ()
    unlowered: tuple[UnloweredEndpoint, ...] = ()
    spellings: tuple[Spelling, ...] = ()
    imports_stubs: bool = False
    schema_version: int = SCHEMA_VERSION

    @cached_property
    def _modules(self) -> dict[str, Module]:
        """The modules by name."""
        return {module.name: module for module in self.modules}

    def module(self, name: str) -> Module | None:
        """Return the module with this dotted name; None if there is none."""
        return self._modules.get(name)

    @cached_property
    def deployed(self) -> tuple[DeployedEndpoint, ...]:
        """The endpoints that a deployment makes, in the order of their resource names."""
        return tuple(each for each in self.endpoints if not isinstance(each, ExistingEndpoint))

    @cached_property
    def code_endpoints(self) -> tuple[CodeEndpoint, ...]:
        """The endpoints that run the project's own code."""
        return tuple(each for each in self.deployed if not isinstance(each, ImageEndpoint))

    @cached_property
    def _spellings(self) -> dict[str, Spelling]:
        """The spellings of the dialects by the name of the dialect."""
        return {spelling.dialect: spelling for spelling in self.spellings}

    def spelling_of(self, *endpoints: Endpoint | UnloweredEndpoint) -> Spelling:
        """Return how endpoints are declared, each fact as by the first of them whose dialect writes it."""
        dialects = dict.fromkeys(endpoint.construction.dialect for endpoint in endpoints)
        return first_of(self._spellings.get(dialect, Spelling()) for dialect in dialects)

    @cached_property
    def spelling(self) -> Spelling:
        """How the program's endpoints are declared; how they can be declared, if there are none."""
        declared = (*self.endpoints, *self.unlowered)
        return self.spelling_of(*declared) if declared else first_of(self.spellings)

    @cached_property
    def has_several_spellings(self) -> bool:
        """Whether the endpoints are declared in dialects with different spellings."""
        dialects = {each.construction.dialect for each in (*self.endpoints, *self.unlowered)}
        used = (self._spellings.get(dialect, Spelling()) for dialect in dialects)
        return len({structs.replace(each, dialect="") for each in used}) > 1

    def callees(self) -> dict[str, list[Callee]]:
        """Return the endpoints that each endpoint's code may call, by the caller's resource."""
        found: dict[str, list[Callee]] = {}
        for edge in self.edges:
            found.setdefault(edge.caller, []).append(edge.callee)
        return found


def source_paths(program: Program) -> tuple[str, ...]:
    """Return the files and folders outside of any index that requirements name, each once."""
    asked = [*program.requirements]
    for endpoint in program.deployed:
        asked += endpoint.configuration.dependencies
    paths = (each.source.path for each in asked if isinstance(each.source, PathSource))
    return tuple(sorted({*paths, *(p for p in program.resolver.find_links if "://" not in p)}))
