"""Build the OpenAPI parameters, request bodies and responses of routes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from flashc_ir.endpoints import Place, Route
from flashc_ir.schemas import ANY, Interface, Property, Record, Ref, Schema

from .jobs import interface_of
from .json_schema import Definitions

_PARAMETERS = ("path", "query", "header", "cookie")
_BODIES = ("body", "form", "file")
_CONVERTER = re.compile(r"{([^}:]+)(?::[^}]*)?}")


class RequestArgument(Struct, frozen=True, kw_only=True):
    """One argument of a request: where it is sent, and its name and schema there."""

    place: Place
    property: Property


def plain_path(path: str) -> str:
    """Return the path of a route without the converters of its parameters, such as `:path`."""
    return _CONVERTER.sub(r"{\1}", path)


def request_arguments(route: Route) -> Iterator[RequestArgument]:
    """Yield the arguments that a request may have; a model in the query gives one argument per field.

    A path parameter that the function does not declare has the schema `ANY`.  An argument whose place can't be
    determined statically is taken to be in the query of a GET request, and in the body of others.
    """
    interface = interface_of(route.function)
    known = {each.name: each for each in interface.arguments}
    seen: set[tuple[str, str]] = set()
    for place in (*(_assumed_place(each, route) for each in route.places), *route.needs):
        if place.where not in (*_PARAMETERS, *_BODIES):
            continue
        own = known.get(place.parameter) or Property(name=place.alias, schema=ANY, required=False)
        for each in _unfolded(place, own, interface):
            if (place.where, each.name) not in seen:
                seen.add((place.where, each.name))
                yield RequestArgument(place=place, property=each)
    for name in _CONVERTER.findall(route.path):
        if ("path", name) not in seen:
            place = Place(parameter=name, where="path", alias=name)
            yield RequestArgument(place=place, property=Property(name=name, schema=ANY))


def _assumed_place(place: Place, route: Route) -> Place:
    """Return the place of an argument; the most likely place if it is not known."""
    if place.where != "unknown":
        return place
    if route.method == "GET":
        return replace(place, where="query")
    return replace(place, where="body", embed=True)


def _unfolded(place: Place, own: Property, interface: Interface) -> Iterator[Property]:
    """Yield the argument under its request name, or each field of a model outside the body."""
    record = _record(own.schema, interface)
    if place.embed and place.where != "body" and record is not None:
        is_header = place.where == "header"
        for each in record.properties:
            yield replace(each, name=each.name.replace("_", "-")) if is_header else each
        return
    required = own.required or place.where == "path"
    yield Property(
        name=place.alias,
        schema=own.schema,
        required=required,
        default=own.default,
        description=own.description,
    )


def _record(schema: Schema, interface: Interface) -> Record | None:
    """Return the record that a schema is or refers to; None if it is another schema."""
    if isinstance(schema, Ref):
        known = {each.key: each.schema for each in interface.definitions}
        schema = known.get(schema.key, ANY)
    return schema if isinstance(schema, Record) else None


def parameters_of(route: Route, definitions: Definitions) -> list[dict[str, Any]]:
    """Return the OpenAPI Parameter Objects of a route (path, query, header, cookie)."""
    interface = interface_of(route.function)
    found: list[dict[str, Any]] = []
    for each in request_arguments(route):
        if each.place.where not in _PARAMETERS:
            continue
        own = each.property
        schema = definitions.property(own, interface)
        text = schema.pop("description", None)
        found.append(
            {
                "name": own.name,
                "in": each.place.where,
                "required": own.required,
                "schema": schema,
                **({"description": text} if text else {}),
            }
        )
    return found


def body_of(route: Route, definitions: Definitions) -> dict[str, Any] | None:
    """Return the body of a request to a route; None if it has none."""
    interface = interface_of(route.function)
    given = [each for each in request_arguments(route) if each.place.where in _BODIES]
    if not given:
        return None
    places = {each.place.where for each in given}
    required = any(each.property.required for each in given)
    only = given[0]
    if places == {"body"} and len(given) == 1 and not only.place.embed:
        schema = definitions.property(only.property, interface)
        media = "application/json"
    else:
        schema = definitions.object((each.property for each in given), interface)
        if _is_closed_form(route, interface):
            schema["additionalProperties"] = False
        media = "application/json" if places == {"body"} else "application/x-www-form-urlencoded"
        media = "multipart/form-data" if "file" in places else media
    return {"required": required, "content": {media: {"schema": schema}}}


def _is_closed_form(route: Route, interface: Interface) -> bool:
    """Return whether the form of a route is one model that refuses other fields."""
    forms = [place for place in route.places if place.where == "form" and place.embed]
    if len(forms) != 1 or any(
        place.where in _BODIES for place in route.places if place != forms[0]
    ):
        return False
    own = next((a for a in interface.arguments if a.name == forms[0].parameter), None)
    record = None if own is None else _record(own.schema, interface)
    return record is not None and record.closed


def response_schema(route: Route, definitions: Definitions) -> dict[str, Any]:
    """Return the schema of a successful response; any data if the result has no annotation.

    A generator answers with a line of JSON for each item; the schema is that of an item.
    """
    if route.answer == "response":
        return {}
    interface = interface_of(route.function)
    return definitions.schema(interface.returns, interface)


def answer_content(route: Route, definitions: Definitions) -> dict[str, Any]:
    """Return the content of what a route answers, by its media type."""
    if route.function.is_generator:
        return {"application/jsonl": {"schema": {"type": "string"}}}
    return {"application/json": {"schema": response_schema(route, definitions)}}
