"""Emit the JSON Schemas of what the functions of each endpoint take and return."""

from __future__ import annotations

import json
from typing import Any

from flashc_backends.base import Context, Draft, DraftTarget
from flashc_ir.endpoints import CodeEndpoint, LoadBalanced, functions_of
from flashc_ir.program import Program

from .jobs import interface_of, schemas_of
from .json_schema import DIALECT, Definitions
from .routes import body_of, parameters_of, response_schema


def document_of(endpoint: CodeEndpoint) -> dict[str, Any]:
    """Return a JSON Schema document whose `$defs` are the inputs, the outputs, and the classes.

    The input of a route is an object with its parameters by their places, and the body.
    """
    definitions = Definitions.of((interface_of(f) for f in functions_of(endpoint)), "#/$defs/")
    found: dict[str, Any] = {}
    if isinstance(endpoint, LoadBalanced):
        for route in endpoint.routes:
            places: dict[str, Any] = {}
            for each in parameters_of(route, definitions):
                place = places.setdefault(each["in"], {"type": "object", "properties": {}})
                place["properties"][each["name"]] = each["schema"]
                if each["required"]:
                    place.setdefault("required", []).append(each["name"])
            body = body_of(route, definitions)
            if body is not None:
                places["body"] = next(iter(body["content"].values()))["schema"]
            required = [name for name, place in places.items() if "required" in place]
            if body is not None and body["required"] and "body" not in required:
                required.append("body")
            found[f"{route.key}.input"] = {
                "type": "object",
                "properties": places,
                **({"required": required} if required else {}),
            }
            found[f"{route.key}.output"] = response_schema(route, definitions)
    else:
        found = dict(schemas_of(endpoint, definitions))
    return {
        "$schema": DIALECT,
        "title": endpoint.resource,
        "$defs": {**definitions.to_json(), **found},
    }


def _emit(program: Program, _context: Context) -> tuple[Draft, ...]:
    """Draft the documents of all endpoints: the `emit` of the target `jsonschema`."""
    return tuple(
        Draft(
            path=f"{endpoint.resource}.schema.json",
            content=json.dumps(document_of(endpoint), indent=2, ensure_ascii=False).encode()
            + b"\n",
        )
        for endpoint in program.code_endpoints
    )


JSON_SCHEMA = DraftTarget(
    name="jsonschema", summary="the JSON Schemas of arguments and results", emit=_emit
)
