"""Bring OpenAPI documents of FastAPI and of flashc into one form, in which equal contracts are equal."""

from __future__ import annotations

import json
from typing import Any

_SILENT = (
    *(
        "title",
        "description",
        "summary",
        "default",
        "examples",
        "example",
        "deprecated",
        "$comment",
    ),
    *("propertyNames", "operationId", "readOnly", "writeOnly"),
)
_METHODS = ("get", "post", "put", "patch", "delete")


def operations(document: dict[str, Any]) -> dict[str, Any]:
    """Return what each operation takes and answers, by `METHOD path`."""
    return {
        f"{method.upper()} {path}": _operation(operation, document)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in _METHODS
    }


def _operation(operation: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    parameters = {
        f"{each['in']} {each['name']}": (each.get("required", False), each["schema"])
        for each in operation.get("parameters", ())
    }
    body = operation.get("requestBody")
    answer = operation["responses"]["200"]
    forms = {
        "parameters": {
            name: [required, schema_form(schema, document)]
            for name, (required, schema) in parameters.items()
        },
        "body": None
        if body is None
        else [body.get("required", False), _content(body["content"], document, is_answer=False)],
        "answer": _content(answer.get("content", {}), document, is_answer=True),
        "refuses": "422" in operation["responses"],
    }
    return dict(json.loads(json.dumps(forms)))


def _content(content: dict[str, Any], document: dict[str, Any], *, is_answer: bool) -> Any:
    return {
        media: schema_form(each.get("schema", {}), document, is_answer=is_answer)
        for media, each in content.items()
    }


def schema_form(
    schema: Any, document: dict[str, Any], seen: tuple[str, ...] = (), *, is_answer: bool = False
) -> Any:
    """Return a schema with its references written out, without words, in one order.

    In answers, it does not say which values are always there: FastAPI says that only of values without
    a default.
    """
    if isinstance(schema, list):
        return [schema_form(each, document, seen, is_answer=is_answer) for each in schema]
    if not isinstance(schema, dict):
        return schema
    name = schema.get("$ref")
    if name is not None:
        if name in seen:
            return {"again": seen[::-1].index(name)}
        target = document["components"]["schemas"][name.rpartition("/")[2]]
        return schema_form(target, document, (*seen, name), is_answer=is_answer)
    if "discriminator" in schema:  # FastAPI says how to tell the members apart
        schema = {"anyOf": schema["oneOf"]}
    found = {
        key: value
        for key, value in schema.items()
        if key not in _SILENT and not (is_answer and key == "required")
    }
    if "properties" in found:
        found["properties"] = {
            key: schema_form(value, document, seen, is_answer=is_answer)
            for key, value in sorted(found["properties"].items())
        }
    for key in ("items", "additionalProperties", "prefixItems", "anyOf"):
        if key in found:
            found[key] = schema_form(found[key], document, seen, is_answer=is_answer)
    return _settled(found)


def _settled(found: dict[str, Any]) -> dict[str, Any]:
    """Return a schema in which two ways to say the same are one."""
    found = {k: int(v) if isinstance(v, float) and v == int(v) else v for k, v in found.items()}
    if "const" in found:
        found["enum"] = [found.pop("const")]
    if isinstance(found.get("enum"), list):
        found["enum"] = sorted(found["enum"], key=json.dumps)
        found.pop("type", None)
    if "required" in found:
        found["required"] = sorted(found["required"])
    if found.get("additionalProperties") in (True, {}):
        del found["additionalProperties"]
    if "anyOf" in found:
        found["anyOf"] = sorted(found["anyOf"], key=lambda each: json.dumps(each, sort_keys=True))
    if (
        found.get("format") == "decimal"
    ):  # pydantic writes a pattern, which changes between versions
        found = {"type": "string"}
    if found.get("type") == "string" and "pattern" in found and found["pattern"].startswith("^(?!"):
        found.pop("pattern")
    if found == {"items": {}, "type": "array"}:
        return {"type": "array"}
    return found
