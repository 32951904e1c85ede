"""Strategies of JSON data: data that fits a schema of the IR, and other data that nearly fits."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from flashc_backends.contracts.values import SECONDS
from flashc_ir.schemas import (
    NUMBER_KEYS,
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

_TEXTS: dict[str, st.SearchStrategy[str]] = {
    "date-time": st.datetimes().map(lambda moment: moment.isoformat())
    | st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z"),
    "date": st.dates().map(str),
    "time": st.times().map(str),
    "duration": st.sampled_from(["P1D", "PT1H30M", "PT0.5S", "P2W"]),
    "seconds": st.sampled_from(["P1D", "PT1H30M", "-P1DT2S", "P2W", "P999999999DT86399.999999S"])
    | st.from_regex(SECONDS, fullmatch=True, alphabet=st.characters(codec="ascii")),
    "uuid": st.uuids().map(str),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False).map(str),
    "fraction": st.fractions().map(str),
    "path": st.sampled_from(["/a/b", "c", "."]),
    "ipv4": st.ip_addresses(v=4).map(str),
    "ipv6": st.ip_addresses(v=6).map(str),
    "ipv6network": st.sampled_from(["2001:db8::/32", "::/0"]),
    "base64": st.sampled_from(["", "YQ==", "YWI=", "YWJj", "AAD/"]),
    "binary": st.text(max_size=3),
}
WORDS = (
    "a", "red", "fast", "1", "1.5", "true", "2024-01-02", "2024-01-02T03:04:05", "12:00:00", "P1D",
    "00000000-0000-0000-0000-000000000001", "YQ==", "1/3", "10.0.0.1", "x", "size", "",
)  # fmt: skip
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.5, -2.5, 1e30]),
    st.sampled_from(WORDS),
)
ANY = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=2)
    ),
    max_leaves=4,
)


def data_of(schema: Schema, known: Mapping[str, Schema], depth: int = 4) -> st.SearchStrategy[Any]:
    """Return a strategy of data that fits a schema; `known` are the definitions."""
    match schema:
        case Anything():
            return ANY
        case Plain(type="null"):
            return st.none()
        case Plain(type="boolean"):
            return st.booleans()
        case Plain(type="integer", limits=limits):
            bounds = {limit.keyword: int(limit.value) for limit in limits}
            return st.integers(bounds.get("minimum", -(2**31)), bounds.get("maximum", 2**31 - 1))
        case Plain(type="number"):
            return st.floats(-1e4, 1e4, width=16) | st.integers(-9, 9)
        case Plain(format=text, limits=limits):
            if any(limit.keyword == "pattern" for limit in limits):
                pattern = next(str(lim.value) for lim in limits if lim.keyword == "pattern")
                texts = st.from_regex(pattern, fullmatch=True).filter(lambda t: len(t) < 9)
                # As for a number of JSON, a schema can't say that it is not too large for a float.
                return texts.filter(_is_finite) if pattern == NUMBER_KEYS["number"] else texts
            sizes = {limit.keyword: int(limit.value) for limit in limits}
            least, most = sizes.get("minLength", 0), sizes.get("maxLength", 3)
            return _TEXTS.get(text, st.text(min_size=least, max_size=max(least, most)))
        case Choice(values=values):
            return st.sampled_from([json.loads(value) for value in values])
        case ListOf(item=item, unique=unique, limits=limits):
            least = next((int(lim.value) for lim in limits if lim.keyword == "minItems"), 0)
            if depth <= 0 and not least:
                return st.just([])
            inner = data_of(item, known, depth - 1)
            by = json.dumps if unique else None
            return st.lists(inner, min_size=least, max_size=max(least, 2), unique_by=by)
        case TupleOf(items=items, required=required):
            parts = [data_of(item, known, depth - 1) for item in items]
            return st.integers(required, len(items)).flatmap(
                lambda count: st.tuples(*parts[:count]).map(list)
            )
        case MapOf(key=key, value=value):
            if depth <= 0:
                return st.just({})
            keys, inner = data_of(key, known, depth), data_of(value, known, depth - 1)
            return st.dictionaries(keys, inner, max_size=2)
        case OneOf(members=members):
            shallow = [m for m in members if depth > 0 or not isinstance(m, Ref)]
            return st.one_of([data_of(member, known, depth - 1) for member in shallow or members])
        case Ref(key=key):
            return st.deferred(lambda: data_of(known[key], known, depth - 1))
        case Record(properties=properties):
            needed = {p.name: data_of(p.schema, known, depth - 1) for p in properties if p.required}
            others = {
                p.name: data_of(p.schema, known, depth - 1)
                for p in properties
                if not p.required and depth > 0
            }
            return st.fixed_dictionaries(needed, optional=others)


def _is_finite(text: str) -> bool:
    return math.isfinite(float(text))


@st.composite
def nearly(draw: st.DrawFn, data: Any) -> Any:
    """Return data in which one part is something else, is left out, or is new."""
    holder = {"": copy.deepcopy(data)}
    places: list[tuple[Any, Any]] = [(holder, "")]
    for container, key in places:
        inside = container[key]
        if isinstance(inside, dict):
            places += [(inside, each) for each in inside]
        elif isinstance(inside, list):
            places += [(inside, index) for index in range(len(inside))]
    container, key = draw(st.sampled_from(places))
    what = draw(st.sampled_from(["replace", "remove", "add"]))
    if what == "remove" and container is not holder:
        del container[key]
    elif what == "add" and isinstance(container[key], dict):
        container[key][draw(st.sampled_from(WORDS))] = draw(ANY)
    elif what == "add" and isinstance(container[key], list):
        container[key].append(draw(ANY))
    else:
        container[key] = draw(ANY)
    return holder[""]
