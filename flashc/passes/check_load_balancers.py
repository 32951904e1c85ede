"""Check that a load balancer keeps a running worker or has a simple route that clients can poll."""

from __future__ import annotations

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_ir.endpoints import LoadBalanced, Parameter, ParameterKind, Route
from flashc_ir.program import Program
from flashc_ir.spelling import Spelling, alternatives

from .context import PassContext


def check_load_balancers(program: Program, context: PassContext) -> Program:
    """Report load balancers without a minimum of workers and without a cheap route."""
    for endpoint in program.code_endpoints:
        if isinstance(endpoint, LoadBalanced):
            check_routes(endpoint, program.spelling_of(endpoint), context.sink)
    return program


def check_routes(endpoint: LoadBalanced, spelling: Spelling, sink: Sink) -> None:
    """Report a load balancer without a minimum of workers and without a cheap route.

    A request to a load balancer without a running worker waits up to 120 s and then fails, so a
    client needs a cheap route to poll until a worker answers.
    """
    if endpoint.configuration.resources.workers.minimum > 0:
        return
    if any(_is_cheap(route) for route in endpoint.routes):
        return
    route, workers = spelling.polled_route, spelling.kept_worker
    sink.report(
        rules.NO_ROUTE_TO_POLL,
        endpoint.construction.span,
        f"`{endpoint.name}` may have no running worker, and has no GET route without parameters",
        notes=(
            "while no worker is running, a request waits and may fail; clients should poll first",
        ),
        help=alternatives(
            "add a GET route without parameters"
            if route is None
            else f"add a route such as `{route}`",
            workers and f"keep a worker running: `{workers}`",
        ),
    )


def _is_cheap(route: Route) -> bool:
    """Return whether a route is a GET without required parameters, so that clients can poll it."""
    return route.method == "GET" and not any(map(_is_required, route.function.parameters))


def _is_required(parameter: Parameter) -> bool:
    """Return whether a parameter needs an argument."""
    variadic = (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD)
    return parameter.default is None and parameter.kind not in variadic
