"""Check that no two endpoints have the same name."""

from __future__ import annotations

from msgspec import structs

from flashc_core import rules
from flashc_core.diagnostics import Label
from flashc_ir.endpoints import DeployedEndpoint, ExistingEndpoint, QueueClass, QueueFunction
from flashc_ir.program import Program

from .context import PassContext

QUEUES = (QueueFunction, QueueClass)


def check_names(program: Program, context: PassContext) -> Program:
    """Report every endpoint with the name of an earlier one, and remove it from the program."""
    sink = context.sink
    first: dict[str, DeployedEndpoint] = {}
    for endpoint in sorted(program.deployed, key=lambda e: e.construction.span):
        other = first.setdefault(endpoint.resource, endpoint)
        if other is endpoint:
            continue
        both = isinstance(endpoint, QUEUES) and isinstance(other, QUEUES)
        sink.report(
            rules.SECOND_FUNCTION if both else rules.DUPLICATE_ENDPOINT,
            endpoint.construction.span_of(program.spelling_of(endpoint).name),
            f"the endpoint `{endpoint.name}` already runs another function"
            if both
            else f"another endpoint is called `{endpoint.name}`",
            secondary=(
                Label(other.construction.span_of(program.spelling_of(other).name), "the first one"),
            ),
            help=("give each endpoint a different name",),
        )
    kept = {id(endpoint) for endpoint in first.values()}
    if all(id(endpoint) in kept for endpoint in program.deployed):
        return program
    endpoints = tuple(
        e for e in program.endpoints if isinstance(e, ExistingEndpoint) or id(e) in kept
    )
    return structs.replace(program, endpoints=endpoints)
