"""List the changes between an earlier manifest and a program that callers may notice, with the place of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from flashc_backends.manifest.documents import schema_of
from flashc_backends.manifest.manifest import build_manifest
from flashc_core.source import Span
from flashc_ir.endpoints import CodeEndpoint, LoadBalanced, QueueClass, QueueFunction
from flashc_ir.program import Program

from .differences import all_differences
from .signature_differences import Difference


class Change(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change.

    `endpoint` is the resource name, and `member` the route, method or function, "" for the endpoint as a
    whole.  `breaks` says that calls that worked may fail, or may get what no earlier build gave.
    `example` is the JSON of an argument that is refused now, or of a result that is new, if flashc finds
    one.  `file` and `line` are those of the function in the program, without them if it has it no more.
    """

    endpoint: str
    text: str
    breaks: bool
    member: str = ""
    example: str | None = None
    file: str = ""
    line: int = 0


class ChangeReport(Struct, frozen=True, kw_only=True):
    """The JSON document of `flashc diff`; `breaks` says that one of the changes breaks calls."""

    breaks: bool
    changes: tuple[Change, ...]


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    return schema_of(ChangeReport)


def changes_since(before: Mapping[str, Any], program: Program) -> tuple[Change, ...]:
    """Return the changes from an earlier manifest to a program: by endpoint, those that break calls first."""
    places = dict(_places(program))
    return tuple(
        _change(found.endpoint, difference, places)
        for found in all_differences(before, manifest_of(program))
        for difference in found.differences
    )


def manifest_of(program: Program) -> Mapping[str, Any]:
    """Return the manifest of a program as JSON data."""
    found: Mapping[str, Any] = msgspec.to_builtins(build_manifest(program, "", {}))
    return found


def _change(
    endpoint: str, difference: Difference, places: Mapping[tuple[str, str], Span]
) -> Change:
    """Return a change with its place in the program."""
    span = places.get((endpoint, difference.member)) or places.get((endpoint, ""))
    return Change(
        endpoint=endpoint,
        text=difference.text,
        breaks=difference.breaks,
        member=difference.member,
        example=difference.example,
        file="" if span is None else span.path,
        line=0 if span is None else span.line,
    )


def _places(program: Program) -> Iterator[tuple[tuple[str, str], Span]]:
    """Yield the spans of the endpoints and of their members."""
    for endpoint in program.deployed:
        yield (endpoint.resource, ""), endpoint.construction.span
    for endpoint in program.code_endpoints:
        for name, span in _members(endpoint):
            yield (endpoint.resource, name), span


def _members(endpoint: CodeEndpoint) -> Iterator[tuple[str, Span]]:
    """Yield the name and the span of each route, method or function of an endpoint."""
    match endpoint:
        case LoadBalanced(routes=routes):
            yield from ((route.key, route.function.span) for route in routes)
        case QueueClass(methods=methods):
            yield from ((method.name, method.span) for method in methods)
        case QueueFunction(function=function):
            yield "", function.span
