"""Define the JSON record in the artifact of one endpoint: the packages that it leaves out."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from .documents import schema_of

ENDPOINT_RECORD_PATH = "_flashc/endpoint.json"
"""The path of the record in an artifact of one endpoint; other artifacts have no record."""


class EndpointRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The record of an artifact that contains one endpoint.

    `left_to_others` are the canonical names of the distributions that only other endpoints need.
    """

    format: Literal[1] = 1
    endpoint: str
    left_to_others: list[str]

    def to_json(self) -> bytes:
        """Return the document as it is written, with a newline at the end."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    return schema_of(EndpointRecord)
