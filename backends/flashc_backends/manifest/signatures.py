"""Describe what callers of an endpoint see: the arguments of each function, and what it returns."""

from __future__ import annotations

import ast
from functools import lru_cache

from flashc_core.python_texts import parse_expression
from flashc_ir.endpoints import (
    DeployedEndpoint,
    Function,
    LoadBalanced,
    ParameterKind,
    Place,
    QueueClass,
    QueueFunction,
    Route,
)
from flashc_ir.endpoints import Parameter as Declared
from flashc_ir.schemas import ANY, Anything, ListOf, Property, Record, Schema, references

from .manifest_model import ManifestParameter, ManifestSignature
from .type_texts import schema_of_text

_STARS = {ParameterKind.VAR_POSITIONAL: "*", ParameterKind.VAR_KEYWORD: "**"}
_NOT_BY_CALLERS = ("provided", "nowhere")
# Functions of FastAPI and pydantic that declare a default with more than its value.
_MARKERS = frozenset(("Path", "Query", "Header", "Cookie", "Body", "Form", "File", "Field"))
_DEFAULTS = frozenset(("default", "default_factory"))
_DOCUMENTATION = frozenset(
    ("title", "description", "example", "examples", "deprecated", "include_in_schema")
)


def signatures_of(endpoint: DeployedEndpoint) -> dict[str, ManifestSignature] | None:
    """Return the signatures by the names of functions and methods, or by `METHOD /path`; None for images."""
    match endpoint:
        case QueueFunction(function=function):
            found = {function.name: _of_function(function)}
        case QueueClass(methods=methods):
            found = {method.name: _of_function(method) for method in methods}
        case LoadBalanced(routes=routes):
            found = {route.key: _of_route(route) for route in routes}
        case _:
            return None
    return found or None


def _of_function(function: Function) -> ManifestSignature:
    """Return the signature of a function whose arguments are the input of a job."""
    parameters = [
        ManifestParameter(
            name=parameter.name,
            type=_accepted(parameter),
            accepts=_accepts(function, parameter),
            optional=parameter.default is not None,
            stars=_STARS.get(parameter.kind),
        )
        for parameter in function.parameters
    ]
    return _signature(function, parameters)


def _accepts(function: Function, parameter: Declared) -> Schema | None:
    """Return the schema of a job's argument; None if it is not known, or if the text of its type says it."""
    interface = function.interface
    if interface is None:
        return None
    if parameter.kind is ParameterKind.VAR_KEYWORD:
        found = interface.rest
    else:
        found = next((a.schema for a in interface.arguments if a.name == parameter.name), None)
        if parameter.kind is ParameterKind.VAR_POSITIONAL and isinstance(found, ListOf):
            found = found.item
    return _not_said(found, _accepted(parameter))


def _not_said(schema: Schema | None, text: str | None) -> Schema | None:
    """Return a schema, None if it is not known or if a text says the same."""
    if schema is None or isinstance(schema, Anything) or schema_of_text(text) == schema:
        return None
    return _bare(schema)


def _bare(schema: Schema) -> Schema:
    """Return a schema without descriptions and defaults, which change no call."""
    match schema:
        case Record(properties=properties):
            inner = tuple(
                Property(name=p.name, schema=_bare(p.schema), required=p.required)
                for p in properties
            )
            return Record(properties=inner, closed=schema.closed)
        case Anything():
            return ANY
        case _:
            return schema


def _of_route(route: Route) -> ManifestSignature:
    """Return the signature of a route, without the parameters that no request has."""
    declared = {parameter.name: parameter for parameter in route.function.parameters}
    interface = route.function.interface
    known = {} if interface is None else {a.name: a.schema for a in interface.arguments}
    parameters = [
        _of_place(place, declared[place.parameter], known.get(place.parameter))
        for place in route.places
        if place.where not in _NOT_BY_CALLERS and place.parameter in declared
    ]
    return _signature(route.function, parameters)


def _signature(function: Function, parameters: list[ManifestParameter]) -> ManifestSignature:
    """Return a signature; a decorator may have changed the parameters and the result."""
    if function.decorated:
        return ManifestSignature()
    returns = None if function.returns is None else _type(function.returns)
    interface = function.interface
    gives = None
    if interface is not None and not function.is_generator:
        gives = _not_said(interface.returns, returns)
    schemas = [*(each.accepts for each in parameters), gives]
    used = _used(
        {each.key: each.schema for each in interface.definitions} if interface else {}, schemas
    )
    return ManifestSignature(
        parameters=parameters, returns=returns, gives=gives, definitions=used or None
    )


def _used(known: dict[str, Schema], schemas: list[Schema | None]) -> dict[str, Schema]:
    """Return the definitions that some schemas need, by their keys."""
    pending = [key for schema in schemas if schema is not None for key in references(schema)]
    found: dict[str, Schema] = {}
    while pending:
        key = pending.pop()
        if key in known and key not in found:
            found[key] = _bare(known[key])
            pending += references(known[key])
    return dict(sorted(found.items()))


def _accepted(parameter: Declared) -> str | None:
    """Return the type that a job's argument may have: None is taken where it is the default."""
    if parameter.annotation is None:
        return None
    text = _type(parameter.annotation)
    return f"{text} | None" if parameter.default == "None" else text


def _of_place(place: Place, parameter: Declared, schema: Schema | None) -> ManifestParameter:
    """Return a parameter as a request has it, with the schema of its values."""
    optional, limits = _default(parameter.default)
    whole = "whole body" if place.where == "body" else place.where
    part = place.where if place.where == "body" else f"{place.where} model"
    return ManifestParameter(
        name=place.alias,
        type=None if parameter.annotation is None else _type(parameter.annotation),
        accepts=_not_said(schema, parameter.annotation),
        optional=optional,
        stars=_STARS.get(parameter.kind),
        where=part if place.embed else whole,
        limits=limits,
    )


@lru_cache(1024)  # most annotations of an app are a few texts
def _type(annotation: str) -> str:
    """Return the text of an annotation; that of a forward reference without its quotes."""
    try:
        tree = parse_expression(annotation)
    except SyntaxError:
        return annotation
    is_text = isinstance(tree, ast.Constant) and isinstance(tree.value, str)
    return str(tree.value) if isinstance(tree, ast.Constant) and is_text else annotation


def _default(text: str | None) -> tuple[bool, str | None]:
    """Return whether a default lets callers leave the argument out, and the limits that it declares."""
    if text is None:
        return False, None
    try:
        call = parse_expression(text)
    except SyntaxError:
        return True, None
    if not isinstance(call, ast.Call) or _last_name(call.func) not in _MARKERS:
        return True, None
    values = [*call.args[:1], *(k.value for k in call.keywords if k.arg in _DEFAULTS)]
    is_optional = any(not _is_ellipsis(value) for value in values)
    limits = [
        ast.get_source_segment(text, keyword) or ""
        for keyword in call.keywords
        if keyword.arg not in _DEFAULTS | _DOCUMENTATION
    ]
    return is_optional, ", ".join(sorted(limits)) or None


def _last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name; "" if a node is none."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...
