"""Describe how clients call the endpoints of an app, and which endpoints call others, for the platform's page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from flashc_ir.endpoints import (
    CodeEndpoint,
    Function,
    LoadBalanced,
    Parameter,
    ParameterKind,
    Place,
    QueueClass,
    QueueFunction,
    Route,
    Where,
)
from flashc_ir.program import Program, Resource

_VARIABLE = (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD)


class FormField(Struct, frozen=True, kw_only=True):
    """One argument; `annotation` and `default` are source texts, None if the parameter has none.

    `where`, `alias` and `embed` are those of the route's `Place`; the arguments of a job are its
    "input".  A field of a dependency has the default "", because the source of its default is
    elsewhere.
    """

    name: str
    annotation: str | None
    default: str | None
    where: Literal["input"] | Where
    alias: str
    embed: bool = False


class Form(Struct, frozen=True, kw_only=True):
    """One way to call an endpoint.

    `path` is the path of a route, or `/run` for a queue.  `selects` is the method of a class that a job has to name;
    None if the class has only one method, and for other endpoints.
    """

    title: str
    method: str
    path: str
    summary: str
    fields: tuple[FormField, ...]
    selects: str | None = None


class Shape(Struct, frozen=True, kw_only=True):
    """How an endpoint is called, and the resources of the endpoints that it may call."""

    forms: tuple[Form, ...]
    callees: tuple[str, ...]


def shapes_of(program: Program) -> dict[str, Shape]:
    """Return the shape of each endpoint that runs the project's code, by its resource."""
    callees = program.callees()
    return {
        endpoint.resource: Shape(
            forms=tuple(_forms(endpoint)),
            callees=tuple(
                callee.name
                for callee in callees.get(endpoint.resource, ())
                if isinstance(callee, Resource)
            ),
        )
        for endpoint in program.code_endpoints
    }


def _forms(endpoint: CodeEndpoint) -> Iterable[Form]:
    match endpoint:
        case QueueFunction(function=function):
            yield _job(function.name, function, None)
        case QueueClass(methods=methods, class_name=class_name):
            for method in methods:
                selects = method.name if len(methods) > 1 else None
                yield _job(f"{class_name}.{method.name}", method, selects)
        case LoadBalanced(routes=routes):
            for route in routes:
                yield Form(
                    title=route.key,
                    method=route.method,
                    path=route.path,
                    summary=_summary(route.function),
                    fields=tuple(_fields_of(route)),
                )


def _fields_of(route: Route) -> Iterable[FormField]:
    """Yield the fields for what a request may give to a route: to its function and its dependencies."""
    parameters = {parameter.name: parameter for parameter in route.function.parameters}
    for place in route.places:
        if place.where not in ("provided", "nowhere"):
            yield _field(parameters[place.parameter], place)
    for place in route.needs:
        yield FormField(
            name=place.parameter,
            annotation=None,
            default="",
            where=place.where,
            alias=place.alias,
            embed=place.embed,
        )


def _job(title: str, function: Function, selects: str | None) -> Form:
    return Form(
        title=title,
        method="POST",
        path="/run",
        summary=_summary(function),
        fields=tuple(_field(parameter, None) for parameter in _given(function)),
        selects=selects,
    )


def _given(function: Function) -> Iterable[Parameter]:
    return (parameter for parameter in function.parameters if parameter.kind not in _VARIABLE)


def _field(parameter: Parameter, place: Place | None) -> FormField:
    """Return the field of a parameter; `place` is None for an argument of a job."""
    return FormField(
        name=parameter.name,
        annotation=parameter.annotation,
        default=parameter.default,
        where="input" if place is None else place.where,
        alias=parameter.name if place is None else place.alias,
        embed=place is not None and place.embed,
    )


def _summary(function: Function) -> str:
    """Return the first line of the docstring."""
    return (function.docstring or "").strip().partition("\n")[0]
