"""Tell whether a worker refuses JSON data, and where in the data the reason is, without code of the project.

A schema describes data as clients should send it.  Workers accept more: a number as a text, an object
for a `NamedTuple`.  So the values that have no parts are read here as workers read them: by the codec of
jobs, or by pydantic.
"""

from __future__ import annotations

import contextlib
import datetime
import decimal
import fractions
import functools
import ipaddress
import json
import pathlib
import uuid
import warnings
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace
from pydantic import Field, TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic_core import SchemaError

from flashc_backends.runtime.interface import codec_for
from flashc_backends.runtime.values import Misfit
from flashc_backends.runtime.values import shown as shown_value
from flashc_ir.schemas import (
    NUMBER_KEYS,
    Anything,
    Choice,
    Definition,
    Interface,
    Limit,
    ListOf,
    MapOf,
    OneOf,
    Plain,
    Property,
    Record,
    Ref,
    Schema,
    TupleOf,
)

from .shown import shown

_TYPES: dict[str, Any] = {"null": None, "boolean": bool, "integer": int, "number": float}
_OF_FORMATS: dict[str, Any] = {
    "date-time": datetime.datetime,
    "date": datetime.date,
    "time": datetime.time,
    "duration": datetime.timedelta,
    "seconds": datetime.timedelta,
    "uuid": uuid.UUID,
    "decimal": decimal.Decimal,
    "fraction": fractions.Fraction,
    "path": pathlib.PurePosixPath,
    "ipv4": ipaddress.IPv4Address,
    "ipv6": ipaddress.IPv6Address,
    "ipv4network": ipaddress.IPv4Network,
    "ipv6network": ipaddress.IPv6Network,
    "ipv4interface": ipaddress.IPv4Interface,
    "ipv6interface": ipaddress.IPv6Interface,
    "base64": bytes,
    "binary": bytes,
}
_BROKEN = {
    "minimum": "is less than {}",
    "exclusiveMinimum": "is not greater than {}",
    "maximum": "is greater than {}",
    "exclusiveMaximum": "is not less than {}",
    "multipleOf": "is no multiple of {}",
    "minLength": "is shorter than {}",
    "maxLength": "is longer than {}",
    "pattern": "does not match {!r}",
    "minItems": "has fewer than {} items",
    "maxItems": "has more than {} items",
    "minProperties": "has fewer than {} keys",
    "maxProperties": "has more than {} keys",
}
# The options of pydantic's `Field` for the limits of values without parts.
_OPTIONS = {
    "minimum": "ge",
    "exclusiveMinimum": "gt",
    "maximum": "le",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
    "minLength": "min_length",
    "maxLength": "max_length",
    "pattern": "pattern",
}


class Refusal(NamedTuple):
    """Why data is refused; `path` is the place in it, such as `.boxes[0].width`."""

    path: str
    reason: str

    def at(self, place: str) -> Refusal:
        """Return the refusal of the data that contains this data at a place."""
        return Refusal(place + self.path, self.reason)

    def __str__(self) -> str:
        return f"{self.path} {self.reason}"


class Acceptance(Struct, frozen=True, eq=False):
    """Tells which data workers accept; `by_pydantic` says that pydantic reads it, and not the codec of jobs.

    `definitions` are those of the classes, by their keys.
    """

    definitions: Mapping[str, Definition]
    by_pydantic: bool

    @classmethod
    def of(cls, interface: Interface, *, by_pydantic: bool = False) -> Acceptance:
        """Return what workers accept for the arguments of an interface."""
        return cls({each.key: each for each in interface.definitions}, by_pydantic)

    def refusal(self, data: Any, schema: Schema) -> Refusal | None:
        """Return why a worker refuses data; None if it accepts the data, or is not known to refuse it."""
        try:
            return self._refusal(data, schema)
        except RecursionError:
            return None

    def _refusal(self, data: Any, schema: Schema, title: str = "") -> Refusal | None:
        """Return why a worker refuses data; `title` is the name of the class, if it is one."""
        match schema:
            case Anything():
                return None
            case Plain():
                return self._of_plain(data, schema)
            case Choice(values=values):
                fits = any(self._is_choice(data, json.loads(text), title) for text in values)
                return None if fits else self._misfit(data, schema)
            case ListOf():
                return self._of_list(data, schema)
            case TupleOf():
                return self._of_tuple(data, schema, title)
            case MapOf():
                return self._of_map(data, schema)
            case OneOf(members=members, tagged=tagged):
                return self._of_union(data, members, tagged, schema)
            case Ref(key=key):
                found = self.definitions.get(key)
                if found is None or found.loose:
                    return None
                inside = replace(self, by_pydantic=self.by_pydantic or found.by_pydantic)
                return inside._refusal(data, found.schema, found.title)
            case Record():
                return self._of_record(data, schema, title)

    def _is_choice(self, data: Any, value: Any, title: str) -> bool:
        """Return whether data stands for one of the values of a `Literal`, or of an enum, which has a title.

        Workers read the value of an enum also from a text, or from a number of another type.  For the codec
        of jobs, True and False are no numbers, and it wants the very value of a `Literal`.
        """
        if self.by_pydantic or (title and isinstance(data, str)):
            return _stands_for(data, value)
        if not title or bool in (type(data), type(value)):
            return _is_same(data, value)
        return _stands_for(data, value)

    def _misfit(self, data: Any, schema: Schema) -> Refusal:
        """Return the refusal of data of another type."""
        return Refusal("", f"is {shown_value(data)}, not {self._name(schema)}")

    def _of_plain(self, data: Any, schema: Plain) -> Refusal | None:
        """Return why a value without parts is refused."""
        kind = _kind_of(schema)
        if schema.loose and isinstance(data, (bool, int, float)):
            return None
        if not _reads(kind, None, self.by_pydantic)(data):
            return self._misfit(data, schema)
        broken = (each for each in schema.limits if not _reads(kind, each, self.by_pydantic)(data))
        limit = next(broken, None)
        return None if limit is None else _over(data, limit)

    def _of_list(self, data: Any, schema: ListOf) -> Refusal | None:
        """Return why a list is refused."""
        if (isinstance(data, str) and schema.accepts == "text") or (
            isinstance(data, dict) and schema.accepts == "object"
        ):
            return None
        if not isinstance(data, list):
            return self._misfit(data, schema)
        for limit in schema.limits:
            is_unclear = limit.keyword == "maxItems" and schema.accepts == "repeated"
            if not is_unclear and not _keeps_size(len(data), limit):
                return _over(data, limit)
        return self._first({index: (item, schema.item) for index, item in enumerate(data)})

    def _of_tuple(self, data: Any, schema: TupleOf, title: str) -> Refusal | None:
        """Return why a tuple is refused."""
        items, required = schema.items, schema.required
        if schema.names and isinstance(data, dict):
            named = enumerate(zip(schema.names, items, strict=True))
            fields = (Property(name=n, schema=s, required=i < required) for i, (n, s) in named)
            return self._of_record(data, Record(properties=tuple(fields)), title)
        if not isinstance(data, list):
            return self._misfit(data, schema)
        if not required <= len(data) <= len(items):
            some = str(required) if required == len(items) else f"{required} to {len(items)}"
            return Refusal("", f"has {len(data)} items, not {some}")
        pairs = enumerate(zip(data, items, strict=False))
        return self._first(dict(pairs))

    def _of_map(self, data: Any, schema: MapOf) -> Refusal | None:
        """Return why an object whose keys are not known is refused."""
        if not isinstance(data, dict):
            return self._misfit(data, schema)
        for limit in schema.limits:
            if not _keeps_size(len(data), limit):
                return _over(data, limit)
        for key in data:
            if not self._takes_key(key, schema.key):
                name = _kind_name(schema.key) or self._name(schema.key)
                return Refusal("", f"has the key {key!r}, which is no {name}")
        return self._first({key: (item, schema.value) for key, item in data.items()})

    def _name(self, schema: Schema) -> str:
        """Return the text of a schema for a message."""
        known = {key: each.schema for key, each in self.definitions.items()}
        return shown(schema, known)

    def _first(self, parts: Mapping[Any, tuple[Any, Schema]]) -> Refusal | None:
        """Return the first refusal of the parts of a container, by their keys."""
        for key, (item, schema) in parts.items():
            found = self._refusal(item, schema)
            if found is not None:
                return found.at(f"[{key!r}]")
        return None

    def _takes_key(self, text: str, schema: Schema) -> bool:
        """Return whether a key of an object is accepted."""
        if isinstance(schema, Plain):
            return _reads(_mapping_of(_kind_of(schema)), None, self.by_pydantic)({text: None})
        if not isinstance(schema, Choice):
            return True
        values = [json.loads(value) for value in schema.values]
        if set(values) <= {"true", "false"}:
            return _reads(_mapping_of(bool), None, self.by_pydantic)({text: None})
        candidates = [text]
        with contextlib.suppress(ValueError, RecursionError):
            candidates.append(json.loads(text))
        return any(_stands_for(each, value) for each in candidates for value in values)

    def _of_union(
        self, data: Any, members: tuple[Schema, ...], tagged: bool, schema: Schema
    ) -> Refusal | None:
        """Return why no member of a union takes data: the reason of the member that takes the most of it."""
        found = [self._refusal(data, member) for member in members]
        is_tagged = tagged and isinstance(data, dict) and data.keys() == {"$union", "value"}
        if is_tagged:
            found += [self._refusal(data["value"], member) for member in members]
        refusals = [each for each in found if each is not None]
        if len(refusals) < len(found):
            return None
        deepest = max(refusals, key=lambda each: len(each.path))
        return deepest if deepest.path else self._misfit(data, schema)

    def _of_record(self, data: Any, schema: Record, title: str) -> Refusal | None:
        """Return why an object with named values is refused."""
        if not isinstance(data, dict):
            return Refusal("", f"is {shown_value(data)}, not an object for {title or 'the fields'}")
        given: dict[str, Any] = {}
        missing: list[str] = []
        for each in schema.properties:
            name = next((name for name in (each.name, *each.names) if name in data), None)
            if name is None:
                missing += [f"`{each.name}`"] if each.required else []
            elif not each.loose:
                given[name] = each.schema
        if missing:
            return Refusal("", f"lacks {', '.join(missing)}{f' of {title}' if title else ''}")
        taken = {name for each in schema.properties for name in (each.name, *each.names)}
        more = sorted(data.keys() - taken) if schema.closed else []
        if more:
            return Refusal("", f"has the unexpected {', '.join(f'`{name}`' for name in more)}")
        for name, inner in given.items():
            found = self._refusal(data[name], inner)
            if found is not None:
                return found.at(f".{name}")
        return None


def _over(data: Any, limit: Limit) -> Refusal:
    """Return the refusal of a value that breaks a limit."""
    return Refusal(
        "", f"is {shown_value(data)}, which {_BROKEN[limit.keyword].format(limit.value)}"
    )


def _keeps_size(size: int, limit: Limit) -> bool:
    """Return whether the number of items or keys keeps a limit."""
    assert not isinstance(limit.value, str)
    return size >= limit.value if limit.keyword.startswith("min") else size <= limit.value


def _is_same(data: Any, value: Any) -> bool:
    """Return whether two values have the same JSON."""
    return json.dumps(data, sort_keys=True) == json.dumps(value, sort_keys=True)


def _stands_for(data: Any, value: Any) -> bool:
    """Return whether data is a value, the text of it, or a number of another type that is equal."""
    if _is_same(data, value):
        return True
    if isinstance(data, str) and data in (json.dumps(value), str(value)):
        return True
    try:
        return float(data) == float(value)
    except (TypeError, ValueError, OverflowError):
        return False


def _mapping_of(kind: Any) -> Any:
    """Return the type of mappings whose keys are of a type."""
    mapping: Any = dict  # for a type checker, its arguments must be types
    return mapping[kind, Any]


def _kind_name(key: Schema) -> str:
    """Return the name of the type of an object's keys, if they are values without parts."""
    return _kind_of(key).__name__ if isinstance(key, Plain) else ""


def _kind_of(schema: Plain) -> Any:
    """Return the type of Python whose values a schema describes."""
    if schema.type != "string":
        return _TYPES[schema.type]
    patterns = [limit.value for limit in schema.limits if limit.keyword == "pattern"]
    for kind, pattern in NUMBER_KEYS.items():
        if pattern in patterns:
            return _TYPES[kind]
    return _OF_FORMATS.get(schema.format, str)


@functools.cache
def _reads(kind: Any, limit: Limit | None, by_pydantic: bool) -> Callable[[Any], bool]:
    """Return a function that tells whether a worker reads data as a value of a type that keeps a limit."""
    if limit is not None:
        annotated: Any = Annotated  # for a type checker, its arguments must be types
        options: dict[str, Any] = {_OPTIONS[limit.keyword]: limit.value}
        kind = annotated[kind, Field(**options)]
    by_codec = _codec_reads(kind)
    if by_codec is None:  # the type does not have such a limit
        return _anything
    if not by_pydantic:
        return by_codec
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
    except (PydanticUserError, SchemaError, TypeError):
        return by_codec

    def read(data: Any) -> bool:
        return _succeeds(adapter.validate_python, data) or _succeeds(
            adapter.validate_json, json.dumps(data)
        )

    return read


def _codec_reads(kind: Any) -> Callable[[Any], bool] | None:
    """Return a function that tells whether the codec of jobs reads data; None if the type has no such limit."""
    try:
        codec = codec_for(kind)
    except (SchemaError, TypeError):
        return None
    return lambda data: _succeeds(codec.load, data)


def _succeeds(read: Callable[[Any], Any], data: Any) -> bool:
    """Return whether a function reads data."""
    try:
        with warnings.catch_warnings(action="ignore"):  # such as that of `IPv6Network(False)`
            read(data)
    except (Misfit, ValueError):
        return False
    except (TypeError, OverflowError):  # the type does not have the limit
        return True
    return True


def _anything(data: Any) -> bool:
    return True
