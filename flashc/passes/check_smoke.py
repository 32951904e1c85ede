"""Check that the smoke calls of a project fit its endpoints.

A smoke call is a request that flashc sends after a deployment, to see that it works.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import cast

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.suggest import did_you_mean
from flashc_ir.endpoints import (
    DeployedEndpoint,
    Function,
    LoadBalanced,
    ParameterKind,
    QueueClass,
    QueueFunction,
)
from flashc_ir.program import Program
from flashc_ir.smoke import SmokeCall, SmokeJob, SmokeRequest

from .context import PassContext

_NOT_SERVED = (404, 405)  # a call may be declared to show that there is no such route


def check_smoke(program: Program, context: PassContext) -> Program:
    """Report smoke calls that name an endpoint, argument, method or route that the program does not have."""
    endpoints = {endpoint.resource: endpoint for endpoint in program.deployed}
    for call in context.options.smoke:
        endpoint = endpoints.get(call.resource)
        if endpoint is not None:
            _check_call(call, endpoint, context.sink)
        elif all(each.runs_nothing for each in program.unlowered):
            # Otherwise flashc may have failed to read this endpoint
            _report(
                call,
                f"a smoke call is for `{call.resource}`, and the project deploys no such endpoint",
                did_you_mean(call.resource, endpoints) if endpoints else (),
                context.sink,
            )
    return program


def _check_call(call: SmokeCall, endpoint: DeployedEndpoint, sink: Sink) -> None:
    """Check a call of an endpoint."""
    name = call.resource
    match (endpoint, call.call):
        case (LoadBalanced(), SmokeJob()):
            helps = ('give `path = "/route"`, and `method` and `body` if needed',)
            _report(call, f"`{name}` is load-balanced, and takes no `input`", helps, sink)
        case (LoadBalanced(), SmokeRequest() as request):
            _check_route(call, request, endpoint, sink)
        case (_, SmokeRequest()):
            helps = ("give `input`, a table with the arguments",)
            _report(call, f"`{name}` is queue-based, and has no routes", helps, sink)
        case (QueueFunction(function=function), SmokeJob(input=given)):
            _check_arguments(call, function, _unwrapped(given), sink)
        case (QueueClass(), SmokeJob(input=given)):
            _check_method(call, endpoint, given, sink)
        case _:
            pass  # the source does not show what an image takes


def _check_route(
    call: SmokeCall, request: SmokeRequest, endpoint: LoadBalanced, sink: Sink
) -> None:
    """Report a request that none of the endpoint's routes takes."""
    if request.status in _NOT_SERVED or request.key == "GET /ping":
        return
    path = request.path.partition("?")[0]
    served = [route for route in endpoint.routes if route_pattern(route.path).fullmatch(path)]
    if not any(route.method == request.method for route in served):
        keys = [route.key for route in endpoint.routes]
        helps = did_you_mean(request.key, keys) if keys else ()
        _report(call, f"`{call.resource}` has no route `{request.key}`", helps, sink)


def route_pattern(path: str) -> re.Pattern[str]:
    """Return a pattern for the request paths that a route serves."""
    parts = re.split(r"({\w+(?::\w+)?})", path)
    return re.compile("".join(map(_part, parts)))


def _part(text: str) -> str:
    """Return the pattern of a part of a route's path: of a text, or of a parameter."""
    if not text.startswith("{"):
        return re.escape(text)
    return ".*" if text.endswith(":path}") else "[^/]+"


def _check_method(
    call: SmokeCall, endpoint: QueueClass, given: Mapping[str, object], sink: Sink
) -> None:
    """Check the method and the arguments of a job of a class.

    As on a worker, the key `method` of the input chooses the method.
    """
    methods = {method.name: method for method in endpoint.methods}
    name = given.get("method")
    is_named = isinstance(name, str) and name in methods
    if not is_named:
        if len(methods) != 1 or endpoint.open_bases:
            _report_method(call, endpoint, name, sink)
            return
        (name,) = methods
    arguments = _unwrapped(given)
    if is_named and arguments is given:
        arguments = {key: value for key, value in given.items() if key != "method"}
    assert isinstance(name, str)
    _check_arguments(call, methods[name], arguments, sink)


def _report_method(call: SmokeCall, endpoint: QueueClass, name: object, sink: Sink) -> None:
    """Report a job that names no method of its class, if all of them are known."""
    methods = [method.name for method in endpoint.methods]
    if not methods or endpoint.open_bases:
        return
    if name is None:
        told = "has several methods"
        helps: tuple[str, ...] = (f'name one in `input`, such as `method = "{min(methods)}"`',)
    else:
        told, helps = f"has no method `{name}`", did_you_mean(str(name), methods)
    _report(call, f"`{endpoint.class_name}` {told}", helps, sink)


def _unwrapped(given: Mapping[str, object]) -> Mapping[str, object]:
    """Return the arguments of a job that are in `__arguments`, apart from the keys that control the call, as a worker takes them."""
    inside = given.get("__arguments")
    if isinstance(inside, dict) and given.keys() <= {"method", "__arguments"}:
        return cast("dict[str, object]", inside)
    return given


def _check_arguments(
    call: SmokeCall, function: Function, given: Collection[str], sink: Sink
) -> None:
    """Report arguments that are missing, or that the function does not take."""
    if function.decorated:
        return
    problems = list(misfits(function, given))
    if problems:
        names = [parameter.name for parameter in function.parameters]
        _report(
            call,
            f"the input of `{function.name}` {' and '.join(problems)}",
            (f"its parameters: {', '.join(f'`{name}`' for name in names)}",) if names else (),
            sink,
        )


def misfits(function: Function, given: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with the names of arguments."""
    variadic = (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD)
    required = [p.name for p in function.parameters if p.default is None and p.kind not in variadic]
    missing = [f"`{name}`" for name in required if name not in given]
    if missing:
        yield f"lacks {', '.join(missing)}"
    if any(p.kind is ParameterKind.VAR_KEYWORD for p in function.parameters):
        return
    taken = {p.name for p in function.parameters} | {"__empty"}
    unexpected = sorted(f"`{name}`" for name in given if name not in taken)
    if unexpected:
        yield f"has the unexpected {', '.join(unexpected)}"


def _report(call: SmokeCall, message: str, helps: tuple[str, ...], sink: Sink) -> None:
    sink.report(rules.SMOKE_MISMATCH, call.location, message, help=helps)
