"""Describe how clients call the endpoints of an app, and which endpoints call others, for the platform's page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from flashc_ir.endpoints import (
    CodeEndpoint,
    Function,
    LoadBalanced,
    Parameter,
    ParameterKind,
    QueueClass,
    QueueFunction,
)
from flashc_ir.program import Program, Resource

_VARIABLE = (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD)


class FormField(Struct, frozen=True, kw_only=True):
    """One argument; `annotation` and `default` are source texts, None if the parameter has none."""

    name: str
    annotation: str | None
    default: str | None
    where: Literal["input", "path", "query", "body"]


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
        for endpoint in program.code_endpoints()
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
                    fields=tuple(
                        _field(parameter, _source(parameter, route.method, route.path))
                        for parameter in _given(route.function)
                    ),
                )


def _job(title: str, function: Function, selects: str | None) -> Form:
    return Form(
        title=title,
        method="POST",
        path="/run",
        summary=_summary(function),
        fields=tuple(_field(parameter, "input") for parameter in _given(function)),
        selects=selects,
    )


def _given(function: Function) -> Iterable[Parameter]:
    return (parameter for parameter in function.parameters if parameter.kind not in _VARIABLE)


def _source(parameter: Parameter, method: str, path: str) -> Literal["path", "query", "body"]:
    """Return the part of a request from which a route takes an argument."""
    if re.search(rf"{{{re.escape(parameter.name)}(?::\w+)?}}", path):
        return "path"
    return "query" if method == "GET" else "body"


def _field(parameter: Parameter, where: Literal["input", "path", "query", "body"]) -> FormField:
    return FormField(
        name=parameter.name,
        annotation=parameter.annotation,
        default=parameter.default,
        where=where,
    )


def _summary(function: Function) -> str:
    """Return the first line of the docstring."""
    return (function.docstring or "").strip().partition("\n")[0]
