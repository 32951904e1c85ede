"""Derive the interface of a function of an endpoint: the JSON that it takes and returns."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst
from msgspec.structs import replace

from flashc.evaluator.library_values import RouteMarker
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import ClassValue, FunctionValue
from flashc.evaluator.values import Known, Value, is_none
from flashc.syntax.walk import dotted, is_generator
from flashc_ir.schemas import (
    ANY,
    Interface,
    ListOf,
    Property,
    Schema,
    optional,
    with_limits,
)

from . import library_types as lib
from .json_values import json_of, limits_of, words_of
from .names import Context, NameReader
from .reader import SchemaReader
from .records import schema_of_class

_DEEPEST = 8  # dependencies of dependencies
_DEPENDENCIES = ("Depends", "Security")


def interface_of(
    machine: Machine, function: FunctionValue, *, is_route: bool = False, skip_first: bool = False
) -> Interface | None:
    """Return the interface of a function; None if a decorator may have changed it.

    `is_route` says that FastAPI calls the function; `skip_first` leaves out a method's `self`.
    """
    if function.decorated or function.memo is not None:
        return None
    reader = SchemaReader(names=NameReader(machine), of_class=schema_of_class)
    context = Context(frame=function.frame, span=function.name_span, by_pydantic=is_route)
    params = function.node.params
    arguments = list(_arguments(reader, function, context, is_route=is_route))
    rest: Schema | None = None
    if not is_route:
        if isinstance(params.star_arg, cst.Param):
            item = _annotated(reader, params.star_arg, context)
            name = params.star_arg.name.value
            arguments.append(Property(name=name, schema=ListOf(item=item), required=False))
        if params.star_kwarg is not None:
            rest = _annotated(reader, params.star_kwarg, context)
    return Interface(
        arguments=tuple(arguments[1:] if skip_first else arguments),
        returns=_returned(reader, function, context),
        rest=rest,
        definitions=reader.used_definitions(),
    )


def _listed(params: cst.Parameters) -> Iterator[cst.Param]:
    """Yield the parameters that take one argument each."""
    yield from params.posonly_params
    yield from params.params
    yield from params.kwonly_params


def _arguments(
    reader: SchemaReader,
    function: FunctionValue,
    context: Context,
    *,
    is_route: bool,
    prefix: str = "",
    depth: int = 0,
) -> Iterator[Property]:
    """Yield the arguments of a function, and those of its dependencies if it is that of a route."""
    for param in _listed(function.node.params):
        name = prefix + param.name.value
        default = function.defaults.get(param.name.value)
        marker = _marker(reader, param, default, context) if is_route else None
        if marker is not None and marker.name in _DEPENDENCIES:
            inner = _dependency(reader, marker, param, context)
            if inner is not None and depth < _DEEPEST:
                own, skipped = inner
                inside = replace(context, frame=own.frame, span=own.name_span)
                given = _arguments(
                    reader, own, inside, is_route=True, prefix=f"{name}.", depth=depth + 1
                )
                found = list(given)
                yield from found[1:] if skipped else found
                continue
        yield _argument(reader, param, name, default, marker, context, is_route=is_route)


def _argument(
    reader: SchemaReader,
    param: cst.Param,
    name: str,
    default: Value | None,
    marker: RouteMarker | None,
    context: Context,
    *,
    is_route: bool,
) -> Property:
    """Return one argument."""
    schema, loose = reader.watched(lambda: _annotated(reader, param, context), "in")
    required = param.default is None
    value, description = default, ""
    if marker is not None:
        schema = with_limits(schema, limits_of(marker.given))
        description = words_of(marker.given.get("description"))
        if default is not None and _as_marker(default) is marker:
            required = not (marker.has_default or "default_factory" in marker.given)
            value = marker.given.get("default")
    if not is_route and default is not None and is_none(default) and schema != ANY:
        schema = optional(schema)  # the runtime takes None where it is the default
    return Property(
        name=name,
        schema=schema,
        required=required,
        default=None if required else json_of(value),
        description=description,
        loose=loose,
    )


def _annotated(reader: SchemaReader, param: cst.Param, context: Context) -> Schema:
    """Return the schema of a parameter's annotation."""
    if param.annotation is None:
        return ANY
    return reader.of_node(param.annotation.annotation, context, "in")


def _as_marker(value: Value | None) -> RouteMarker | None:
    inside = value.value if isinstance(value, Known) else None
    return inside if isinstance(inside, RouteMarker) else None


def _marker(
    reader: SchemaReader, param: cst.Param, default: Value | None, context: Context
) -> RouteMarker | None:
    """Return the marker of FastAPI of a parameter: its default, or a note in its annotation."""
    found = _as_marker(default)
    node = None if param.annotation is None else param.annotation.annotation
    if found is not None or node is None:
        return found
    for note in reversed(reader.names.notes_of(node, context)):
        if _as_marker(note) is not None:
            return _as_marker(note)
    return None


def _dependency(
    reader: SchemaReader, marker: RouteMarker, param: cst.Param, context: Context
) -> tuple[FunctionValue, bool] | None:
    """Return the function that a dependency calls, and whether its first parameter is `self`."""
    value = marker.dependency
    if value is None and param.annotation is not None:
        node = param.annotation.annotation
        if isinstance(node, cst.Subscript):
            first = node.slice[0].slice
            node = first.value if isinstance(first, cst.Index) else node
        value = reader.names.named(node, context) if dotted(node) else None
    inside = value.value if isinstance(value, Known) else None
    skipped = False
    if isinstance(inside, ClassValue):
        constructor = inside.find("__init__")
        inside = constructor.value if isinstance(constructor, Known) else None
        skipped = True
    return (inside, skipped) if isinstance(inside, FunctionValue) else None


def _returned(reader: SchemaReader, function: FunctionValue, context: Context) -> Schema:
    """Return the schema of the result, of a generator that of each item."""
    returns = function.node.returns
    if returns is None:
        return ANY
    node = returns.annotation
    if not is_generator(function.node, function.frame.syntax.text):
        return reader.of_node(node, context, "out")
    if not isinstance(node, cst.Subscript):
        return ANY
    origin = reader.names.named(node.value, context)
    name = getattr(origin.value, "name", "") if isinstance(origin, Known) else ""
    index = node.slice[0].slice
    if name not in lib.STREAMS or not isinstance(index, cst.Index):
        return ANY
    return reader.of_node(index.value, context, "out")
