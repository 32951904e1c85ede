"""Describe the job API of the platform, which is the same for every queue-based endpoint, for OpenAPI."""

from __future__ import annotations

from typing import Any

_STATUSES = [
    *("IN_QUEUE", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"),
]
_INTEGER = {"type": "integer"}
_COUNT = {"type": "integer", "minimum": 0}


def _counts(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": dict.fromkeys(names, _COUNT)}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


_STATUS = {"type": "string", "enum": _STATUSES}
SCHEMAS: dict[str, Any] = {
    "JobRequest": {
        "title": "JobRequest",
        "type": "object",
        "properties": {
            "input": _reference("JobInput"),
            "webhook": {
                "type": "string",
                "format": "uri",
                "description": "The platform sends the finished job to this address.",
            },
            "policy": _reference("JobPolicy"),
        },
        "required": ["input"],
    },
    "JobPolicy": {
        "title": "JobPolicy",
        "type": "object",
        "properties": {
            "executionTimeout": {
                "type": "integer",
                "minimum": 5000,
                "maximum": 604800000,
                "description": "Milliseconds that the job may run.",
            },
            "lowPriority": {
                "type": "boolean",
                "description": "The job starts no further workers.",
            },
            "ttl": {
                "type": "integer",
                "minimum": 10000,
                "maximum": 604800000,
                "description": "Milliseconds after which the platform removes the job.",
            },
        },
    },
    "Job": {
        "title": "Job",
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "status": _STATUS,
            "output": _reference("JobOutput"),
            "error": {"description": "Why the job failed; most often a text."},
            "delayTime": {**_INTEGER, "description": "Milliseconds that the job has waited."},
            "executionTime": {**_INTEGER, "description": "Milliseconds that the job has run."},
            "workerId": {"type": "string"},
        },
        "required": ["id", "status"],
    },
    "JobStream": {
        "title": "JobStream",
        "type": "object",
        "properties": {
            "status": _STATUS,
            "stream": {
                "type": "array",
                "description": "The parts that no earlier request got.",
                "items": {"type": "object", "properties": {"output": _reference("JobPart")}},
            },
        },
        "required": ["status", "stream"],
    },
    "Health": {
        "title": "Health",
        "type": "object",
        "properties": {
            "jobs": _counts("completed", "failed", "inProgress", "inQueue", "retried"),
            "workers": _counts(
                "idle", "initializing", "ready", "running", "throttled", "unhealthy"
            ),
        },
        "required": ["jobs", "workers"],
    },
    "Refusal": {
        "title": "Refusal",
        "type": "object",
        "properties": {"error": {"type": "string"}},
    },
}
_REFUSALS = {
    "400": "The request is wrong.",
    "401": "The API key is missing or wrong.",
    "404": "There is no such endpoint or job.",
    "429": "There are too many requests.",
}
_JOB = {
    "name": "job",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "minLength": 1},
    "description": "The id of the job.",
}
_WAIT = {
    "name": "wait",
    "in": "query",
    "required": False,
    "schema": {"type": "integer", "minimum": 1000, "maximum": 300000},
    "description": "Milliseconds to wait for the result; 90000 if it is left out.",
}


def _operation(
    name: str,
    summary: str,
    answer: str,
    *parameters: dict[str, Any],
    takes_job: bool = False,
) -> dict[str, Any]:
    """Return the description of one operation; `takes_job` says that the request has a job."""
    body = {"application/json": {"schema": _reference("JobRequest")}}
    refusal = {"application/json": {"schema": _reference("Refusal")}}
    return {
        "operationId": name,
        "summary": summary,
        **({"parameters": list(parameters)} if parameters else {}),
        **({"requestBody": {"required": True, "content": body}} if takes_job else {}),
        "responses": {
            "200": {
                "description": "The request is answered.",
                "content": {"application/json": {"schema": _reference(answer)}},
            },
            **{
                status: {"description": text, "content": refusal}
                for status, text in _REFUSALS.items()
            },
        },
    }


PATHS: dict[str, Any] = {
    "/run": {"post": _operation("run", "Submit a job.", "Job", takes_job=True)},
    "/runsync": {
        "post": _operation(
            "runsync", "Submit a job and wait for its result.", "Job", _WAIT, takes_job=True
        )
    },
    "/status/{job}": {"get": _operation("status", "Get a job with its result.", "Job", _JOB)},
    "/stream/{job}": {
        "get": _operation("stream", "Get the parts that a job has yielded.", "JobStream", _JOB)
    },
    "/cancel/{job}": {"post": _operation("cancel", "Cancel a job.", "Job", _JOB)},
    "/health": {"get": _operation("health", "Count the jobs and the workers.", "Health")},
}
