"""Check that every value of one schema is valid for another, and list the differences."""

from __future__ import annotations

import json
from collections.abc import Iterator

from msgspec import Struct, field

from flashc_ir.schemas import (
    NULL,
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

from .shown import shown
from .values import EVERY_TEXT, NARROWER, Known, fits

Gap = tuple[str, str]
"""Where data may be refused, as a path such as `.boxes[].width`, and why."""


class Comparison(Struct, eq=False, kw_only=True):
    """Compares what may be sent with what is taken.

    `sent` and `taken` are the definitions of the two sides.  `as_text`: values travel as texts, such as in a
    query.  `is_result`: the later version is the sender; messages still put the earlier version first.
    """

    sent: Known
    taken: Known
    as_text: bool = False
    is_result: bool = False
    _assumed: set[tuple[Schema, Schema]] = field(default_factory=set[tuple[Schema, Schema]])

    def gaps(self, sent: Schema, taken: Schema, path: str = "") -> list[Gap]:
        """Return where data of the schema `sent` does not fit `taken`, and why; nothing if all of it fits."""
        if isinstance(taken, Anything):
            return []
        if isinstance(sent, Ref) or isinstance(taken, Ref):
            return self._gaps_of_references(sent, taken, path)
        match sent:
            case OneOf():
                return self._gaps_from_union(sent, taken, path)
            case Choice(values=values):
                refused = [value for value in values if not self._takes(value, taken)]
                is_partial = isinstance(taken, Choice) or len(refused) < len(values)
                return (
                    [(path, self._refused_constants_text(refused, is_partial, sent, taken))]
                    if refused
                    else []
                )
            case Plain(type="null" | "boolean" as kind) if not _is_plain(taken, kind):
                values = ("null",) if kind == "null" else ("true", "false")
                return self.gaps(Choice(values=values), taken, path)
            case _:
                pass
        if isinstance(taken, OneOf):
            return self._gaps_into_union(sent, taken, path)
        return self._gaps_of_pair(sent, taken, path)

    def _gaps_of_references(self, sent: Schema, taken: Schema, path: str) -> list[Gap]:
        """Compare the definitions of references; one without a definition matches only the same reference."""
        pair = (sent, taken)
        if pair in self._assumed:
            return []
        inner = self.sent.get(sent.key) if isinstance(sent, Ref) else sent
        outer = self.taken.get(taken.key) if isinstance(taken, Ref) else taken
        if isinstance(outer, OneOf) and inner is None:
            return self._gaps_into_union(sent, outer, path)
        if inner is None or outer is None:
            return [] if sent == taken else [(path, self._change_text(sent, taken))]
        self._assumed.add(pair)
        try:
            return self.gaps(inner, outer, path)
        finally:
            self._assumed.discard(pair)

    def _gaps_from_union(self, sent: OneOf, taken: Schema, path: str) -> list[Gap]:
        """Compare each member of a union with the other schema.

        Members of tagged unions are compared by position, because values carry the member's index.
        """
        if sent.tagged:
            others = taken.members if isinstance(taken, OneOf) and taken.tagged else ()
            if len(others) < len(sent.members):
                return [(path, self._change_text(sent, taken))]
            pairs = zip(sent.members, others, strict=False)
            return [gap for one, other in pairs for gap in self.gaps(one, other, path)]
        found = [gap for member in sent.members for gap in self.gaps(member, taken, path)]
        inner = [gap for gap in dict.fromkeys(found) if gap[0] != path]
        whole = [gap for gap in dict.fromkeys(found) if gap[0] == path]
        return [*(whole if len(whole) < 2 else [(path, self._change_text(sent, taken))]), *inner]

    def _gaps_into_union(self, sent: Schema, taken: OneOf, path: str) -> list[Gap]:
        """Return no gaps if one member of a union accepts every value.

        Else return the gaps to the only member of the same kind, or one gap for the whole union.
        """
        tried = [(member, self.gaps(sent, member, path)) for member in taken.members]
        if any(not gaps for _, gaps in tried):
            return []
        alike = [gaps for member, gaps in tried if self._kind(member) == self._kind(sent)]
        if len(alike) == 1 and all(place != path for place, _ in alike[0]):
            return alike[0]
        return [(path, self._change_text(sent, taken))]

    def _kind(self, schema: Schema) -> str:
        """Return the kind of a schema; for a reference, the kind of its definition."""
        if isinstance(schema, Ref):
            found = self.sent.get(schema.key) or self.taken.get(schema.key)
            return schema.kind if found is None else found.kind
        return schema.kind

    def _refused_constants_text(
        self, refused: list[str], is_partial: bool, sent: Choice, taken: Schema
    ) -> str:
        """Return the message for refused constants; None is named even if it is the only constant."""
        listed = ", ".join("None" if value == "null" else value for value in refused)
        if is_partial or sent.values == ("null",):
            return f"may be {listed} now" if self.is_result else f"may not be {listed} any more"
        return self._change_text(sent, taken)

    def _takes(self, value: str, taken: Schema) -> bool:
        """Return whether a schema accepts a constant; with `as_text`, also as a string."""
        data = json.loads(value)
        texts = [value] if self.as_text and not isinstance(data, str) else []
        return fits(data, taken, self.taken) or any(fits(t, taken, self.taken) for t in texts)

    def _gaps_of_pair(self, sent: Schema, taken: Schema, path: str) -> list[Gap]:
        """Compare two schemas that are neither references nor unions."""
        match sent, taken:
            case Plain(), Plain():
                if not self._is_of_type(sent, taken):
                    return [(path, self._change_text(sent, taken))]
                return self._limits(sent, taken, path)
            case ListOf(), ListOf():
                own = [(path, "equal items are refused")] if taken.unique > sent.unique else []
                inner = self.gaps(sent.item, taken.item, f"{path}[]")
                return [*own, *self._limits(sent, taken, path), *inner]
            case TupleOf(items=items), ListOf(item=item):
                # The length is between `required` and the number of items.
                sizes = (Limit("minItems", sent.required), Limit("maxItems", len(items)))
                bounded = ListOf(item=item, limits=sizes)
                inner = [
                    g for i, each in enumerate(items) for g in self.gaps(each, item, f"{path}[{i}]")
                ]
                unique = [(path, "equal items are refused")] if taken.unique else []
                return [*unique, *self._limits(bounded, taken, path), *inner]
            case TupleOf(), TupleOf():
                if sent.required < taken.required or len(sent.items) > len(taken.items):
                    return [(path, self._change_text(sent, taken))]
                pairs = enumerate(zip(sent.items, taken.items, strict=False))
                return [g for i, (a, b) in pairs for g in self.gaps(a, b, f"{path}[{i}]")]
            case MapOf(), MapOf():
                keys = self.gaps(sent.key, taken.key, path)
                inner = self.gaps(sent.value, taken.value, f"{path}{{}}")
                return [*keys, *self._limits(sent, taken, path), *inner]
            case Record(properties=properties), MapOf() if not taken.limits:
                inner = [
                    gap
                    for each in properties
                    for gap in self.gaps(each.schema, taken.value, f"{path}.{each.name}")
                ]
                names = Choice(values=tuple(json.dumps(each.name) for each in properties))
                return [*(self.gaps(names, taken.key, path) if properties else ()), *inner]
            case MapOf(), Record(properties=properties, closed=False) if not sent.limits:
                if any(each.required for each in properties):
                    return [(path, self._change_text(sent, taken))]
                named = (p for p in properties if fits(p.name, sent.key, self.sent))
                return [
                    g for p in named for g in self.gaps(sent.value, p.schema, f"{path}.{p.name}")
                ]
            case Record(), Record():
                return list(self._records(sent, taken, path))
            case _:
                return [(path, self._change_text(sent, taken))]

    def _records(self, sent: Record, taken: Record, path: str) -> Iterator[Gap]:
        """Yield the gaps of the values of two objects."""
        own = {each.name: each for each in sent.properties}
        others = {each.name for each in taken.properties}
        for wanted in taken.properties:
            place, given = f"{path}.{wanted.name}", own.get(wanted.name)
            if given is None:
                if wanted.required:
                    yield place, "is removed" if self.is_result else "is new and required"
                continue
            if wanted.required and not given.required:
                yield place, "may be absent now" if self.is_result else "is required now"
            yield from self.gaps(given.schema, wanted.schema, place)
        if taken.closed:
            for name in own.keys() - others:
                yield f"{path}.{name}", "is new" if self.is_result else "is refused"
            if not sent.closed and not self.is_result:
                yield path, "other values are refused"

    # Types and limits -----------------------------------------------------------------------------

    def _is_of_type(self, sent: Plain, taken: Plain) -> bool:
        """Return whether every value of type `sent` has the type and format of `taken`.

        Limits are compared separately.
        """
        if self.as_text and taken.type == "string" and not taken.format and sent.type != "null":
            return True
        if sent.type != taken.type:
            return (sent.type, taken.type) == ("integer", "number")
        if taken.format == "binary" and sent.format == "base64":
            return False  # every text is accepted, and would stand for other bytes
        formats = (sent.format, taken.format)
        return taken.format in EVERY_TEXT or len({*formats}) == 1 or formats in NARROWER

    def _limits(
        self, sent: Plain | ListOf | MapOf, taken: Plain | ListOf | MapOf, path: str
    ) -> list[Gap]:
        """Return the limits that are stricter than those of what is sent."""
        is_whole = isinstance(sent, Plain) and sent.type == "integer"
        found: list[Gap] = []
        for limit in taken.limits:
            if not any(_implies(own, limit, is_whole) for own in sent.limits):
                before = next((o for o in sent.limits if o.keyword == limit.keyword), None)
                was = "none" if before is None else before.value
                pair = (limit.value, was) if self.is_result else (was, limit.value)
                if not _is_no_limit(limit):
                    found.append((path, f"{limit.keyword}: {pair[0]} -> {pair[1]}"))
        return found

    def _change_text(self, sent: Schema, taken: Schema) -> str:
        """Return the text of a change, the earlier version first."""
        one, other = shown(sent, self.sent), shown(taken, self.taken)
        return f"{other} -> {one}" if self.is_result else f"{one} -> {other}"


def _is_plain(schema: Schema, kind: str) -> bool:
    """Return whether a schema, or a member of it, is one of JSON's types."""
    if isinstance(schema, OneOf):
        return any(_is_plain(member, kind) for member in schema.members)
    return isinstance(schema, Plain) and schema.type == kind


def _is_no_limit(limit: Limit) -> bool:
    """Return whether every value satisfies a limit."""
    return limit.keyword in ("minLength", "minItems", "minProperties") and limit.value == 0


_LOWER = ("minimum", "exclusiveMinimum")
_UPPER = ("maximum", "exclusiveMaximum")


def _implies(own: Limit, other: Limit, is_whole: bool) -> bool:
    """Return whether every value that satisfies `own` also satisfies `other`.

    `is_whole` says that all values are integers.
    """
    if own == other:
        return True
    if isinstance(own.value, str) or isinstance(other.value, str):
        return False
    match own.keyword, other.keyword:
        case (("minimum" | "exclusiveMinimum"), ("minimum" | "exclusiveMinimum")):
            least = _least(own, is_whole)
            needed = _least(other, is_whole)
            return least >= needed
        case (("maximum" | "exclusiveMaximum"), ("maximum" | "exclusiveMaximum")):
            return _most(own, is_whole) <= _most(other, is_whole)
        case ("minLength", "minLength") | ("minItems", "minItems"):
            return own.value >= other.value
        case ("maxLength", "maxLength") | ("maxItems", "maxItems"):
            return own.value <= other.value
        case ("minProperties", "minProperties"):
            return own.value >= other.value
        case ("maxProperties", "maxProperties"):
            return own.value <= other.value
        case ("multipleOf", "multipleOf"):
            return other.value != 0 and own.value % other.value == 0
        case _:
            return False


def _least(limit: Limit, is_whole: bool) -> tuple[float, bool]:
    """Return a lower limit as a sort key.

    An exclusive limit sorts after an inclusive limit with the same value.
    """
    assert not isinstance(limit.value, str)
    is_open = limit.keyword == "exclusiveMinimum"
    if is_whole:
        return float(int(limit.value // 1) + 1 if is_open else -int(-limit.value // 1)), False
    return float(limit.value), is_open


def _most(limit: Limit, is_whole: bool) -> tuple[float, bool]:
    """Return an upper limit as a sort key."""
    assert not isinstance(limit.value, str)
    is_open = limit.keyword == "exclusiveMaximum"
    if is_whole:
        return float(-int(-limit.value // 1) - 1 if is_open else int(limit.value // 1)), True
    return float(limit.value), not is_open


def has_null(schema: Schema) -> bool:
    """Return whether null fits a schema, as far as the schema itself shows."""
    return schema == NULL or (isinstance(schema, OneOf) and NULL in schema.members)
