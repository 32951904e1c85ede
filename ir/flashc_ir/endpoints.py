"""Define the IR of endpoints: what they run, on what hardware, and where they are declared."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Literal

from msgspec import Struct

from flashc_core.source import Edit, Span

from .requirements import Dependency
from .resources import Resources, Variable
from .schemas import Interface
from .variant import Variant


@unique
class ParameterKind(StrEnum):
    """How an argument is passed to a parameter; the order is that of a signature."""

    POSITIONAL_ONLY = "positional-only"
    POSITIONAL_OR_KEYWORD = "positional-or-keyword"
    VAR_POSITIONAL = "var-positional"
    KEYWORD_ONLY = "keyword-only"
    VAR_KEYWORD = "var-keyword"


class Parameter(Struct, frozen=True, kw_only=True):
    """One parameter; `annotation` and `default` are texts of the source, None if there are none.

    `literal_default` says that the default is a literal, so a stub may repeat it.
    """

    name: str
    kind: ParameterKind
    annotation: str | None
    default: str | None
    span: Span
    literal_default: bool = False


class Function(Struct, frozen=True, kw_only=True):
    """A function or method of the project.  `qualname` is its qualified name, as in Python.

    `decorated` says that a decorator that flashc does not evaluate may have changed the signature.
    `interface` is the JSON data that the function takes and returns, None if it is not known.
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
    interface: Interface | None = None


Where = Literal[
    "path",
    "query",
    "header",
    "cookie",
    "body",
    "form",
    "file",
    "provided",
    "nowhere",
    "unknown",
]


Answer = Literal["json", "response", "any"]


class Place(Struct, frozen=True, kw_only=True):
    """Where the argument of one parameter of a route travels.

    "provided" is what FastAPI makes itself, such as a `Request`; "nowhere" is what no request can
    have.  "unknown" says that the source does not show the place, so that workers find it out.
    `alias` is the argument's name there.  `embed` says that the argument is a field of the body and
    not the whole body; for other places, that the fields of a model are the parameters.  `by_flash`
    marks the places that plain FastAPI would not choose.
    """

    parameter: str
    where: Where
    alias: str
    embed: bool = False
    by_flash: bool = False


class Route(Struct, frozen=True, kw_only=True):
    """One HTTP route of a load-balanced endpoint.

    `module` is the module that declares the route, `span` that of the decorator; `outermost` as in
    `QueueFunction`.  `places` are those of the function's parameters, in order; `needs` are the arguments that its
    dependencies take from a request, with names such as `user.token`.  `answer` is "json"
    if the function declares what the JSON of the answer is, "response" if it makes the whole answer
    itself, and "any" if it declares nothing.  `codec` says that FastAPI may have no schema for a
    type of the signature, so that the runtime's codec converts its values.
    """

    method: Literal["GET", "POST", "PUT", "DELETE", "PATCH"]
    path: str
    function: Function
    module: str
    span: Span
    outermost: bool = True
    places: tuple[Place, ...] = ()
    needs: tuple[Place, ...] = ()
    answer: Answer = "any"
    codec: bool = False

    @property
    def key(self) -> str:
        """`METHOD /path`, the name of the route in the manifest."""
        return f"{self.method} {self.path}"


class Configuration(Struct, frozen=True, kw_only=True):
    """The configuration of an endpoint: everything that its declaration gives except the name.

    `has_known_dependencies` is False if some of the dependencies could not be evaluated, which is
    an error.
    """

    resources: Resources
    environment: tuple[Variable, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    system_dependencies: tuple[str, ...] = ()
    accelerate_downloads: bool = True
    max_concurrency: int = 1
    python_version: str | None = None
    has_known_dependencies: bool = True


class Provenance(Struct, frozen=True):
    """The locations of one argument and its value.

    `span` is that of the argument, `origin` that of the expression for its value, which may be in
    another module.
    """

    argument: str
    span: Span
    origin: Span


class Construction(Struct, frozen=True, kw_only=True):
    """The location of an endpoint's declaration, and of its arguments.

    `dialect` is the name of the dialect of the declaration.
    `edit` replaces the declaration in the artifact's copy by one that has only the resource's name.
    It is None if the text must not be changed, because it declares several endpoints (in a loop or
    a function), or binds names (`:=`) that other code may read.  `traced` says that the endpoint
    was found by running the program.
    """

    module: str
    span: Span
    edit: Edit | None
    provenance: tuple[Provenance, ...] = ()
    traced: bool = False
    dialect: str = ""

    def span_of(self, argument: str | None) -> Span:
        """Return the span of an argument; `Program.spelling_of` tells its name.

        If the argument is not given, or the dialect has none (`argument` is None), the result is the
        span of the whole declaration.
        """
        found = (item.span for item in self.provenance if item.argument == argument)
        return next(found, self.span)


class QueueFunction(Variant, frozen=True, tag="queue-function", kw_only=True):
    """A queue-based endpoint that runs one function.

    `module` is the module that applies the endpoint to the function, usually the module of the
    function.  `outermost` says that no other decorator is above the endpoint's, so that the name of
    the function in the module means the endpoint's function and not the result of another
    decorator.
    """

    name: str
    resource: str
    function: Function
    module: str
    configuration: Configuration
    construction: Construction
    variable: str | None = None
    outermost: bool = True


class QueueClass(Variant, frozen=True, tag="queue-class", kw_only=True):
    """A queue-based endpoint that runs the methods of one instance per worker.

    `methods` are the public methods, including inherited ones.  `open_bases` says that a base class
    is outside of the project, so that there may be more methods.
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


class LoadBalanced(Variant, frozen=True, tag="load-balanced", kw_only=True):
    """A load-balanced endpoint: routes that share workers."""

    name: str
    resource: str
    variable: str | None
    routes: tuple[Route, ...]
    configuration: Configuration
    construction: Construction


class ImageEndpoint(Variant, frozen=True, tag="image", kw_only=True):
    """A prebuilt image that is deployed and called as a client."""

    name: str
    resource: str
    image: str
    variable: str | None
    configuration: Configuration
    construction: Construction


class ExistingEndpoint(Variant, frozen=True, tag="existing"):
    """A client of an endpoint that exists already; nothing is deployed.

    `id` is None if it is known only at run time.
    """

    id: str | None
    variable: str | None
    construction: Construction


CodeEndpoint = QueueFunction | QueueClass | LoadBalanced
DeployedEndpoint = CodeEndpoint | ImageEndpoint
Endpoint = DeployedEndpoint | ExistingEndpoint


def functions_of(endpoint: Endpoint) -> tuple[Function, ...]:
    """Return the user's functions that an endpoint runs, each once, in source order."""
    match endpoint:
        case QueueFunction():
            return (endpoint.function,)
        case QueueClass():
            return endpoint.methods
        case LoadBalanced():
            return tuple(dict.fromkeys(route.function for route in endpoint.routes))
        case ImageEndpoint() | ExistingEndpoint():
            return ()


def routes_of(endpoint: Endpoint) -> tuple[Route, ...]:
    """Return the routes of an endpoint; none if it is not load-balanced."""
    return endpoint.routes if isinstance(endpoint, LoadBalanced) else ()


def modules_of(endpoint: CodeEndpoint) -> tuple[str, ...]:
    """Return the modules that a worker of this endpoint imports to register its functions."""
    match endpoint:
        case QueueFunction() | QueueClass():
            return (endpoint.module,)
        case LoadBalanced():
            return tuple(dict.fromkeys(route.module for route in endpoint.routes))
