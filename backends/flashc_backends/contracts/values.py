"""Tell whether JSON data fits a schema."""

from __future__ import annotations

import datetime
import ipaddress
import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from flashc_ir.schemas import (
    Anything,
    Choice,
    Limit,
    ListOf,
    MapOf,
    OneOf,
    Plain,
    Record,
    Ref,
    Schema,
    TupleOf,
)

BASE64 = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
# A `timedelta` has at most 999,999,999 days: the numbers of digits keep the sum of the parts below that.
SECONDS = (
    r"[+-]?P((\d{1,8}W)?(\d{1,8}D)?(T(\d{1,9}H)?(\d{1,10}M)?(\d{1,12}(\.\d{1,6})?S)?)?"
    r"|\d{9}DT[0-8]?\d{1,4}(\.\d{1,6})?S)"
)
Known = Mapping[str, Schema]
MOST_HOPS = 40
"""The number of references that are followed to one part of the data."""
_PARSERS: dict[str, Callable[[str], object]] = {
    "date-time": datetime.datetime.fromisoformat,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "uuid": uuid.UUID,
    "ipv4": ipaddress.IPv4Address,
    "ipv6": ipaddress.IPv6Address,
    "ipv4network": ipaddress.IPv4Network,
    "ipv6network": ipaddress.IPv6Network,
    "ipv4interface": ipaddress.IPv4Interface,
    "ipv6interface": ipaddress.IPv6Interface,
}
EVERY_TEXT = frozenset(("", "path", "password", "binary"))
"""The formats of texts that every text has; in `binary`, a text stands for its bytes in UTF-8."""
NARROWER = frozenset(
    (
        ("date", "date-time"),
        *(
            (f"{family}{narrow}", f"{family}{wide}")
            for family in ("ipv4", "ipv6")
            for narrow, wide in (("", "network"), ("", "interface"), ("network", "interface"))
        ),
    )
)
"""Pairs of formats; every text of the first one also has the second one."""
_PATTERNS = {
    "base64": BASE64,
    "decimal": r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?",
    "fraction": r"[+-]?\d+(/0*[1-9]\d*)?",
    "duration": r"[+-]?P.+",
    "seconds": SECONDS,
    # What these accept besides is left to pydantic.
    "email": r".+@.+",
    "uri": r"[A-Za-z][A-Za-z0-9+.-]*:.+",
}
FORMATS = EVERY_TEXT | _PARSERS.keys() | _PATTERNS.keys()
"""The formats of texts that flashc checks."""


def fits(data: Any, schema: Schema, known: Known, hops: int = 0) -> bool:
    """Return whether JSON data fits a schema; `known` are its definitions.

    `hops` is the number of references that were followed to get there; no data fits a cycle of them.
    """
    match schema:
        case Anything():
            return True
        case Plain(type=kind):
            return _is_of(data, kind) and _keeps(data, schema.limits) and _has_format(data, schema)
        case Choice(values=values):
            return json.dumps(data, sort_keys=True) in {
                json.dumps(json.loads(value), sort_keys=True) for value in values
            }
        case ListOf(item=item, unique=unique, limits=limits):
            if not isinstance(data, list) or not _keeps(data, limits):
                return False
            texts = [json.dumps(each, sort_keys=True) for each in data]
            return not (unique and len(set(texts)) < len(texts)) and all(
                fits(each, item, known) for each in data
            )
        case TupleOf(items=items, required=required):
            return (
                isinstance(data, list)
                and required <= len(data) <= len(items)
                and all(fits(each, item, known) for each, item in zip(data, items, strict=False))
            )
        case MapOf(key=key, value=value, limits=limits):
            return (
                isinstance(data, dict)
                and _keeps(data, limits)
                and all(fits(k, key, known) and fits(v, value, known) for k, v in data.items())
            )
        case OneOf(members=members, tagged=tagged):
            return any(fits(data, member, known, hops) for member in members) or (
                tagged and _fits_tagged(data, members, known)
            )
        case Ref(key=name):
            return name in known and hops < MOST_HOPS and fits(data, known[name], known, hops + 1)
        case Record(properties=properties, closed=closed):
            if not isinstance(data, dict):
                return False
            own = {each.name: each for each in properties}
            return (
                all(each.name in data for each in properties if each.required)
                and not (closed and data.keys() - own.keys())
                and all(fits(v, own[k].schema, known) for k, v in data.items() if k in own)
            )


def _fits_tagged(data: Any, members: tuple[Schema, ...], known: Known) -> bool:
    """Return whether data is an object with the number of a member and a value of it."""
    if not isinstance(data, dict) or data.keys() != {"$union", "value"}:
        return False
    number = data["$union"]
    is_number = type(number) is int and 0 <= number < len(members)
    return is_number and fits(data["value"], members[number], known)


def _is_of(data: Any, kind: str) -> bool:
    """Return whether data has one of JSON's own types."""
    if isinstance(data, bool) or data is None:
        return kind == ("null" if data is None else "boolean")
    if isinstance(data, (int, float)):
        return kind == "number" or (kind == "integer" and data == int(data))
    return kind == "string" and isinstance(data, str)


def _has_format(data: Any, schema: Plain) -> bool:
    """Return whether a text has the format of a schema; a format that flashc can't check is not asked for."""
    if not isinstance(data, str) or not schema.format:
        return True
    pattern, parse = _PATTERNS.get(schema.format), _PARSERS.get(schema.format)
    if pattern is not None:
        return re.fullmatch(pattern, data) is not None
    try:
        return parse is None or parse(data) is not None
    except ValueError:
        return False


def _keeps(data: Any, limits: tuple[Limit, ...]) -> bool:
    """Return whether data keeps all limits."""
    return all(_keeps_one(data, limit) for limit in limits)


def _keeps_one(data: Any, limit: Limit) -> bool:
    value = limit.value
    if isinstance(value, str):
        try:
            return re.search(value, data) is not None
        except re.error:  # pydantic's patterns are those of Rust
            return True
    match limit.keyword:
        case "minimum":
            return bool(data >= value)
        case "exclusiveMinimum":
            return bool(data > value)
        case "maximum":
            return bool(data <= value)
        case "exclusiveMaximum":
            return bool(data < value)
        case "multipleOf":
            return value == 0 or abs(data / value - round(data / value)) < 1e-9
        case "minLength" | "minItems" | "minProperties":
            return len(data) >= value
        case _:
            return len(data) <= value
