"""Define the JSON record in the artifact of a single endpoint: which packages it leaves out."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from .documents import schema_of

ENDPOINT_RECORD_PATH = "_flashc/endpoint.json"
"""Where an artifact of one endpoint has its record; other artifacts have none."""


class EndpointRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The record.  `left_to_others` are the canonical names of distributions that only other endpoints need."""

    format: Literal[1] = 1
    endpoint: str
    left_to_others: list[str]

    def to_json(self) -> bytes:
        """Return the document as it is written, with a newline at the end."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    return schema_of(EndpointRecord)
