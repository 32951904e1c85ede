"""Make the OpenAPI document of the job API and of REST v1 and v2.

The schemas of the bodies come from the structs into which the platform decodes them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .job_api import Submitted
from .rest_requests import EndpointChange, NewEndpoint, NewVolume, VolumeChange

_BODIES = (Submitted, NewVolume, VolumeChange, NewEndpoint, EndpointChange)
_REFUSALS = {
    "400": "the request is wrong",
    "401": "the API key is missing or wrong",
    "404": "there is no such thing",
    "405": "there is no such method",
    "413": "the body is too large",
    "421": "the request is for another host",
    "422": "a value is wrong",
}
# Each line: the method, the path, the name of the operation, the status of success, and the body.
_OPERATIONS: tuple[tuple[str, str, str, str, type[msgspec.Struct] | None], ...] = (
    ("post", "/v2/{endpoint}/run", "run", "200", Submitted),
    ("post", "/v2/{endpoint}/runsync", "runSync", "200", Submitted),
    ("get", "/v2/{endpoint}/status/{job}", "status", "200", None),
    ("get", "/v2/{endpoint}/stream/{job}", "stream", "200", None),
    ("post", "/v2/{endpoint}/cancel/{job}", "cancel", "200", None),
    ("post", "/v2/{endpoint}/retry/{job}", "retry", "200", None),
    ("post", "/v2/{endpoint}/purge-queue", "purgeQueue", "200", None),
    ("get", "/v2/{endpoint}/health", "health", "200", None),
    ("get", "/v2/{endpoint}/requests", "requests", "200", None),
    ("get", "/v2/{endpoint}/metrics", "metrics", "200", None),
    ("get", "/v1/networkvolumes", "listVolumesV1", "200", None),
    ("post", "/v1/networkvolumes", "createVolumeV1", "200", NewVolume),
    ("get", "/v1/networkvolumes/{volume}", "getVolumeV1", "200", None),
    ("patch", "/v1/networkvolumes/{volume}", "changeVolumeV1", "200", VolumeChange),
    ("delete", "/v1/networkvolumes/{volume}", "deleteVolumeV1", "204", None),
    ("get", "/v2/network-volumes", "listVolumes", "200", None),
    ("post", "/v2/network-volumes", "createVolume", "201", NewVolume),
    ("get", "/v2/network-volumes/{volume}", "getVolume", "200", None),
    ("patch", "/v2/network-volumes/{volume}", "changeVolume", "200", VolumeChange),
    ("delete", "/v2/network-volumes/{volume}", "deleteVolume", "204", None),
    ("get", "/v2/serverless", "listEndpoints", "200", None),
    ("post", "/v2/serverless", "createEndpoint", "201", NewEndpoint),
    ("get", "/v2/serverless/{endpoint}", "getEndpoint", "200", None),
    ("patch", "/v2/serverless/{endpoint}", "changeEndpoint", "200", EndpointChange),
    ("delete", "/v2/serverless/{endpoint}", "deleteEndpoint", "204", None),
    ("get", "/v2/serverless/{endpoint}/workers", "listWorkers", "200", None),
    ("get", "/v2/serverless/{endpoint}/releases", "listReleases", "200", None),
    ("get", "/v2/global-volumes", "listGlobalVolumes", "200", None),
    ("get", "/v2/registries", "listRegistries", "200", None),
    ("get", "/v2/catalog/datacenters", "listDataCenters", "200", None),
    ("get", "/v2/catalog/gpus", "listGpus", "200", None),
    ("get", "/v2/catalog/cpus", "listCpus", "200", None),
)


def schema() -> dict[str, Any]:
    """Return the OpenAPI document."""
    _, components = msgspec.json.schema_components(
        _BODIES, ref_template="#/components/schemas/{name}"
    )
    components["Submitted"]["required"] = ["input"]
    components["Refusal"] = {
        "type": "object",
        "description": "What is wrong: `error`, or `detail` in version 2 of REST.",
        "properties": {"error": {"type": "string"}, "detail": {"type": "string"}},
        "anyOf": [{"required": ["error"]}, {"required": ["detail"]}],
    }
    paths: dict[str, Any] = {}
    for method, path, name, status, body in _OPERATIONS:
        paths.setdefault(path, {})[method] = _operation(path, name, status, body)
    return {
        "openapi": "3.1.0",
        "info": {"title": "flashc's local platform: the job API and REST", "version": "1"},
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {code: _refusal(text) for code, text in _REFUSALS.items()},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(
    path: str, name: str, status: str, body: type[msgspec.Struct] | None
) -> dict[str, Any]:
    """Return the description of one operation; `status` is that of its answer, `body` the type of the request's body."""
    parameters: list[dict[str, Any]] = [
        {
            "name": segment.strip("{}"),
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
        }
        for segment in path.split("/")
        if segment.startswith("{")
    ]
    if name == "runSync":
        wait = {"type": "integer", "minimum": 1000, "maximum": 300000}
        parameters.append({"name": "wait", "in": "query", "schema": wait})
    found: dict[str, Any] = {"description": "done"}
    if status != "204":
        found["content"] = {"application/json": {"schema": {"type": ["object", "array"]}}}
    operation: dict[str, Any] = {
        "operationId": name,
        "parameters": parameters,
        "responses": {status: found}
        | {code: {"$ref": f"#/components/responses/{code}"} for code in _REFUSALS},
    }
    if body is not None:
        reference = {"$ref": f"#/components/schemas/{body.__name__}"}
        content = {"application/json": {"schema": reference}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _refusal(text: str) -> dict[str, Any]:
    """Return the description of an answer that refuses a request."""
    reference = {"schema": {"$ref": "#/components/schemas/Refusal"}}
    return {
        "description": text,
        "content": {"application/json": reference, "application/problem+json": reference},
    }
