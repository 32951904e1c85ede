"""Define the schemas of values that travel as JSON: what functions of endpoints take and return.

A schema says what JSON data a client may send, or what it gets.  It means the same as a JSON Schema
(2020-12); `flashc_backends.contracts.json_schema` writes it as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from .variant import Variant

# The keywords of JSON Schema that limit a value.
Keyword = Literal[
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
]


class Limit(Struct, frozen=True):
    """A limit of a value, such as `minimum` 0."""

    keyword: Keyword
    value: int | float | str


class Anything(Variant, frozen=True, kw_only=True, omit_defaults=True, tag="any"):
    """Any JSON data; `note` says why nothing more is known, "" if the program says so itself.

    `unsendable` is the name of the class, if objects of it have no JSON.
    """

    note: str = ""
    unsendable: str = ""


class Plain(Variant, frozen=True, kw_only=True, omit_defaults=True, tag="plain"):
    """A value of one of JSON's own types that has no parts.

    `format` is a format of JSON Schema, such as `date-time`, or "base64" or "binary" for bytes, or
    "decimal" or "fraction" for numbers that travel as texts.  `loose` says that a worker converts every
    number, such as 1.5 for an integer of numpy.
    """

    type: Literal["null", "boolean", "integer", "number", "string"]
    format: str = ""
    limits: tuple[Limit, ...] = ()
    loose: bool = False


class Choice(Variant, frozen=True, kw_only=True, omit_defaults=True, tag="choice"):
    """One of some values, each as the text of its JSON."""

    values: tuple[str, ...]


class ListOf(Variant, frozen=True, kw_only=True, omit_defaults=True, tag="list"):
    """A list; `unique` says that no value is in it twice.

    `accepts` is what a worker takes too: a text, which is a sequence of texts; values that are there
    twice, which a set has once; an object for the pairs of a mapping.
    """

    item: Schema
    unique: bool = False
    limits: tuple[Limit, ...] = ()
    accepts: Literal["", "text", "repeated", "object"] = ""


class TupleOf(Variant, frozen=True, kw_only=True, omit_defaults=True, tag="tuple"):
    """A list with an item for each of the schemas; only the first `required` of them must be there.

    `names` are those of the items of a `NamedTuple`: workers also take an object with these names.
    """

    items: tuple[Schema, ...]
    required: int
    names: tuple[str, ...] = ()


class MapOf(Variant, frozen=True, kw_only=True, omit_defaults=True, tag="map"):
    """An object whose keys are not known before."""

    key: Schema
    value: Schema
    limits: tuple[Limit, ...] = ()


class OneOf(Variant, frozen=True, kw_only=True, omit_defaults=True, tag="union"):
    """A value that fits one of the members.

    `tagged` says that it may also be an object with the number of the member, because the data alone
    would not show which member it is.
    """

    members: tuple[Schema, ...]
    tagged: bool = False


class Ref(Variant, frozen=True, kw_only=True, omit_defaults=True, tag="ref"):
    """What the definition with this key describes."""

    key: str


class Property(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named value in an object; `default` is the text of the JSON of its default, if it is known.

    `names` are others under which it is taken too.  `loose` says that code of the project converts it
    first, so that other data may be accepted.
    """

    name: str
    schema: Schema
    required: bool = True
    default: str | None = None
    description: str = ""
    names: tuple[str, ...] = ()
    loose: bool = False


class Record(Variant, frozen=True, kw_only=True, omit_defaults=True, tag="record"):
    """An object with named values; `closed` says that it has no others."""

    properties: tuple[Property, ...]
    closed: bool = False
    description: str = ""


Schema = Anything | Plain | Choice | ListOf | TupleOf | MapOf | OneOf | Ref | Record


class Definition(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A class of the project as a schema.

    `key` is unique in an interface: a class has another definition for what it accepts than for what
    it gives.  `title` is the name of the class, with those of its type arguments.  `by_pydantic` says
    that pydantic converts the values, and not the codec of jobs; `loose` that code or an option of the
    class converts data first, so that other data may be accepted.
    """

    key: str
    title: str
    schema: Schema
    by_pydantic: bool = False
    loose: bool = False


class Interface(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The JSON data that a function of an endpoint takes and returns.

    `arguments` have the names of the function's parameters; an argument that a dependency of a route
    takes has a name such as `user.token`.  The arguments of `*args` are a list under the name of this
    parameter, `rest` is the schema of each further argument, which `**kwargs` takes, None if there are
    none.  `returns` is the schema of the result, or of each item that a generator yields.
    """

    arguments: tuple[Property, ...]
    returns: Schema
    rest: Schema | None = None
    definitions: tuple[Definition, ...] = ()


NUMBER_KEYS = {
    "integer": r"^-?(0|[1-9][0-9]*)$",
    "number": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$",
}
"""The patterns of the keys of objects that are numbers, by their types."""

INTEGER = Plain(type="integer")
NUMBER = Plain(type="number")
BOOLEAN = Plain(type="boolean")
STRING = Plain(type="string")
NULL = Plain(type="null")
ANY = Anything()


def union_of(members: tuple[Schema, ...], *, tagged: bool = False) -> Schema:
    """Return the union of schemas, each once; unions in it that have no tags become a part of it."""
    flat: list[Schema] = []
    for member in members:
        inner = member.members if isinstance(member, OneOf) and not member.tagged else (member,)
        flat.extend(each for each in inner if each not in flat)
    return flat[0] if len(flat) == 1 else OneOf(members=tuple(flat), tagged=tagged)


def optional(schema: Schema) -> Schema:
    """Return a schema that allows null too."""
    return union_of((schema, NULL))


def parts_of(schema: Schema) -> tuple[Schema, ...]:
    """Return the schemas directly in a schema: of items, keys, values, members and properties."""
    match schema:
        case Anything() | Plain() | Choice() | Ref():
            return ()
        case ListOf(item=item):
            return (item,)
        case TupleOf(items=parts) | OneOf(members=parts):
            return parts
        case MapOf(key=key, value=value):
            return (key, value)
        case Record(properties=properties):
            return tuple(each.schema for each in properties)


def references(schema: Schema) -> list[str]:
    """Return the keys of the definitions that a schema refers to."""
    if isinstance(schema, Ref):
        return [schema.key]
    return [key for part in parts_of(schema) for key in references(part)]


def unsendable_classes(schema: Schema, known: Mapping[str, Schema]) -> list[str]:
    """Return the names of the classes in a schema whose objects have no JSON, each once.

    `known` are the definitions, which are followed.
    """
    if isinstance(schema, Plain):
        return []  # most arguments
    found: dict[str, None] = {}
    pending, seen = list[Schema]([schema]), set[str]()
    while pending:
        part = pending.pop()
        pending += parts_of(part)
        if isinstance(part, Anything) and part.unsendable:
            found[part.unsendable] = None
        elif isinstance(part, Ref) and part.key in known and part.key not in seen:
            seen.add(part.key)
            pending.append(known[part.key])
    return list(found)


def with_limits(schema: Schema, limits: tuple[Limit, ...]) -> Schema:
    """Return a schema with more limits; in a union, for each member that they fit."""
    match schema:
        case OneOf(members=members, tagged=tagged):
            limited = tuple(with_limits(member, limits) for member in members)
            return OneOf(members=limited, tagged=tagged)
        case Plain(type="string" | "integer" | "number"):
            own = _fitting(limits, _OF_TEXTS if schema.type == "string" else _OF_NUMBERS)
            return replace(schema, limits=_merged(schema.limits, own))
        case ListOf():
            own = _fitting(limits, _OF_LISTS)
            return replace(schema, limits=_merged(schema.limits, own))
        case MapOf():
            own = _fitting(limits, _OF_OBJECTS)
            return replace(schema, limits=_merged(schema.limits, own))
        case _:
            return schema


_OF_NUMBERS: dict[Keyword, Keyword] = {
    "minimum": "minimum",
    "exclusiveMinimum": "exclusiveMinimum",
    "maximum": "maximum",
    "exclusiveMaximum": "exclusiveMaximum",
    "multipleOf": "multipleOf",
}
_OF_TEXTS: dict[Keyword, Keyword] = {
    "minLength": "minLength",
    "maxLength": "maxLength",
    "pattern": "pattern",
}
_OF_LISTS: dict[Keyword, Keyword] = {"minLength": "minItems", "maxLength": "maxItems"}
_OF_OBJECTS: dict[Keyword, Keyword] = {"minLength": "minProperties", "maxLength": "maxProperties"}


def _fitting(limits: tuple[Limit, ...], names: dict[Keyword, Keyword]) -> tuple[Limit, ...]:
    """Return the limits that a type has, by their names there."""
    return tuple(
        Limit(names[limit.keyword], limit.value) for limit in limits if limit.keyword in names
    )


def _merged(old: tuple[Limit, ...], new: tuple[Limit, ...]) -> tuple[Limit, ...]:
    """Return limits in the order of their keywords; a later one replaces an earlier one."""
    found = {limit.keyword: limit for limit in (*old, *new)}
    return tuple(found[keyword] for keyword in sorted(found))
