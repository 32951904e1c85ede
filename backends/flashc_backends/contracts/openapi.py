"""Emit an OpenAPI document (3.1) for each endpoint: the job API of a queue, the routes of a load balancer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from flashc_backends.base import Context, Draft, DraftTarget
from flashc_ir.endpoints import (
    CodeEndpoint,
    Function,
    LoadBalanced,
    QueueClass,
    QueueFunction,
    Route,
    functions_of,
)
from flashc_ir.program import Program

from . import job_api
from .jobs import input_of, interface_of, output_of
from .json_schema import Definitions
from .routes import answer_content, body_of, parameters_of, plain_path

_SCHEMAS = "#/components/schemas/"
_SECURITY = {
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "The API key of the account, `RUNPOD_API_KEY`.",
    }
}


def document_of(endpoint: CodeEndpoint, program: Program) -> dict[str, Any]:
    """Return the OpenAPI document of an endpoint."""
    definitions = Definitions.of((interface_of(f) for f in functions_of(endpoint)), _SCHEMAS)
    if isinstance(endpoint, LoadBalanced):
        url, paths = "https://{endpoint}.api.runpod.ai", _paths(endpoint, definitions)
        schemas = _VALIDATION if _may_refuse(endpoint.routes) else {}
    else:
        url, paths = "https://api.runpod.ai/v2/{endpoint}", job_api.PATHS
        schemas = job_api.SCHEMAS | _job_schemas(endpoint, definitions)
    identifier = {"default": endpoint.resource, "description": "The id of the endpoint."}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": endpoint.resource,
            "version": "1",
            **_described(endpoint, program),
        },
        "servers": [{"url": url, "variables": {"endpoint": identifier}}],
        "security": [{"apiKey": []}],
        "paths": paths,
        "components": {
            "schemas": {**definitions.to_json(), **schemas},
            "securitySchemes": _SECURITY,
        },
    }


def _described(endpoint: CodeEndpoint, program: Program) -> dict[str, str]:
    """Return what the document says of the endpoint: the docstring of its function or class."""
    match endpoint:
        case QueueFunction(function=function):
            own = function.docstring
        case QueueClass(docstring=docstring):
            own = docstring
        case LoadBalanced():
            own = None
    return {"description": own or f"An endpoint of the app `{program.name}`."}


# Queues ---------------------------------------------------------------------------------------------


def _job_schemas(endpoint: QueueFunction | QueueClass, definitions: Definitions) -> dict[str, Any]:
    """Return the schemas of a job's input and output."""
    functions = functions_of(endpoint)
    several = len(functions) > 1
    inputs = [input_of(f, definitions, f.name if several else None) for f in functions]
    outputs = [output_of(f, definitions) for f in functions]
    items = [_item_of(f, definitions) for f in functions]
    named = {
        "JobInput": _any_of(inputs) if inputs else {"type": "object"},
        "JobOutput": _any_of(outputs),
        "JobPart": _any_of(items),
    }
    return {name: {"title": name, **schema} for name, schema in named.items()}


def _item_of(function: Function, definitions: Definitions) -> dict[str, Any]:
    """Return the schema of a part of a job's stream."""
    interface = interface_of(function)
    return definitions.schema(interface.returns, interface)


def _any_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of what fits one of some schemas."""
    different = [each for index, each in enumerate(schemas) if each not in schemas[:index]]
    if len(different) == 1:
        return different[0]
    return {"anyOf": different} if different else {}


# Load balancers -------------------------------------------------------------------------------------


def _paths(endpoint: LoadBalanced, definitions: Definitions) -> dict[str, Any]:
    """Return the operations of the routes by their paths."""
    names = Counter(route.function.name for route in endpoint.routes)
    paths: dict[str, Any] = {}
    for route in endpoint.routes:
        own = route.function.name
        name = own if names[own] == 1 else f"{own}_{route.method.lower()}_{_slug(route.path)}"
        operations = paths.setdefault(plain_path(route.path), {})
        operations[route.method.lower()] = _operation(route, name, definitions)
    return paths


def _slug(path: str) -> str:
    return "_".join(part for part in "".join(c if c.isalnum() else " " for c in path).split())


def _operation(route: Route, name: str, definitions: Definitions) -> dict[str, Any]:
    """Return the description of one route."""
    text = (route.function.docstring or "").strip()
    parameters = parameters_of(route, definitions)
    body = body_of(route, definitions)
    content = answer_content(route, definitions)
    answers: dict[str, Any] = {"200": {"description": "The result.", "content": content}}
    for status, words in _REFUSALS.items():
        if status == "401" or body is not None:
            answers[status] = {"description": words}
    if _may_refuse((route,)):
        refused = {"schema": {"$ref": f"{_SCHEMAS}HTTPValidationError"}}
        answers["422"] = {
            "description": "An argument is missing or wrong.",
            "content": {"application/json": refused},
        }
    return {
        "operationId": name,
        **({"summary": text.partition("\n")[0], "description": text} if text else {}),
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": body} if body is not None else {}),
        "responses": answers,
    }


def _may_refuse(routes: Iterable[Route]) -> bool:
    """Return whether FastAPI checks arguments of one of the routes."""
    return any(
        place.where not in ("provided", "nowhere")
        for route in routes
        for place in (*route.places, *route.needs)
    )


_REFUSALS = {"400": "The body can't be read.", "401": "The API key is missing or wrong."}
_VALIDATION: dict[str, Any] = {
    "HTTPValidationError": {
        "title": "HTTPValidationError",
        "type": "object",
        "properties": {
            "detail": {"type": "array", "items": {"$ref": f"{_SCHEMAS}ValidationError"}}
        },
    },
    "ValidationError": {
        "title": "ValidationError",
        "type": "object",
        "properties": {
            "loc": {
                "type": "array",
                "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            },
            "msg": {"type": "string"},
            "type": {"type": "string"},
        },
        "required": ["loc", "msg", "type"],
    },
}


def _emit(program: Program, _context: Context) -> tuple[Draft, ...]:
    """Draft the documents of all endpoints: the `emit` of the target `openapi`."""
    return tuple(
        Draft(
            path=f"{endpoint.resource}.openapi.json",
            content=json.dumps(
                document_of(endpoint, program), indent=2, ensure_ascii=False
            ).encode()
            + b"\n",
        )
        for endpoint in program.code_endpoints
    )


OPENAPI = DraftTarget(
    name="openapi", summary="an OpenAPI 3.1 document for each endpoint", emit=_emit
)
