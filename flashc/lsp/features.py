"""Answer an editor's requests (hover, definition, outline) from a compiled project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from flashc_core.source import Span
from flashc_ir.endpoints import (
    DeployedEndpoint,
    Endpoint,
    ExistingEndpoint,
    LoadBalanced,
    QueueClass,
    QueueFunction,
    functions_of,
)
from flashc_ir.printer import print_endpoint
from flashc_ir.program import Call, Program, callee_of

from .analysis import Analysis
from .positions import LineColumn, covers


class Symbol(Struct, frozen=True, kw_only=True):
    """An entry of a document's outline: an endpoint, or a function that one runs.

    `detail` is the kind of the endpoint; for a function "function", for a route its function's name.
    """

    name: str
    detail: str
    is_function: bool = False
    span: Span
    selection: Span
    children: tuple[Symbol, ...] = ()


def hover(analysis: Analysis, path: str, position: LineColumn) -> str | None:
    """Return the endpoint at a position as Markdown, with the origin of each value.

    The result is None if there is none.
    """
    endpoint = _endpoint_at(analysis, path, position)
    if endpoint is None:
        return None
    shown = "\n".join(print_endpoint(endpoint))
    sources = [_source(analysis, path, item) for item in _provenance(endpoint)]
    parts = [f"```text\n{shown}\n```"]
    if sources:
        parts.append("Where the values come from:\n\n" + "\n".join(sources))
    return "\n\n".join(parts)


def _provenance(endpoint: Endpoint) -> list[tuple[str, Span]]:
    """Return (argument, span of its value) for the arguments that are written in another place."""
    return [(item.argument, item.origin) for item in endpoint.construction.provenance]


def _source(analysis: Analysis, path: str, item: tuple[str, Span]) -> str:
    """Return a line of Markdown with the location at which the value of an argument is written."""
    argument, origin = item
    where = f"line {origin.line}" if origin.path == path else f"{origin.path}:{origin.line}"
    text = " ".join(analysis.lines(origin.path).slice(origin).split())
    shown = text if len(text) <= 60 else text[:59] + "…"
    return (
        f"- `{argument}` from {where}: `` {shown} ``" if shown else f"- `{argument}` from {where}"
    )


def definition(analysis: Analysis, path: str, position: LineColumn) -> Span | None:
    """Return the span of the function that the call at a position calls.

    The result is None if there is no call.
    """
    call = _call_at(analysis, path, position)
    if call is None or analysis.program is None:
        return None
    targets = (span for e in analysis.program.deployed for span in _targets(e, call.function))
    return next(targets, None)


def _targets(endpoint: DeployedEndpoint, called: str) -> Iterator[Span]:
    """Yield the span of the definition of `called` (`module:qualname`), if this endpoint has it."""
    if isinstance(endpoint, QueueClass) and called == f"{endpoint.module}:{endpoint.qualname}":
        yield endpoint.span
    for function in functions_of(endpoint):
        if called == f"{function.module}:{function.qualname}":
            yield function.span


def symbols(analysis: Analysis, path: str) -> list[Symbol]:
    """Return the endpoints of a document with the functions that they run, in source order."""
    found: list[Symbol] = []
    for endpoint in _endpoints(analysis.program):
        span = endpoint.construction.span
        if span.path == path:
            inside = tuple(_functions_run_by(endpoint, path))
            parts = (span, *(each.span for each in inside))
            first = min(parts, key=lambda s: (s.line, s.column))
            last = max(parts, key=lambda s: (s.end_line, s.end_column))
            whole = Span(path, first.line, first.column, last.end_line, last.end_column)
            found.append(
                Symbol(
                    name=_name(endpoint),
                    detail=_kind(endpoint),
                    span=whole,
                    selection=span,
                    children=inside,
                )
            )
    return sorted(found, key=lambda symbol: symbol.span)


def _functions_run_by(endpoint: Endpoint, path: str) -> Iterator[Symbol]:
    """Yield outline entries for the functions that an endpoint runs and this file defines."""
    if isinstance(endpoint, LoadBalanced):
        for route in endpoint.routes:
            if route.span.path == path:
                yield Symbol(
                    name=route.key,
                    detail=route.function.qualname,
                    is_function=True,
                    span=route.span,
                    selection=route.span,
                )
    else:
        for function in functions_of(endpoint):
            if function.span.path == path:
                yield Symbol(
                    name=function.name,
                    detail="function",
                    is_function=True,
                    span=function.span,
                    selection=function.span,
                )


def _name(endpoint: Endpoint) -> str:
    """Return the name by which an endpoint is shown."""
    if isinstance(endpoint, ExistingEndpoint):
        return endpoint.variable or endpoint.id or "existing endpoint"
    return endpoint.name


def _kind(endpoint: Endpoint) -> str:
    """Return the kind of an endpoint in words."""
    kind = endpoint.kind.replace("-", " ")
    return kind if kind.endswith("endpoint") else f"{kind} endpoint"


# The element at a position -------------------------------------------------------------------------


def _endpoint_at(analysis: Analysis, path: str, position: LineColumn) -> Endpoint | None:
    """Return the endpoint whose declaration, function or call is at a position."""
    endpoints = list(_endpoints(analysis.program))
    for endpoint in endpoints:
        spans = [endpoint.construction.span, *_name_spans(endpoint)]
        if any(covers(span, path, position) for span in spans):
            return endpoint
    call = _call_at(analysis, path, position)
    if call is None:
        return None
    return next((each for each in endpoints if callee_of(each) == call.endpoint), None)


def _call_at(analysis: Analysis, path: str, position: LineColumn) -> Call | None:
    """Return the call of an endpoint at a position, if there is one."""
    calls = () if analysis.program is None else analysis.program.calls
    return next((call for call in calls if covers(call.span, path, position)), None)


def _name_spans(endpoint: Endpoint) -> Iterable[Span]:
    """Yield the spans of the names of the functions or class that an endpoint runs."""
    match endpoint:
        case QueueClass():
            yield endpoint.span
        case QueueFunction() | LoadBalanced():
            yield from (function.span for function in functions_of(endpoint))
        case _:
            return


def _endpoints(program: Program | None) -> tuple[Endpoint, ...]:
    """Return the endpoints of a program; none if there is no program."""
    return () if program is None else program.endpoints
