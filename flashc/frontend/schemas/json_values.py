"""Write constants of the program as JSON: members of enums and literals, defaults, limits."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from enum import Enum, EnumMeta
from typing import cast

from flashc.evaluator.objects import OWN_VALUES
from flashc.evaluator.values import (
    Known,
    NotConcrete,
    Value,
    concrete,
    variables_of,
)
from flashc_backends.runtime.kinds import written
from flashc_backends.runtime.values import Misfit
from flashc_core.encoding import is_text
from flashc_ir.schemas import Keyword, Limit

# The options of pydantic's `Field` and of FastAPI's markers that limit a value.
_LIMITS: dict[str, Keyword] = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_items": "minLength",
    "max_items": "maxLength",
    "pattern": "pattern",
    "regex": "pattern",
}
_LARGEST = 2**63  # what the cache can express, and more than any limit


def json_of(value: Value | None) -> str | None:
    """Return the JSON of a constant; None if it is not known, or computed from an environment variable."""
    if value is None or variables_of(value):
        return None
    try:
        return _text(concrete(value))
    except NotConcrete:
        return None


def _text(plain: object) -> str | None:
    """Return an object as JSON, as the codec writes it; None if JSON or UTF-8 can't express it."""
    try:
        if isinstance(plain, (list, tuple)):
            items = [_text(item) for item in plain]
            return None if None in items else f"[{', '.join(map(str, items))}]"
        text = json.dumps(written(plain), ensure_ascii=False, allow_nan=False)
        return text if is_text(text) else None
    except (Misfit, TypeError, ValueError, RecursionError):
        return None


def written_members(enum_class: EnumMeta) -> tuple[str, ...]:
    """Return the JSON of the members of an enum, each once."""
    members = cast("Mapping[str, Enum]", enum_class.__members__).values()
    texts = (json.dumps(written(member), ensure_ascii=False) for member in members)
    return tuple(dict.fromkeys(filter(is_text, texts)))


def converts_values(enum_class: EnumMeta) -> bool:
    """Return whether code of an enum decides which values stand for its members."""
    return bool(getattr(enum_class, OWN_VALUES, False))


def words_of(value: Value | None) -> str:
    """Return the text of an option that is for people, such as `description`; "" if it is not known."""
    inside = value.value if isinstance(value, Known) and not value.variables else ""
    return inside if isinstance(inside, str) and is_text(inside) else ""


def limits_of(options: Mapping[str, Value]) -> tuple[Limit, ...]:
    """Return the limits among the options of `Field(...)` or a marker; those that are not known are left out."""
    found: list[Limit] = []
    for name, keyword in _LIMITS.items():
        value = options.get(name)
        if not isinstance(value, Known) or variables_of(value):
            continue
        inside = value.value
        is_pattern = keyword == "pattern"
        if is_pattern and isinstance(inside, str) and is_text(inside):
            found.append(Limit(keyword, inside))
        if not is_pattern and isinstance(inside, int) and abs(inside) < _LARGEST:
            found.append(Limit(keyword, int(inside)))  # `True` is 1
        if not is_pattern and isinstance(inside, float) and math.isfinite(inside):
            found.append(Limit(keyword, float(inside)))
    return tuple(found)
