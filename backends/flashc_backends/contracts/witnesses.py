"""Find JSON data that fits one schema and not another, or that both read differently."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

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
    parts_of,
)

from .values import MOST_HOPS, Known, fits

_DEEPEST = 10
_MOST = 400
Hints = frozenset[float | str]
"""Numbers near the limits of schemas, and names of their properties."""
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
    """Return whether data that fits both schemas has a string that is base64 in one of them, and binary (UTF-8) in the other."""
    if hops > MOST_HOPS:
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
    """Yield an object with the required properties only, and variants of it that differ in one property."""
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
