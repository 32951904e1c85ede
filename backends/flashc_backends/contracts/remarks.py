"""List the changes between two schemas that break nothing, with the place of each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from flashc_ir.schemas import ListOf, MapOf, OneOf, Record, Ref, Schema

from .shown import shown
from .subsumption import Comparison, has_null
from .values import Known

Remark = tuple[str, str]
_DEEPEST = 8


def remarks(
    old: Schema,
    new: Schema,
    before: Known,
    after: Known,
    *,
    is_result: bool = False,
    path: str = "",
    depth: int = 0,
) -> Iterator[Remark]:
    """Yield where two schemas differ, and how; `before` and `after` are their definitions."""
    one, other = _resolved(old, before), _resolved(new, after)
    inner = partial(remarks, before=before, after=after, is_result=is_result, depth=depth + 1)
    if depth > _DEEPEST:
        return
    match one, other:
        case Record(), Record():
            yield from _of_records(one, other, before, after, is_result, path, depth)
        case ListOf(), ListOf() if one.limits == other.limits:
            yield from inner(one.item, other.item, path=f"{path}[]")
        case MapOf(), MapOf() if (one.key, one.limits) == (other.key, other.limits):
            yield from inner(one.value, other.value, path=f"{path}{{}}")
        case OneOf(), OneOf() if has_null(one) and has_null(other) and _is_optional(one, other):
            first, second = one.members[0], other.members[0]
            yield from inner(first, second, path=path)
        case _:
            if Comparison(sent=before, taken=after).gaps(old, new) or Comparison(
                sent=after, taken=before
            ).gaps(new, old):
                texts = shown(old, before), shown(new, after)
                more = "may be fewer values now" if is_result else "accepts more values"
                yield path, " -> ".join(texts) if texts[0] != texts[1] else more


def _is_optional(one: OneOf, other: OneOf) -> bool:
    return len(one.members) == len(other.members) == 2


def _of_records(
    old: Record, new: Record, before: Known, after: Known, is_result: bool, path: str, depth: int
) -> Iterator[Remark]:
    """Yield how the values of two objects differ."""
    own = {each.name: each for each in old.properties}
    others = {each.name: each for each in new.properties}
    for name, was in own.items():
        now = others.get(name)
        if now is None:
            yield f"{path}.{name}", "is removed" if is_result else "is not read any more"
            continue
        if was.required != now.required:
            always = "is always there now" if is_result else "is required now"
            optional = "may be absent now" if is_result else "is optional now"
            yield f"{path}.{name}", always if now.required else optional
        yield from remarks(
            was.schema,
            now.schema,
            before,
            after,
            is_result=is_result,
            path=f"{path}.{name}",
            depth=depth + 1,
        )
    for name in others.keys() - own.keys():
        yield f"{path}.{name}", "is new" if is_result else "is new and optional"


def _resolved(schema: Schema, known: Known) -> Schema:
    """Return what a reference stands for."""
    return known.get(schema.key, schema) if isinstance(schema, Ref) else schema
