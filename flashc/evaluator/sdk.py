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
                reason="`Endpoint` takes one positional argument, its name",
                origin=arguments.positional[1].span,
            )
        )
    endpoint = EndpointValue(
        module=frame.syntax.name,
        span=arguments.span,
        text=arguments.text,
        arguments=named,
        problems=problems,
        condition=machine.condition,
    )
    machine.endpoints.append(endpoint)
    return Known(endpoint, arguments.span)


def decorate(machine: Machine, endpoint: EndpointValue, arguments: Call, frame: Frame) -> Value:
    """`@endpoint` on a function or class, or `endpoint(function)`."""
    value = arguments.values[0] if arguments.positional else None
    if isinstance(value, Known) and isinstance(value.value, (FunctionValue, ClassValue)):
        endpoint.targets.append(
            Target(
                value=value.value,
                module=frame.syntax.name,
                span=arguments.span,
                outermost=arguments.outermost,
                condition=machine.condition,
            )
        )
        return value
    place = value.origin if value is not None else arguments.span
    endpoint.problems.append(
        Unknown(reason="what it decorates is no function or class", origin=place)
    )
    return Unknown(
        reason="an endpoint decorates something that flashc does not know", origin=arguments.span
    )


def route(machine: Machine, endpoint: EndpointValue, verb: str, arguments: Call) -> Value:
    """`endpoint.post("/path")`: a route's decorator, or a client's call."""
    if endpoint.is_client:
        calls.escape(machine, arguments)
    return Known(
        RouteDecorator(
            endpoint=endpoint, method=_VERBS[verb], path=_path(arguments), span=arguments.span
        ),
        arguments.span,
    )


def _path(arguments: Call) -> Value:
    given: Argument | None = arguments.keywords.get("path")
    if given is None and arguments.positional:
        given = arguments.positional[0]
    if arguments.problem is not None:
        return arguments.problem
    return (
        given.value
        if given is not None
        else Unknown(reason="the route has no path", origin=arguments.span)
    )


def decorate_route(
    machine: Machine, decorator: RouteDecorator, arguments: Call, frame: Frame
) -> Value:
    """`@endpoint.post("/path")` on a function."""
    endpoint = decorator.endpoint
    value = arguments.values[0] if arguments.positional else None
    if isinstance(value, Known) and isinstance(value.value, FunctionValue):
        endpoint.routes.append(
            RouteTarget(
                method=decorator.method,
                path=decorator.path,
                value=value.value,
                module=frame.syntax.name,
                span=decorator.span,
                outermost=arguments.outermost,
                condition=machine.condition,
            )
        )
        return value
    place = value.origin if value is not None else arguments.span
    endpoint.problems.append(
        Unknown(reason="what the route decorates is no function", origin=place)
    )
    return Unknown(
        reason="a route decorates something that flashc does not know", origin=arguments.span
    )
