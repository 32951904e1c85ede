"""The SDK's own names: what constructing and applying an `Endpoint` means to the compiler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashc.frontend.flash.names import CLASSES, ENUMS
from flashc_core.source import Span

from . import calls
from .objects import (
    Argument,
    ClassValue,
    EndpointValue,
    Frame,
    FunctionValue,
    RouteDecorator,
    RouteMethod,
    RouteTarget,
    SdkClass,
    SdkObject,
    Target,
)
from .values import External, Known, Unknown, Value

if TYPE_CHECKING:
    from .calls import Call
    from .machine import Machine

_VERBS: dict[str, RouteMethod] = {
    "get": "GET",
    "post": "POST",
    "put": "PUT",
    "delete": "DELETE",
    "patch": "PATCH",
}


def member(name: str, span: Span) -> Value:
    """What a name of the SDK stands for."""
    if name in ENUMS:
        return Known(ENUMS[name], span)
    if name in CLASSES:
        return Known(SdkClass(name), span)
    return Known(External(f"runpod_flash.{name}"), span)


def construct(machine: Machine, sdk_class: SdkClass, arguments: Call, frame: Frame) -> Value:
    """`Endpoint(...)`, `NetworkVolume(...)`, `PodTemplate(...)`."""
    named = dict(arguments.keywords)
    if sdk_class.name != "Endpoint":
        if arguments.problem is not None:
            return arguments.problem
        return Known(SdkObject(sdk_class.name, named, arguments.span), arguments.span)
    problems = [arguments.problem] if arguments.problem is not None else []
    if arguments.positional:
        named.setdefault("name", arguments.positional[0])
    if len(arguments.positional) > 1:
        problems.append(
            Unknown(
                "`Endpoint` takes one positional argument, its name", arguments.positional[1].span
            )
        )
    endpoint = EndpointValue(
        frame.syntax.name, arguments.span, arguments.text, named, problems, machine.condition
    )
    machine.endpoints.append(endpoint)
    return Known(endpoint, arguments.span)


def decorate(machine: Machine, endpoint: EndpointValue, arguments: Call, frame: Frame) -> Value:
    """`@endpoint` on a function or class, or `endpoint(function)`."""
    value = arguments.values[0] if arguments.positional else None
    if isinstance(value, Known) and isinstance(value.value, (FunctionValue, ClassValue)):
        endpoint.targets.append(
            Target(
                value.value,
                frame.syntax.name,
                arguments.span,
                arguments.outermost,
                machine.condition,
            )
        )
        return value
    place = value.origin if value is not None else arguments.span
    endpoint.problems.append(Unknown("what it decorates is no function or class", place))
    return Unknown("an endpoint decorates something that flashc does not know", arguments.span)


def route(machine: Machine, endpoint: EndpointValue, verb: str, arguments: Call) -> Value:
    """`endpoint.post("/path")`: a route's decorator, or a client's call."""
    if endpoint.is_client:
        calls.escape(machine, arguments)
    return Known(
        RouteDecorator(endpoint, _VERBS[verb], _path(arguments), arguments.span), arguments.span
    )


def _path(arguments: Call) -> Value:
    given: Argument | None = arguments.keywords.get("path")
    if given is None and arguments.positional:
        given = arguments.positional[0]
    if arguments.problem is not None:
        return arguments.problem
    return given.value if given is not None else Unknown("the route has no path", arguments.span)


def decorate_route(
    machine: Machine, decorator: RouteDecorator, arguments: Call, frame: Frame
) -> Value:
    """`@endpoint.post("/path")` on a function."""
    endpoint = decorator.endpoint
    value = arguments.values[0] if arguments.positional else None
    if isinstance(value, Known) and isinstance(value.value, FunctionValue):
        endpoint.routes.append(
            RouteTarget(
                decorator.method,
                decorator.path,
                value.value,
                frame.syntax.name,
                decorator.span,
                arguments.outermost,
                machine.condition,
            )
        )
        return value
    place = value.origin if value is not None else arguments.span
    endpoint.problems.append(Unknown("what the route decorates is no function", place))
    return Unknown("a route decorates something that flashc does not know", arguments.span)
