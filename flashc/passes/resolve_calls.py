"""Find the calls between endpoints, and compute which endpoint may call which other one."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from flashc_ir.endpoints import CodeEndpoint, Endpoint
from flashc_ir.modules import Module, Reference
from flashc_ir.program import Call, Edge, Program, callee_of

from .call_resolver import CallResolver, Definition, entry_points
from .context import PassContext


def resolve_calls(program: Program, context: PassContext) -> Program:
    """Set `Program.calls` and `Program.edges`.

    Every reference to an endpoint counts as a call, because the program may pass it on and call it
    elsewhere.  An endpoint runs its functions, everything that they refer to, and the top level of
    every imported module.
    """
    resolver = context.call_resolver(program)
    uses = [
        (module, reference, definition)
        for module in program.modules
        for reference, definition in resolver.uses_of(module)
    ]
    if not uses:
        return program
    calls = dict.fromkeys(call for use in uses for call in _calls(resolver, *use))
    edges = {edge for endpoint in program.code_endpoints for edge in _edges(resolver, endpoint)}
    ordered = sorted(edges, key=lambda edge: (edge.caller, str(edge.callee)))
    return replace(program, calls=tuple(calls), edges=tuple(ordered))


def _calls(
    resolver: CallResolver, module: Module, reference: Reference, definition: Definition
) -> Iterator[Call]:
    """Yield a call for each endpoint that a reference may call from other code than its own."""
    scope = Definition(module.name, reference.scope)
    for endpoint in resolver.endpoints_at(definition):
        if not scope.is_in(entry_points(endpoint)):
            yield _call(scope, definition, endpoint, reference)


def _edges(resolver: CallResolver, endpoint: CodeEndpoint) -> Iterator[Edge]:
    """Yield an edge to every other endpoint that `endpoint` may call."""
    own = set(entry_points(endpoint))
    for definition, callees in resolver.reachable(endpoint).items():
        for other in callees:
            if other is not endpoint and definition not in own:
                yield Edge(endpoint.resource, callee_of(other))


def _call(
    scope: Definition, definition: Definition, endpoint: Endpoint, reference: Reference
) -> Call:
    """Return the call of an endpoint that a reference makes."""
    member = reference.member
    qualname = definition.qualname if member is None else f"{definition.qualname}.{member}"
    shape = reference.shape if member is None else reference.member_shape
    return Call(
        caller=f"{scope.module}:{scope.qualname}",
        function=f"{definition.module}:{qualname}",
        endpoint=callee_of(endpoint),
        shape=shape,
        span=reference.span,
    )
