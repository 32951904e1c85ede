"""Make the schemas of containers, and compare what JSON the members of a union may have."""

from __future__ import annotations

from collections.abc import Mapping
from types import EllipsisType

from flashc_ir.schemas import (
    ANY,
    INTEGER,
    STRING,
    Anything,
    Choice,
    Definition,
    ListOf,
    MapOf,
    OneOf,
    Plain,
    Record,
    Ref,
    Schema,
    TupleOf,
)

from . import library_types as lib

_ALL = frozenset({"null", "boolean", "number", "string", "array", "object"})


def container(
    name: str,
    parts: list[Schema | EllipsisType] | None,
    by_pydantic: bool,
    way: lib.Way,
    known: Mapping[str, Definition | None],
) -> Schema | None:
    """Return the schema of a container, None if the name is of another type.

    `parts` are the types of what is in it, None if they are not said.  `known` are the definitions
    of classes.
    """
    schemas = [part for part in parts or () if not isinstance(part, EllipsisType)]
    first = schemas[0] if schemas else ANY
    if name in lib.TUPLES:
        if parts is None or ... in parts:
            return ListOf(item=first)
        return TupleOf(items=tuple(schemas), required=len(schemas))
    if name in lib.LISTS:
        is_sequence = name in lib.SEQUENCES and way == "in"
        takes_text = is_sequence and _takes_text(_resolved(first, known), by_pydantic)
        return ListOf(item=first, accepts="text" if takes_text else "")
    if name in lib.SETS:
        unique = by_pydantic or way == "out"
        return ListOf(item=first, unique=unique, accepts="repeated" if way == "in" else "")
    key = _resolved(first, known) if schemas else STRING
    if name in lib.COUNTERS:
        return _mapping(key, INTEGER, by_pydantic, way)
    if name in lib.MAPPINGS:
        return _mapping(key, schemas[1] if len(schemas) > 1 else ANY, by_pydantic, way)
    return None


def _takes_text(item: Schema, by_pydantic: bool) -> bool:
    """Return whether a sequence with these items takes a text: pydantic says so only if it may have any items."""
    if by_pydantic:
        return isinstance(item, Anything)
    match item:
        case Plain(type=kind):
            is_text = kind == "string"
        case Choice(values=values):
            is_text = all(_kind_of_text(value) == "string" for value in values)
        case _:
            is_text = True
    return is_text and lib.key_of(item) is not None


def _resolved(key: Schema, known: Mapping[str, Definition | None]) -> Schema:
    """Return the values of an enum in place of the reference to it."""
    found = known.get(key.key) if isinstance(key, Ref) else None
    return found.schema if found is not None and isinstance(found.schema, Choice) else key


def _mapping(key: Schema, value: Schema, by_pydantic: bool, way: lib.Way) -> Schema:
    """Return the schema of a mapping; the codec of jobs writes pairs if a key has no text."""
    text = lib.key_of(key)
    if text is not None:
        return MapOf(key=text, value=value)
    if by_pydantic:
        return MapOf(key=STRING, value=value)
    pair = TupleOf(items=(key, value), required=2)
    pairs = ListOf(item=pair, accepts="object" if way == "in" else "")
    if isinstance(key, Anything) and way == "in":
        return OneOf(members=(MapOf(key=STRING, value=value), pairs))
    return pairs


def overlap(first: Schema, second: Schema, known: Mapping[str, Definition | None]) -> bool:
    """Return whether some JSON data may fit two schemas, by the kinds of JSON that they have."""
    return bool(_kinds(first, known, set()) & _kinds(second, known, set()))


def _kinds(
    schema: Schema, known: Mapping[str, Definition | None], seen: set[str]
) -> frozenset[str]:
    """Return the kinds of JSON data that fit a schema; integers are numbers."""
    match schema:
        case Plain(type=kind):
            return frozenset({"number" if kind == "integer" else kind})
        case Choice(values=values):
            return frozenset(map(_kind_of_text, values))
        case ListOf() | TupleOf():
            return frozenset({"array"})
        case MapOf() | Record():
            return frozenset({"object"})
        case OneOf(members=members, tagged=tagged):
            found = frozenset({"object"}) if tagged else frozenset[str]()
            return found.union(*(_kinds(member, known, seen) for member in members))
        case Ref(key=key):
            definition = known.get(key)
            if definition is None or key in seen:
                return _ALL
            return _kinds(definition.schema, known, {*seen, key})
        case Anything():
            return _ALL


def _kind_of_text(text: str) -> str:
    """Return the kind of JSON data that a text is."""
    first = {'"': "string", "[": "array", "{": "object", "n": "null"}.get(text[:1])
    return first or ("boolean" if text in ("true", "false") else "number")
