"""Define the endpoints and decorators of an SDK as objects whose calls record declarations.

They are the functions that declare endpoints, the endpoints, and the decorators of routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct

from flashc.evaluator.declarations import (
    DecoratedTarget,
    EndpointValue,
    Misuse,
    RouteMethod,
    RouteTarget,
)
from flashc.evaluator.dialect import DialectObject, Host
from flashc.evaluator.objects import Argument, CallArguments, ClassValue, FunctionValue
from flashc.evaluator.values import Known, Unknown, Value
from flashc_core.source import Span

VERBS: Mapping[str, RouteMethod] = {
    "get": "GET",
    "post": "POST",
    "put": "PUT",
    "delete": "DELETE",
    "patch": "PATCH",
}


def declare(
    host: Host, dialect: str, arguments: CallArguments, named: dict[str, Argument]
) -> EndpointValue:
    """Declare an endpoint by a call; `named` are its arguments by the names of the parameters."""
    declared = EndpointValue(
        dialect=dialect,
        module=arguments.module,
        span=arguments.span,
        text=arguments.text,
        arguments=named,
        problems=[] if arguments.problem is None else [arguments.problem],
        condition=host.condition,
    )
    host.declare(declared)
    return declared


class EndpointObject(DialectObject, Struct, frozen=True, eq=False):
    """An endpoint as an object of the program; calling it decorates a function or class.

    `verbs` are the attributes that make routes, with their HTTP methods.  `given_as` are attributes
    that show a parameter of another name.
    """

    is_definition: ClassVar[bool] = True
    verbs: ClassVar[Mapping[str, RouteMethod]] = {}
    given_as: ClassVar[Mapping[str, str]] = {}

    declared: EndpointValue

    @property
    def description(self) -> str:
        """The object in a user's words."""
        return "an endpoint"

    @property
    def assignable(self) -> frozenset[str]:
        """The parameters that a program may also assign as attributes."""
        return frozenset()

    @property
    def reserved(self) -> frozenset[str]:
        """The names that mean something for the SDK, but not if a program assigns them."""
        return frozenset()

    def _is_like_a_parameter(self, name: str) -> bool:
        """Return whether a name is probably a misspelt parameter."""
        import difflib  # importing it takes a while, and few programs assign attributes

        known = sorted(self.assignable | self.reserved)
        return bool(difflib.get_close_matches(name, known, n=1, cutoff=0.85))

    @property
    def is_client(self) -> bool:
        """Whether the endpoint runs no code of the project, so that its methods send requests."""
        return False

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """Evaluate `@endpoint` on a function or class: record that the endpoint runs it."""
        value = arguments.values[0] if arguments.positional else None
        if isinstance(value, Known) and isinstance(value.value, (FunctionValue, ClassValue)):
            self.declared.targets.append(
                DecoratedTarget(
                    value=value.value,
                    module=arguments.module,
                    span=arguments.span,
                    outermost=arguments.outermost,
                    condition=host.condition,
                )
            )
            return value
        span = value.origin if value is not None else arguments.span
        problem = Unknown(
            reason="what it decorates is neither a function nor a class",
            origin=span,
            advice="decorate what `def` or `class` defines in the project",
            is_refused=isinstance(value, Known),
        )
        self.declared.problems.append(problem)
        return Unknown(
            reason="an endpoint decorates something that flashc does not know",
            origin=arguments.span,
        )

    def attribute(self, name: str, span: Span) -> Value:
        """Return a route method such as `endpoint.post`, or an argument of the declaration."""
        if name in self.verbs:
            escapes = self.is_client
            return Known(RouteMethodObject(self.declared, self.verbs[name], escapes), span)
        if name in self.declared.attributes:
            return self.declared.attributes[name]
        if name in self.declared.arguments:
            return self.declared.arguments[name].value
        return Unknown(
            reason=f"an endpoint has no attribute `{name}` that flashc knows", origin=span
        )

    def assign_attribute(self, host: Host, name: str, value: Value, span: Span) -> None:
        """Change an argument of the declaration, or note that the assignment does not do that.

        The SDK reads the arguments when the endpoint decorates the first function.
        """
        is_early = not self.declared.targets and not self.declared.routes
        if name in self.assignable and is_early:
            self.declared.arguments[name] = Argument(host.condition or value, span)
            return
        if name not in self.reserved and not self._is_like_a_parameter(name):
            self.declared.attributes[name] = host.condition or value
            return
        message = f"assigning `{name}` does not change the endpoint"
        if name in self.assignable:
            message += ", because it has decorated a function before"
        advice = f"give `{self.given_as.get(name, name)}` as an argument of the declaration"
        self.declared.misuses.append(Misuse(span, message, advice))

    def note_assignment(self, name: str, module: str) -> None:
        """Note the first name to which the endpoint's own module assigns the endpoint."""
        if self.declared.variable is None and self.declared.module == module:
            self.declared.variable = name


class DeclaringFunction(DialectObject, Struct, frozen=True, kw_only=True):
    """A class or function of an SDK whose call declares an endpoint, as `Endpoint(...)` in Flash.

    `dialect` is the name of the dialect.  `makes` is the class of the object that the call returns.
    `positional` is the parameter that a positional argument is for; None if there is none.
    """

    declaring: ClassVar[tuple[str, ...]] = ("",)

    dialect: str
    name: str
    makes: type[EndpointObject]
    positional: str | None = "name"

    @property
    def description(self) -> str:
        """The function in a user's words."""
        return f"a `{self.name}`"

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """Evaluate `Endpoint(...)`: declare an endpoint and return the object that decorates."""
        named, surplus = dict(arguments.keywords), list(arguments.positional)
        reason = f"`{self.name}` takes no positional arguments"
        if self.positional is not None:
            reason = f"`{self.name}` takes one positional argument, its {self.positional}"
            if surplus and self.positional in named:
                reason = f"`{self.name}` gets its {self.positional} twice"
            elif surplus:
                named[self.positional] = surplus.pop(0)
        declared = declare(host, self.dialect, arguments, named)
        if surplus:
            declared.problems.append(Unknown(reason=reason, origin=surplus[0].span))
        return Known(self.makes(declared), arguments.span)

    def attribute(self, name: str, span: Span) -> Value:
        """Return an `Unknown`, because programs need no attributes of such a function."""
        reason = f"flashc does not know the attribute `{name}` of `{self.name}`"
        return Unknown(reason=reason, origin=span)


class RouteMethodObject(DialectObject, Struct, frozen=True, eq=False):
    """A method such as `endpoint.post` that is not called yet.

    `escapes` says that a call may also send a request with its arguments, because the endpoint may
    be a client.
    """

    endpoint: EndpointValue
    method: RouteMethod
    escapes: bool = False

    @property
    def description(self) -> str:
        """The object in a user's words."""
        return "a method of an endpoint"

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """Evaluate `endpoint.post("/path")`: return the decorator of the route."""
        if self.escapes:
            host.escape(arguments)
        span = arguments.span
        decorator = _RouteDecorator(
            endpoint=self.endpoint,
            method=self.method,
            path=_path(arguments),
            options=self._options(arguments),
            span=span,
        )
        return Known(decorator, span)

    def _options(self, arguments: CallArguments) -> dict[str, Argument]:
        """Return the arguments that a route does not take; a client's request has data."""
        options = {name: a for name, a in arguments.keywords.items() if name != "path"}
        if self.escapes:
            options.pop("data", None)
        elif len(arguments.positional) > 1:
            options["data"] = arguments.positional[1]
        return options


def _path(arguments: CallArguments) -> Argument:
    """Return the argument for the path of a route, `endpoint.post("/path")`."""
    given: Argument | None = arguments.keywords.get("path")
    if given is None and arguments.positional:
        given = arguments.positional[0]
    if arguments.problem is not None:
        return Argument(arguments.problem, arguments.span)
    if given is not None:
        return given
    missing = Unknown(reason="the route has no path", origin=arguments.span)
    return Argument(missing, arguments.span)


class _RouteDecorator(DialectObject, Struct, frozen=True, eq=False, kw_only=True):
    """A decorator `endpoint.post("/path")` that is not applied yet."""

    endpoint: EndpointValue
    method: RouteMethod
    path: Argument
    options: dict[str, Argument]
    span: Span

    @property
    def description(self) -> str:
        """The object in a user's words."""
        return "a route's decorator"

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """Evaluate `@endpoint.post("/path")` on a function: record the route."""
        value = arguments.values[0] if arguments.positional else None
        if isinstance(value, Known) and isinstance(value.value, FunctionValue):
            self.endpoint.routes.append(
                RouteTarget(
                    method=self.method,
                    path=self.path,
                    value=value.value,
                    module=arguments.module,
                    span=self.span,
                    outermost=arguments.outermost,
                    condition=host.condition,
                    options=self.options,
                )
            )
            return value
        span = value.origin if value is not None else arguments.span
        self.endpoint.problems.append(
            Unknown(reason="what the route decorates is not a function", origin=span)
        )
        return Unknown(
            reason="a route decorates something that flashc does not know", origin=arguments.span
        )
