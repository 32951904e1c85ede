"""Check the graph of calls between endpoints for cycles, deadlocks, impossible time limits and long chains of cold starts."""

from __future__ import annotations

from collections.abc import Iterator

from flashc_core import rules
from flashc_core.diagnostics import Label, Sink
from flashc_core.graphs import cycles_through
from flashc_ir.endpoints import CodeEndpoint, LoadBalanced
from flashc_ir.platform.limits import time_limits
from flashc_ir.program import Program, Resource
from flashc_ir.spelling import Spelling, alternatives

from .context import PassContext
from .drawing import draw_path


def check_graph(program: Program, context: PassContext) -> Program:
    """Report cycles, deadlocks, impossible time limits and long chains of cold starts in the calls between endpoints."""
    sink = context.sink
    endpoints = {e.resource: e for e in program.code_endpoints}
    every = program.callees()
    callees = {
        resource: tuple(
            callee.name
            for callee in every.get(resource, ())
            if isinstance(callee, Resource) and callee.name in endpoints and callee.name != resource
        )
        for resource in endpoints
    }
    check_cycles(program, endpoints, callees, sink)
    check_time_limits(program, endpoints, callees, sink)
    check_cold_chains(program, endpoints, callees, sink)
    return program


Graph = dict[str, tuple[str, ...]]


def check_cycles(
    program: Program, endpoints: dict[str, CodeEndpoint], callees: Graph, sink: Sink
) -> None:
    """Report endpoints that call each other in a cycle, so that they wait for each other."""
    for cycle in cycles_through(endpoints, callees.__getitem__):
        drawn = draw_path((*cycle, cycle[0]))
        sink.report(
            rules.ENDPOINT_CYCLE,
            endpoints[cycle[0]].construction.span,
            f"endpoints call each other in a cycle: {drawn}",
            notes=("each call in the cycle occupies a worker until the next one returns",),
        )
        for name in cycle:
            _check_deadlock(endpoints[name], program.spelling_of(endpoints[name]), drawn, sink)


def _check_deadlock(endpoint: CodeEndpoint, spelling: Spelling, drawn: str, sink: Sink) -> None:
    """Report a cycle through an endpoint with at most one worker and no concurrency: the worker would wait for itself."""
    configuration = endpoint.configuration
    most = configuration.resources.workers.maximum
    if most * configuration.max_concurrency > 1:
        return
    workers = "1 worker" if most else "no worker"
    sink.report(
        rules.DEADLOCK,
        endpoint.construction.span_of(spelling.workers),
        f"`{endpoint.name}` has {workers} and calls itself in the cycle {drawn}",
        notes=("the only worker waits for an answer that only this worker could give",)
        if most
        else (),
        help=alternatives(
            spelling.workers and "allow more workers",
            spelling.max_concurrency and f"raise `{spelling.max_concurrency}`",
            "remove one of the calls",
        ),
    )


def check_time_limits(
    program: Program, endpoints: dict[str, CodeEndpoint], callees: Graph, sink: Sink
) -> None:
    """Report a caller that is stopped before its callee may end, so that the result is lost.

    A callee that sets no time limit, or is load-balanced, is not reported.
    """
    for resource, caller in endpoints.items():
        limit = _limit(caller)
        for name in callees[resource]:
            callee = endpoints[name]
            asked = callee.configuration.resources.execution_timeout_ms
            if asked > limit and not isinstance(callee, LoadBalanced):
                own = (
                    "a load balancer's request"
                    if isinstance(caller, LoadBalanced)
                    else f"`{caller.name}` itself"
                )
                parameter = program.spelling_of(caller).execution_timeout_ms
                of_callee = program.spelling_of(callee).execution_timeout_ms
                sink.report(
                    rules.TIMEOUT_SHORTER,
                    caller.construction.span_of(parameter),
                    f"`{caller.name}` calls `{callee.name}`, which may run {asked / 1000:g} s, "
                    f"but {own} is stopped after {limit / 1000:g} s",
                    secondary=(Label(callee.construction.span_of(of_callee), "the callee"),),
                    help=alternatives(
                        parameter and f"give the caller the longer `{parameter}`",
                        "start a job and poll",
                    ),
                )


def _limit(endpoint: CodeEndpoint) -> int:
    """Return the time in ms after which the platform stops a request to this endpoint."""
    if isinstance(endpoint, LoadBalanced):
        return time_limits().load_balancer_processing.milliseconds
    return endpoint.configuration.resources.execution_timeout_ms or (
        time_limits().job_execution_default.milliseconds
    )


def check_cold_chains(
    program: Program, endpoints: dict[str, CodeEndpoint], callees: Graph, sink: Sink
) -> None:
    """Report each load-balanced endpoint whose requests may wait for more cold starts in a row than its time limit allows.

    A cold start is the start of a worker for an endpoint that keeps no worker ready.
    """
    waiting_ms = time_limits().load_balancer_waiting.milliseconds
    processing_ms = time_limits().load_balancer_processing.milliseconds
    most = processing_ms // waiting_ms
    for resource, endpoint in endpoints.items():
        if not isinstance(endpoint, LoadBalanced):
            continue
        chain = max(_cold_chains(resource, endpoints, callees), key=len, default=())
        if len(chain) > most:
            drawn = draw_path((resource, *chain))
            kept = program.spelling_of(*(endpoints[name] for name in chain)).kept_worker
            sink.report(
                rules.COLD_CHAIN,
                endpoint.construction.span,
                f"a request may wait for {len(chain)} cold starts in a row: {drawn}",
                notes=(
                    f"waiting for a worker may take {waiting_ms // 1000} s each time, and a load "
                    f"balancer's request ends after {processing_ms / 1000:g} s",
                ),
                help=alternatives(
                    kept and f"keep one worker of one of them ready, as in `{kept}`",
                ),
            )


_MAX_CHAINS = 2_000


def _cold_chains(
    resource: str, endpoints: dict[str, CodeEndpoint], callees: Graph
) -> Iterator[tuple[str, ...]]:
    """Yield chains of endpoints below `resource` that may all have to start a worker; stop after `_MAX_CHAINS` chains."""
    pending: list[tuple[str, tuple[str, ...]]] = [(resource, ())]
    for _ in range(_MAX_CHAINS):
        if not pending:
            return
        name, chain = pending.pop()
        yield chain
        for callee in callees[name]:
            cold = endpoints[callee].configuration.resources.workers.minimum == 0
            if cold and callee not in chain and callee != resource:
                pending.append((callee, (*chain, callee)))
