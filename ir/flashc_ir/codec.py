"""Encode the IR of a program as JSON, decode it, and return its JSON Schema.

The schema version is part of every document; `load` refuses another version.
"""

from __future__ import annotations

from typing import Any

import msgspec

from flashc_core.documents import UnreadableDocument, decode_json

from .program import SCHEMA_VERSION, Program


class CodecError(ValueError):
    """The document is not a program that this version of flashc can read."""


class _Version(msgspec.Struct):
    """The part of a document that is read first."""

    schema_version: int


def dump(program: Program) -> str:
    """Return the program as JSON text: keys in the order of the definition, indented by two spaces."""
    return msgspec.json.format(msgspec.json.encode(program), indent=2).decode("utf-8") + "\n"


def load(text: str) -> Program:
    """Return the program that `dump` encoded.

    Raises:
        CodecError: the text is not JSON, has another schema version, or does not fit the schema.
    """
    try:
        version = decode_json(text, _Version).schema_version
        if version != SCHEMA_VERSION:
            raise CodecError(f"schema version {version}; this flashc reads {SCHEMA_VERSION}")
        return decode_json(text, Program)
    except UnreadableDocument as error:
        raise CodecError(str(error)) from error


def schema() -> dict[str, Any]:
    """Return the JSON Schema of `dump`'s output."""
    described = msgspec.json.schema(Program)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **described}
