"""Write a schema as a short text in the manner of Python's annotations, for messages."""

from __future__ import annotations

from collections.abc import Mapping

from flashc_ir.schemas import (
    Anything,
    Choice,
    ListOf,
    MapOf,
    OneOf,
    Plain,
    Record,
    Ref,
    Schema,
    TupleOf,
)

_TYPES = {
    "null": "None",
    "boolean": "bool",
    "integer": "int",
    "number": "float",
    "string": "str",
}


def shown(schema: Schema, known: Mapping[str, Schema]) -> str:
    """Return the text of a schema; `known` are its definitions."""
    match schema:
        case Anything():
            return "(any)"
        case Plain(type=kind, format=text):
            return text or _TYPES[kind]
        case Choice(values=values):
            return f"Literal[{', '.join(values)}]"
        case ListOf(item=item):
            return f"list[{shown(item, known)}]"
        case TupleOf(items=items):
            return f"tuple[{', '.join(shown(item, known) for item in items) or '()'}]"
        case MapOf(key=key, value=value):
            return f"dict[{shown(key, known)}, {shown(value, known)}]"
        case OneOf(members=members):
            return " | ".join(shown(member, known) for member in members)
        case Ref(key=key):
            return key.removeprefix("text:").removeprefix("out:").partition("~")[0]
        case Record():
            return "object"
