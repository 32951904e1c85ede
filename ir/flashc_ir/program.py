"""The typed IR: one `Program` says everything that a backend may ask about a Flash project.

Laws, checked by `verify`:
- Everything is immutable and ordered; two compilations of equal sources give equal programs.
- Every node that stands for text of the user carries the span of that text.
- No absolute path, no value of the environment, no syntax node.
- Endpoint and resource names are unique; a call's callee is an endpoint of the program.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Literal

from .resources import Resources, Variable
from .source import Edit, Span

SCHEMA_VERSION = 1


@unique
class ParameterKind(StrEnum):
    """How an argument reaches a parameter; the order is that of a signature."""

    POSITIONAL_ONLY = "positional-only"
    POSITIONAL_OR_KEYWORD = "positional-or-keyword"
    VAR_POSITIONAL = "var-positional"
    KEYWORD_ONLY = "keyword-only"
    VAR_KEYWORD = "var-keyword"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; `annotation` and `default` are the source texts, None where absent.

    `literal_default` says that the default is a literal, so a stub may repeat it.
    """

    name: str
    kind: ParameterKind
    annotation: str | None
    default: str | None
    span: Span
    literal_default: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function or method as its author wrote it.  `qualname` is as in Python.

    `decorated`: a decorator that flashc does not follow may have changed the signature.
    """

    name: str
    module: str
    qualname: str
    parameters: tuple[Parameter, ...]
    returns: str | None
    docstring: str | None
    is_async: bool
    is_generator: bool
    span: Span
    decorated: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One HTTP route of a load-balanced endpoint.

    `module` is the one that registers the route, `span` that of the decorator; `outermost` as in
    `QueueFunction`.
    """

    method: Literal["GET", "POST", "PUT", "DELETE", "PATCH"]
    path: str
    function: Function
    module: str
    span: Span
    outermost: bool = True

    @property
    def key(self) -> str:
        """`METHOD /path`, the route's name in the manifest."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Dependency:
    """One PEP 508 requirement as declared; `name` is the normalized name of the distribution.

    `constraint`: it asks for nothing, and limits the version of what others ask for.
    """

    name: str
    requirement: str
    span: Span
    constraint: bool = False


@dataclass(frozen=True, slots=True)
class Configuration:
    """What an endpoint's constructor says beside its name."""

    resources: Resources
    environment: tuple[Variable, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    system_dependencies: tuple[str, ...] = ()
    accelerate_downloads: bool = True
    max_concurrency: int = 1
    python_version: str | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the value of one argument comes from: `span` is the argument, `origin` the expression that
    made its value, which may stand in another module."""

    argument: str
    span: Span
    origin: Span


@dataclass(frozen=True, slots=True)
class Construction:
    """Where an endpoint's constructor is called, and with what.  `traced`: known by running the program.

    `arguments` covers what stands between the parentheses, and is None where the call has to stay as it
    is: it makes several endpoints (a loop, a factory), or binds names (`:=`) that others may read.
    """

    module: str
    span: Span
    arguments: Span | None
    provenance: tuple[Provenance, ...] = ()
    traced: bool = False


@dataclass(frozen=True, slots=True)
class QueueFunction:
    """A queue-based endpoint that runs one function.

    `module` is the one that gives the function to the endpoint, as a rule the function's own.
    `outermost` says that no decorator stands above the endpoint's, so that the module's name for the
    function is the endpoint's own object.
    """

    name: str
    resource: str
    function: Function
    module: str
    configuration: Configuration
    construction: Construction
    variable: str | None = None
    outermost: bool = True
    kind: Literal["queue-function"] = "queue-function"


@dataclass(frozen=True, slots=True)
class QueueClass:
    """A queue-based endpoint that runs the methods of one instance per worker.

    `methods` are the public ones, inherited ones too; `open_bases` says that a base class lies outside
    the project, so that there may be more.
    """

    name: str
    resource: str
    class_name: str
    module: str
    qualname: str
    docstring: str | None
    methods: tuple[Function, ...]
    configuration: Configuration
    construction: Construction
    span: Span
    variable: str | None = None
    outermost: bool = True
    open_bases: bool = False
    kind: Literal["queue-class"] = "queue-class"


@dataclass(frozen=True, slots=True)
class LoadBalanced:
    """A load-balanced endpoint: routes that share workers."""

    name: str
    resource: str
    variable: str | None
    routes: tuple[Route, ...]
    configuration: Configuration
    construction: Construction
    kind: Literal["load-balanced"] = "load-balanced"


@dataclass(frozen=True, slots=True)
class ImageEndpoint:
    """A prebuilt image that is deployed and called as a client."""

    name: str
    resource: str
    image: str
    variable: str | None
    configuration: Configuration
    construction: Construction
    kind: Literal["image"] = "image"


@dataclass(frozen=True, slots=True)
class ExistingEndpoint:
    """A client of an endpoint that exists already; nothing is deployed.

    `id` is None where it is known at run time only.
    """

    id: str | None
    variable: str | None
    construction: Construction
    kind: Literal["existing"] = "existing"


CodeEndpoint = QueueFunction | QueueClass | LoadBalanced
DeployedEndpoint = CodeEndpoint | ImageEndpoint
Endpoint = DeployedEndpoint | ExistingEndpoint


@unique
class Origin(StrEnum):
    """Where an imported module comes from."""

    PROJECT = "project"
    SDK = "sdk"
    STDLIB = "stdlib"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class ImportedName:
    """`name as alias` of a from-import.  `submodule`: the name is a module of the project."""

    name: str
    alias: str | None = None
    submodule: str | None = None

    @property
    def bound(self) -> str:
        return self.alias or self.name


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module.  `span` covers the whole statement.

    `module` is absolute.  `names` is None for `import module` and for `import_module("module")`
    (`dynamic`), and holds `*` for a star import.  `scope` is the qualified name of the function that
    holds the statement, "" at the module's top.  `typing_only` marks `if TYPE_CHECKING:`, `guarded` an
    import whose failure the program expects (`try: ... except ImportError`).
    """

    module: str
    origin: Origin
    names: tuple[ImportedName, ...] | None
    span: Span
    alias: str | None = None
    scope: str = ""
    typing_only: bool = False
    guarded: bool = False
    dynamic: bool = False
    relative: bool = False


@unique
class Fate(StrEnum):
    """What a caller does with the result of a call."""

    KEPT = "kept"
    DISCARDED = "discarded"
    CONSUMED = "consumed"


LiteralKind = Literal["str", "int", "float", "bool", "list", "dict", "None"]


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal argument, by its position ("0") or keyword; `kind` is its Python type."""

    argument: str
    kind: LiteralKind


@dataclass(frozen=True, slots=True)
class Shape:
    """The arguments of a call: how many positional ones, which keywords, `*` or `**` among them.

    `awaited`: the call is the operand of `await`; `in_async`: an `async def` holds it.  `fate` is what
    becomes of the result: thrown away, used on the spot as a plain value, or kept in some way.
    `constants` are the arguments that are literals, each with its JSON type.
    """

    positional: int
    keywords: tuple[str, ...]
    star: bool
    double_star: bool
    awaited: bool
    in_async: bool = False
    fate: Fate = Fate.KEPT
    constants: tuple[Constant, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A use of something that the project defines at the top of a module.

    `scope` is the qualified name of the using function or class, "" at the module's top.  `target` is
    dotted and absolute (`pkg.gpu_worker.gpu_inference`), import and alias resolved within this module
    only.  `shape` is None for a use that is not a call.  `SD().generate(x)` refers to `SD`, calls it
    with `shape`, and calls `member` "generate" of the result with `member_shape`.
    """

    scope: str
    target: str
    span: Span
    shape: Shape | None = None
    member: str | None = None
    member_shape: Shape | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """A name at the top of a module.

    `target` is what the name stands for if that is something of the project (dotted, absolute): the
    definition itself for `def` and `class`, the imported thing for an import, the other name for an
    alias.  `unique`: nothing else at the module's top binds the name.
    """

    name: str
    target: str | None
    unique: bool
    span: Span


@dataclass(frozen=True, slots=True)
class VariableRead:
    """A read of an environment variable at run time; `scope` as in `Import`.

    `optional`: the program says what happens without it, by a default or a test.
    """

    name: str
    scope: str
    span: Span
    optional: bool


@dataclass(frozen=True, slots=True)
class VariableSet:
    """The program gives an environment variable a value of its own."""

    name: str
    scope: str


@dataclass(frozen=True, slots=True)
class GlobalUse:
    """A function reads, or changes (`writes`), a value that its module keeps; `scope` as in `Import`."""

    name: str
    scope: str
    span: Span
    writes: bool


@dataclass(frozen=True, slots=True)
class Module:
    """A Python file of the project.  `edits` are what the artifact's copy differs in."""

    name: str
    path: str
    is_package: bool
    imports: tuple[Import, ...] = ()
    bindings: tuple[Binding, ...] = ()
    references: tuple[Reference, ...] = ()
    exports: tuple[str, ...] | None = None  # __all__, where it is a literal
    edits: tuple[Edit, ...] = ()
    variables_read: tuple[VariableRead, ...] = ()
    variables_set: tuple[VariableSet, ...] = ()
    globals: tuple[GlobalUse, ...] = ()


@unique
class CallForm(StrEnum):
    """Whether a crossing is visible as a call, or only as a use of the callee's name."""

    CALL = "call"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Call:
    """A place in the program where control may pass to another endpoint.

    `caller` and `callee` are `module:qualname`; `endpoint` is the callee's resource.
    """

    caller: str
    callee: str
    endpoint: str
    form: CallForm
    shape: Shape | None
    span: Span


@dataclass(frozen=True, slots=True)
class Edge:
    """Some code that runs in endpoint `caller` may call endpoint `callee`.

    Both are resources; a client of an existing endpoint has none and is `module:variable`.
    """

    caller: str
    callee: str


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """A file that goes into the artifact; `digest` is the SHA-256 of its bytes, in hex."""

    path: str
    size: int
    digest: str
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A file or folder that an ignore rule keeps out.  `source`: the ignore file, or "built-in"."""

    path: str
    pattern: str
    source: str


@dataclass(frozen=True, slots=True)
class Program:
    """A whole project.  `requirements` are those of the project as a whole, not of one endpoint."""

    name: str
    python_version: str
    files: tuple[ProjectFile, ...]
    modules: tuple[Module, ...]
    endpoints: tuple[Endpoint, ...]
    requirements: tuple[Dependency, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    calls: tuple[Call, ...] = ()
    edges: tuple[Edge, ...] = ()
    schema_version: int = SCHEMA_VERSION

    def module(self, name: str) -> Module | None:
        return next((module for module in self.modules if module.name == name), None)

    def deployed(self) -> Iterator[DeployedEndpoint]:
        """The endpoints that a deployment makes, in the order of their resource names."""
        for endpoint in self.endpoints:
            if not isinstance(endpoint, ExistingEndpoint):
                yield endpoint

    def code_endpoints(self) -> Iterator[CodeEndpoint]:
        """The endpoints that run the project's own code."""
        for endpoint in self.deployed():
            if not isinstance(endpoint, ImageEndpoint):
                yield endpoint

    def callees(self, resource: str) -> tuple[str, ...]:
        """The resources that code of endpoint `resource` may call."""
        return tuple(edge.callee for edge in self.edges if edge.caller == resource)


def functions_of(endpoint: Endpoint) -> tuple[Function, ...]:
    """The user's functions that an endpoint runs, each once, in the order of the source."""
    match endpoint:
        case QueueFunction():
            return (endpoint.function,)
        case QueueClass():
            return endpoint.methods
        case LoadBalanced():
            return tuple(dict.fromkeys(route.function for route in endpoint.routes))
        case ImageEndpoint() | ExistingEndpoint():
            return ()


def modules_of(endpoint: CodeEndpoint) -> tuple[str, ...]:
    """The modules that a worker of this endpoint imports to have everything registered."""
    match endpoint:
        case QueueFunction() | QueueClass():
            return (endpoint.module,)
        case LoadBalanced():
            return tuple(dict.fromkeys(route.module for route in endpoint.routes))
