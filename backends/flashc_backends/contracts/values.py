"""Tell whether JSON data fits a schema, and list data that fits one, to find data that another refuses."""

from __future__ import annotations

import datetime
import ipaddress
import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
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
    parts_of,
)

BASE64 = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
# A `timedelta` has at most 999,999,999 days: the numbers of digits keep the sum of the parts below that.
SECONDS = (
    r"[+-]?P((\d{1,8}W)?(\d{1,8}D)?(T(\d{1,9}H)?(\d{1,10}M)?(\d{1,12}(\.\d{1,6})?S)?)?"
    r"|\d{9}DT[0-8]?\d{1,4}(\.\d{1,6})?S)"
)
Known = Mapping[str, Schema]
_DEEPEST = 10
_MOST = 400
Hints = frozenset[float | str]
"""Numbers near the limits of schemas, and names of their properties."""
_MOST_HOPS = 40
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
_SAMPLES = {
    "date-time": ("2024-01-02T03:04:05",),
    "date": ("2024-01-02",),
    "time": ("03:04:05",),
    "uuid": ("00000000-0000-4000-8000-000000000000",),
    "ipv4": ("192.0.2.1",),
    "ipv6": ("2001:db8::1",),
    "ipv4network": ("192.0.2.0/24",),
    "ipv6network": ("2001:db8::/32",),
    "ipv4interface": ("192.0.2.1/24",),
    "ipv6interface": ("2001:db8::1/32",),
    "base64": ("YQ==",),
    "decimal": ("1.5",),
    "fraction": ("1/3",),
    "duration": ("PT1S", "P1D", "P1Y"),
    "seconds": ("PT1S", "P1D", "P"),
    "email": ("ada@example.org",),
    "uri": ("https://example.org/",),
}


def fits(data: Any, schema: Schema, known: Known, hops: int = 0) -> bool:
    """Return whether JSON data fits a schema; `known` are its definitions.

    `hops` is the number of references that were followed to get there; no data fits a circle of them.
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
            return name in known and hops < _MOST_HOPS and fits(data, known[name], known, hops + 1)
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


# Data -----------------------------------------------------------------------------------------------


def witness(sent: Schema, known: Known, taken: Schema, others: Known) -> str | None:
    """Return JSON that fits the schema `sent` and does not fit `taken`, or stands for other bytes there.

    The result is None if flashc finds none.  `known` and `others` are the definitions of the two.
    """
    hints = frozenset(_hints(taken, others, 0)) | frozenset(_hints(sent, known, 0))
    for data in islice(_candidates(sent, known, hints, 0), _MOST):
        if fits(data, sent, known) and (
            not fits(data, taken, others) or is_misread(data, sent, known, taken, others)
        ):
            return json.dumps(data, ensure_ascii=False)
    return None


def is_misread(
    data: Any, sent: Schema, known: Known, taken: Schema, others: Known, hops: int = 0
) -> bool:
    """Return whether a text of data that fits both schemas stands for other bytes in the second one.

    That is a text in base64 in one of the two only.
    """
    if hops > _MOST_HOPS:
        return False
    match sent, taken:
        case ((Ref() | OneOf()), _):
            inner = _chosen(data, sent, known)
            return inner is not None and is_misread(data, inner, known, taken, others, hops + 1)
        case _, (Ref() | OneOf()):
            inner = _chosen(data, taken, others)
            return inner is not None and is_misread(data, sent, known, inner, others, hops + 1)
        case Plain(), Plain():
            return isinstance(data, str) and {sent.format, taken.format} == {"base64", "binary"}
        case _:
            parts: Iterable[tuple[Any, Any]] = ()
            if isinstance(data, (list, dict)):
                parts = data.items() if isinstance(data, dict) else enumerate(data)
            for key, value in parts:
                one, other = _part(sent, key), _part(taken, key)
                if one is not None and other is not None:
                    if is_misread(value, one, known, other, others):
                        return True
            return False


def _chosen(data: Any, schema: Ref | OneOf, known: Known) -> Schema | None:
    """Return the definition of a reference, or the first member of a union that data fits."""
    if isinstance(schema, Ref):
        return known.get(schema.key)
    return next((member for member in schema.members if fits(data, member, known)), None)


def _part(schema: Schema, key: Any) -> Schema | None:
    """Return the schema of an item or a value; None if the schema has no such part."""
    match schema:
        case ListOf(item=item):
            return item
        case TupleOf(items=items) if isinstance(key, int) and key < len(items):
            return items[key]
        case MapOf(value=value):
            return value
        case Record(properties=properties):
            return next((each.schema for each in properties if each.name == key), None)
        case _:
            return None


def _hints(schema: Schema, known: Known, depth: int) -> Iterator[float | str]:
    """Yield the numbers at and next to the limits of a schema, and the names of its properties."""
    if depth > _DEEPEST:
        return
    for limit in getattr(schema, "limits", ()):
        if not isinstance(limit.value, str):
            yield from (limit.value - 1, limit.value, limit.value + 1)
    match schema:
        case TupleOf(items=items) | OneOf(members=items):
            yield float(len(items))
        case Record(properties=properties):
            yield from (each.name for each in properties)
        case _:
            pass
    definition = known.get(schema.key) if isinstance(schema, Ref) else None
    for each in parts_of(schema) if definition is None else (definition,):
        yield from _hints(each, known, depth + 1)


def _candidates(schema: Schema, known: Known, hints: Hints, depth: int) -> Iterator[Any]:
    """Yield data of a schema, the simplest first, with what is near to `hints`."""
    if depth > _DEEPEST:
        return
    ordered = sorted(each for each in hints if not isinstance(each, str))
    match schema:
        case Anything():
            yield from ("text", 1, 0.5, True, None, [], {}, ["text"], {"text": 1})
        case Plain(type="null"):
            yield None
        case Plain(type="boolean"):
            yield from (True, False)
        case Plain(type="integer"):
            yield from (1, 0, -1, *(int(number) for number in ordered), 10**6)
        case Plain(type="number"):
            yield from (0.5, 1, 0, -1, *ordered, *(number + 0.5 for number in ordered), 1e6)
        case Plain(format=text):
            yield from _SAMPLES.get(text, ())
            yield from ("text", "", "a", *("a" * int(n) for n in ordered if 0 <= n <= 1000), "1")
        case Choice(values=values):
            yield from map(json.loads, values)
        case ListOf(item=item):
            first = None
            for each in _candidates(item, known, hints, depth + 1):
                first = [each] if first is None else first
                yield [each]
            yield []
            for number in ordered:
                if first is not None and 0 <= number <= 1000:
                    yield first * int(number)
            if first is not None:
                yield first * 2
        case TupleOf(items=items, required=required):
            yield from _tuples(items, required, known, hints, depth)
        case MapOf(key=key, value=value):
            name = next(_candidates(key, known, hints, depth + 1), "text")
            for each in _candidates(value, known, hints, depth + 1):
                yield {name: each}
            for other in _candidates(key, known, hints, depth + 1):
                yield from (
                    {other: v} for v in islice(_candidates(value, known, hints, depth + 1), 1)
                )
            yield {}
            for named in sorted(each for each in hints if isinstance(each, str)):
                yield from ({named: v} for v in _candidates(value, known, hints, depth + 1))
        case OneOf(members=members, tagged=tagged):
            found = (_candidates(member, known, hints, depth) for member in members)
            for number, each in _by_turns(found):
                yield {"$union": number, "value": each} if tagged else each
                if tagged:
                    yield each
        case Ref(key=name):
            if name in known:
                yield from _candidates(known[name], known, hints, depth + 1)
        case Record():
            yield from _objects(schema, known, hints, depth)


def _tuples(
    items: tuple[Schema, ...],
    required: int,
    known: Known,
    hints: Hints,
    depth: int,
) -> Iterator[list[Any]]:
    """Yield lists of the items of a tuple, which differ in one item, and shorter ones."""
    base = [_first(item, known, hints, depth) for item in items]
    yield base
    found = (_candidates(item, known, hints, depth + 1) for item in items)
    for index, each in _by_turns(found):
        yield [*base[:index], each, *base[index + 1 :]]
    for length in range(required, len(items)):
        yield base[:length]


def _objects(record: Record, known: Known, hints: Hints, depth: int) -> Iterator[dict[str, Any]]:
    """Yield objects with the required values, and each of the others, which differ in one value."""
    base: dict[str, Any] = {}
    for each in record.properties:
        if each.required:
            base[each.name] = _first(each.schema, known, hints, depth)
    yield base
    if not record.closed:
        yield {**base, "something else": 1}
    names = [each.name for each in record.properties]
    found = (_candidates(each.schema, known, hints, depth + 1) for each in record.properties)
    for number, value in _by_turns(found):
        yield {**base, names[number]: value}


def _by_turns(iterators: Iterable[Iterator[Any]]) -> Iterator[tuple[int, Any]]:
    """Yield the first item of each iterator, then the second of each, and so on, with the iterator's number."""
    left = dict(enumerate(iterators))
    end = object()
    while left:
        for number, iterator in list(left.items()):
            item = next(iterator, end)
            if item is end:
                del left[number]
            else:
                yield number, item


def _first(schema: Schema, known: Known, hints: Hints, depth: int) -> Any:
    """Return the simplest data that fits a schema; None if there is none."""
    found = islice(_candidates(schema, known, hints, depth + 1), _MOST)
    return next((each for each in found if fits(each, schema, known)), None)
