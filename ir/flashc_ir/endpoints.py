"""Define the IR of endpoints: what they run, on what hardware, and where they are declared."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Literal

from msgspec import Struct

from flashc_core.source import Edit, Span

from .resources import Resources, Variable
from .variant import Variant


@unique
class ParameterKind(StrEnum):
    """How an argument reaches a parameter; the order is that of a signature."""

    POSITIONAL_ONLY = "positional-only"
    POSITIONAL_OR_KEYWORD = "positional-or-keyword"
    VAR_POSITIONAL = "var-positional"
    KEYWORD_ONLY = "keyword-only"
    VAR_KEYWORD = "var-keyword"


class Parameter(Struct, frozen=True, kw_only=True):
    """One parameter; `annotation` and `default` are the source texts, None where absent.

    `literal_default` says that the default is a literal, so a stub may repeat it.
    """

    name: str
    kind: ParameterKind
    annotation: str | None
    default: str | None
    span: Span
    literal_default: bool = False


class Function(Struct, frozen=True, kw_only=True):
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


class Route(Struct, frozen=True, kw_only=True):
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
        """Return `METHOD /path`, the route's name in the manifest."""
        return f"{self.method} {self.path}"


class Dependency(Struct, frozen=True, kw_only=True):
    """One PEP 508 requirement as declared; `name` is the normalized name of the distribution.

    `constraint`: it only limits the version if another requirement asks for the distribution.
    """

    name: str
    requirement: str
    span: Span
    constraint: bool = False


class Configuration(Struct, frozen=True, kw_only=True):
    """What an endpoint's constructor says besides its name.

    `has_known_dependencies` is False, after an error, if some of the dependencies could not be evaluated.
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
    """Where the value of one argument comes from.

    `span` is the argument, `origin` the expression that made its value, maybe in another module.
    """

    argument: str
    span: Span
    origin: Span


class Construction(Struct, frozen=True, kw_only=True):
    """Where an endpoint is declared, and with what.  `traced`: known by running the program.

    `edit` is what the artifact's copy says instead, where all that a worker needs of the declaration is the
    resource's name.  It is None if the text has to stay as it is: it makes several endpoints (a loop, a
    factory), or binds names (`:=`) that others may read.
    """

    module: str
    span: Span
    edit: Edit | None
    provenance: tuple[Provenance, ...] = ()
    traced: bool = False

    def span_of(self, argument: str) -> Span:
        """Return where an argument is written; the span of the whole declaration where none is given."""
        found = (item.span for item in self.provenance if item.argument == argument)
        return next(found, self.span)


class QueueFunction(Variant, frozen=True, tag="queue-function", kw_only=True):
    """A queue-based endpoint that runs one function.

    `module` is the one that gives the function to the endpoint, as a rule the function's own.
    `outermost`: the endpoint's decorator is the first one, so that the module's name for the function is
    the endpoint's own object.
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

    `methods` are the public ones, inherited ones too; `open_bases`: a base class is outside
    of the project, so that there may be more.
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

    `id` is None if it is known at run time only.
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


def modules_of(endpoint: CodeEndpoint) -> tuple[str, ...]:
    """Return the modules that a worker of this endpoint imports, so that everything is registered."""
    match endpoint:
        case QueueFunction() | QueueClass():
            return (endpoint.module,)
        case LoadBalanced():
            return tuple(dict.fromkeys(route.module for route in endpoint.routes))
