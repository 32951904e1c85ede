"""Check and convert the values that JSON has itself: numbers, texts, lists and dictionaries.

A codec converts the values of one annotation: `encode` to what JSON can represent, and `load` back.
The codecs of all other annotations are in `codec.py`, which is imported if an annotation needs it.
"""

from __future__ import annotations

import math
from typing import Any


class Misfit(Exception):
    """JSON can't represent a value, or a value does not fit an annotation.

    `path` is the position in the outermost value, such as `['boxes'][0].width`.  `odd_key` says that a
    key of a dictionary is the reason, `unknown` that a type is.
    """

    def __init__(self, reason: str, *, odd_key: bool = False, unknown: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = ""
        self.odd_key = odd_key
        self.unknown = unknown

    def at(self, position: str) -> Misfit:
        """Put a position in front of the path, and return the exception to raise it again."""
        self.path = position + self.path
        return self

    def __str__(self) -> str:
        return f"{self.path} {self.reason}"


def settled(value: Any) -> Any:
    """Return the result of a call of another endpoint that is still on its way; else the value."""
    # The class is in `waiting.py`, which an app without calls does not have.
    return value.settled if type(value).__name__ == "Deferred" else value


def kind_of(value: Any) -> str:
    """Return the name of a value's type for a message."""
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def shown(value: Any) -> str:
    """Return a value for a message, shortened."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def plain(value: Any, seen: tuple[int, ...] = ()) -> Any:
    """Return a value that JSON can represent as it is; tuples arrive as lists.

    The result of a call of another endpoint is waited for, if it is still on its way.

    Raises:
        Misfit: JSON can't represent it.
    """
    value = settled(value)
    if value is None or isinstance(value, bool):
        return value
    # What is of a subclass, such as a member of an `IntEnum`, arrives as what it is for `json`, whose
    # encoder does not ask the subclass.
    if isinstance(value, str):
        return value if type(value) is str else str.__str__(value)
    if isinstance(value, int):
        return value if type(value) is int else int.__int__(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Misfit(f"is {value!r}, which JSON can't carry")
        return value if type(value) is float else float.__float__(value)
    if id(value) in seen:
        raise Misfit("contains itself, which JSON can't carry")
    if len(seen) > _DEEPEST:
        raise Misfit("has too many levels for JSON")
    inside = (*seen, id(value))
    if isinstance(value, (list, tuple)):
        changed: list[Any] | None = None
        for index, item in enumerate(value):
            kind = type(item)
            if kind is str or kind is int:  # nothing to check; most long lists are numbers or texts
                continue
            try:
                found = plain(item, inside)
            except Misfit as misfit:
                raise misfit.at(f"[{index}]") from None
            if found is not item:
                changed = changed or list(value)
                changed[index] = found
        return changed or (value if type(value) is list else list(value))
    if isinstance(value, dict):
        made: dict[Any, Any] | None = None
        for key, item in value.items():
            if not isinstance(key, str):
                reason = f"has the key {key!r}; the keys of JSON objects are strings"
                raise Misfit(reason, odd_key=True)
            try:
                found = plain(item, inside)
            except Misfit as misfit:
                raise misfit.at(f"[{key!r}]") from None
            if found is not item:
                made = made or dict(value)
                made[key] = found
        return made or value
    raise Misfit(
        f"is a {kind_of(value)}, which JSON can't carry; send numbers, strings, lists and dicts",
        unknown=True,
    )


_DEEPEST = 200


class Codec:
    """Converts the values of an annotation; this one takes what JSON can represent as it is.

    `key` says how a key of a dictionary is written: as its "text", as a "json" number, or, if it is
    None, not as the key of a JSON object.
    """

    key: str | None = None

    def takes(self, value: Any) -> bool:
        """Return whether `dump` converts a value, as far as a look at the value itself tells."""
        return False

    def fits(self, value: Any) -> bool:
        """Return whether a value is exactly of this kind, with all that is in it."""
        return self.takes(value)

    def dump(self, value: Any) -> Any:
        """Return a value that this codec takes, as JSON data.

        Raises:
            Misfit: JSON can't represent something in it.
        """
        return plain(value)

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the value of JSON data; with `strict`, only if `dump` would write the same kind.

        Raises:
            Misfit: the data does not fit.
        """
        return data

    def encode(self, value: Any) -> Any:
        """Return a value as JSON data.  A value of another kind is sent as it is, if JSON has it.

        Raises:
            Misfit: JSON can't represent it.
        """
        value = settled(value)
        return self.dump(value) if self.takes(value) else plain(value)


class Anything(Codec):
    """Takes every value that JSON can represent as it is, unchanged."""

    def fits(self, value: Any) -> bool:
        """Return whether JSON can represent the value."""
        try:
            plain(value)
        except Misfit:
            return False
        return True


PLAIN = Anything()


class Scalar(Codec):
    """Takes the values of one of JSON's own types."""

    def __init__(self, kind: Any, key: str | None) -> None:
        self._kind = kind
        self.key = key

    def takes(self, value: Any) -> bool:
        """Return whether a value is of the type; `True` is no number."""
        kind = type(value)
        return kind is self._kind or (
            isinstance(value, self._kind) and (kind is not bool or self._kind is object)
        )

    def fits(self, value: Any) -> bool:
        """Return whether a value is exactly of the type."""
        return type(value) is self._kind

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the data, converted if nothing is lost: `"5"` and `5.0` are the number 5."""
        if type(data) is self._kind:
            if isinstance(data, float) and not math.isfinite(data):
                raise Misfit(f"is {data!r}, which is no number")
            return data
        found = None if strict else _converted(data, self._kind)
        if found is None:
            raise misfit(data, self._kind.__name__)
        return found


def misfit(data: Any, wanted: str) -> Misfit:
    """Return the exception for data that does not fit."""
    return Misfit(f"is {shown(data)}, not {wanted}")


_TRUE, _FALSE = ("true", "1", "on", "yes"), ("false", "0", "off", "no")


def _converted(data: Any, kind: type) -> Any:
    """Return a number or text as a value of `kind`, or None if something would be lost."""
    if kind is bool:
        word = str(data).lower() if isinstance(data, (int, str)) else ""
        return True if word in _TRUE else False if word in _FALSE else None
    if kind not in (int, float) or isinstance(data, bool):
        return None
    if not isinstance(data, (int, float, str)):
        return None
    try:
        if kind is float:
            number = float(data)
            return number if math.isfinite(number) else None
        return int(data) if isinstance(data, str) or data == int(data) else None
    except (ValueError, OverflowError):
        return None


class Nothing(Codec):
    """Takes None."""

    key = "json"

    def takes(self, value: Any) -> bool:
        """Return whether a value is None."""
        return value is None

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return None, if the data is None."""
        if data is not None:
            raise misfit(data, "None")


class Bare(Codec):
    """Takes lists or dictionaries of anything that JSON can represent."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    def fits(self, value: Any) -> bool:
        """Return whether a value is of the type, and JSON can represent it."""
        return type(value) is self._kind and PLAIN.fits(value)

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the data, if it is of the type."""
        if not isinstance(data, self._kind):
            raise misfit(data, f"a {self._kind.__name__}")
        return data


SCALARS: dict[Any, Codec] = {
    int: Scalar(int, "json"),
    float: Scalar(float, "json"),
    bool: Scalar(bool, "json"),
    str: Scalar(str, "text"),
    None: Nothing(),
    type(None): Nothing(),
    object: PLAIN,
    list: Bare(list),
    dict: Bare(dict),
}
