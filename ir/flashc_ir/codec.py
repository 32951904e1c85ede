"""A `Program` <-> JSON, and the JSON Schema of that JSON.

The schema version is part of every document; another version is refused, not guessed at.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .program import SCHEMA_VERSION, Program


class CodecError(ValueError):
    """The document is no program that this version of flashc can read."""


def dump(program: Program) -> str:
    """The program as JSON: keys in the order of the definition, two spaces deep, a newline at the end."""
    return msgspec.json.format(msgspec.json.encode(program), indent=2).decode("utf-8") + "\n"


def load(text: str) -> Program:
    """The inverse of `dump`.

    Raises:
        CodecError: no JSON, another schema version, or not of the schema's form.
    """
    try:
        program = msgspec.json.decode(text, type=Program)
    except msgspec.MsgspecError as error:
        raise CodecError(str(error)) from error
    if program.schema_version != SCHEMA_VERSION:
        raise CodecError(
            f"schema version {program.schema_version}; this flashc reads {SCHEMA_VERSION}"
        )
    return program


def schema() -> dict[str, Any]:
    """The JSON Schema of `dump`'s output."""
    described = msgspec.json.schema(Program)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **described}
