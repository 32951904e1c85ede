"""Convert containers and unions: lists, sets, tuples, mappings, `X | Y`."""

from __future__ import annotations

import collections.abc as abc
import json
from typing import Any

from .values import Codec, Misfit, misfit

# A text is a sequence of texts.
_TEXT_TOO = (abc.Sequence, abc.Collection, abc.Iterable)


class Items(Codec):
    """Takes lists, sets, or tuples of any length; JSON has a list."""

    def __init__(self, make: Any, item: Codec, accepted: Any) -> None:
        self._make = make
        self._item = item
        self._accepted = accepted

    def takes(self, value: Any) -> bool:
        """Return whether a value is a container of this kind; a text is none."""
        return isinstance(value, self._accepted) and not isinstance(
            value, (str, bytes, abc.Mapping)
        )

    def fits(self, value: Any) -> bool:
        """Return whether a value is such a container, and its items fit."""
        return type(value) is self._make and all(map(self._item.fits, value))

    def dump(self, value: Any) -> Any:
        """Return the items as a list."""
        return [at_key(self._item.encode, item, index) for index, item in enumerate(value)]

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the container with the items of a list."""
        if isinstance(data, str) and self._accepted in _TEXT_TOO and self._item.key == "text":
            return data
        if not isinstance(data, list):
            raise misfit(data, f"a list for a {self._make.__name__}")
        items = [at_key(self._item.load, item, index, strict) for index, item in enumerate(data)]
        try:
            return self._make(items)
        except TypeError as error:  # a set of something unhashable
            raise Misfit(f"can't be a {self._make.__name__}: {error}") from None


class Pairs(Codec):
    """Takes tuples of a fixed length; JSON has a list."""

    def __init__(self, items: list[Codec]) -> None:
        self._items = items

    def takes(self, value: Any) -> bool:
        """Return whether a value is a tuple of this length."""
        return isinstance(value, tuple) and len(value) == len(self._items)

    def fits(self, value: Any) -> bool:
        """Return whether a value is such a tuple, and its items fit."""
        return (
            type(value) is tuple
            and self.takes(value)
            and all(codec.fits(item) for codec, item in zip(self._items, value, strict=False))
        )

    def dump(self, value: Any) -> Any:
        """Return the items as a list."""
        return [
            at_key(c.encode, item, index)
            for index, (c, item) in enumerate(zip(self._items, value, strict=False))
        ]

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the items of a list as a tuple."""
        if not isinstance(data, list) or len(data) != len(self._items):
            raise misfit(data, f"a list of {len(self._items)} items")
        return tuple(
            at_key(codec.load, item, index, strict)
            for index, (codec, item) in enumerate(zip(self._items, data, strict=True))
        )


def at_key(convert: Any, value: Any, key: Any, *more: Any) -> Any:
    """Convert an item; a misfit gets its key, or its number in a list."""
    try:
        return convert(value, *more)
    except Misfit as error:
        raise error.at(f"[{key!r}]") from None


class Mapped(Codec):
    """Takes mappings.

    JSON has an object if every key is a text, a number, a date or the like, else a list of pairs.
    """

    def __init__(self, make: Any, key: Codec, value: Codec, accepted: Any) -> None:
        self._make = make
        self._key = key
        self._value = value
        self._accepted = accepted

    def takes(self, value: Any) -> bool:
        """Return whether a value is a mapping of this kind."""
        return isinstance(value, self._accepted)

    def fits(self, value: Any) -> bool:
        """Return whether a value is such a mapping, and its keys and values fit."""
        return type(value) is self._make and all(
            self._key.fits(key) and self._value.fits(item) for key, item in value.items()
        )

    def dump(self, value: Any) -> Any:
        """Return an object, or a list of pairs."""
        keys = [at_key(self._key.encode, key, key) for key in value]
        items = [at_key(self._value.encode, item, key) for key, item in value.items()]
        if self._key.key is None:
            return [list(pair) for pair in zip(keys, items, strict=True)]
        texts = [key if isinstance(key, str) else json.dumps(key) for key in keys]
        return dict(zip(texts, items, strict=False))

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the mapping of an object, or of a list of pairs."""
        if isinstance(data, dict):
            pairs = [(self._key_of(key, strict), key, item) for key, item in data.items()]
        elif self._key.key is None and isinstance(data, list):
            pairs = []
            for index, pair in enumerate(data):
                if not isinstance(pair, list) or len(pair) != 2:
                    raise misfit(pair, "a pair of a key and a value").at(f"[{index}]")
                pairs.append((at_key(self._key.load, pair[0], index, strict), pair[0], pair[1]))
        else:
            raise misfit(data, "an object")
        try:
            return self._make(
                {key: at_key(self._value.load, item, text, strict) for key, text, item in pairs}
            )
        except TypeError as error:
            raise Misfit(f"can't be a mapping: {error}") from None

    def _key_of(self, text: str, strict: bool) -> Any:
        """Return the key of a JSON object's key."""
        if self._key.key != "json":
            return at_key(self._key.load, text, text, strict)
        try:
            data = json.loads(text)
        except ValueError:
            data = text
        return at_key(self._key.load, data, text, strict)


class Optional(Codec):
    """Takes None, and what another codec takes."""

    def __init__(self, inner: Codec) -> None:
        self._inner = inner

    def takes(self, value: Any) -> bool:
        """Return whether a value is None or of the other kind."""
        return value is None or self._inner.takes(value)

    def fits(self, value: Any) -> bool:
        """Return whether a value is None or exactly of the other kind."""
        return value is None or self._inner.fits(value)

    def dump(self, value: Any) -> Any:
        """Return the value as JSON data."""
        return None if value is None else self._inner.dump(value)

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return None, or the value."""
        return None if data is None else self._inner.load(data, strict)


_MEMBER, _VALUE = "$union", "value"


class OneOf(Codec):
    """Takes the values of several annotations.

    JSON is that of the member.  Only if it would be read as another member, such as a text that
    looks like a date, it is put into an object that has the number of the member.
    """

    def __init__(self, members: list[Codec]) -> None:
        self._members = members

    def _member(self, value: Any) -> Codec | None:
        """Return the codec of a value."""
        for codec in self._members:
            if codec.fits(value):
                return codec
        return next((codec for codec in self._members if codec.takes(value)), None)

    def takes(self, value: Any) -> bool:
        """Return whether a value is of one of the kinds."""
        return self._member(value) is not None

    def fits(self, value: Any) -> bool:
        """Return whether a value is exactly of one of the kinds."""
        return any(codec.fits(value) for codec in self._members)

    def dump(self, value: Any) -> Any:
        """Return the value as JSON data that is read as the same member."""
        codec = self._member(value)
        assert codec is not None  # `takes` was asked before
        data = codec.dump(value)
        if self._read(data) is codec and not _tagged(data):
            return data
        return {_MEMBER: self._members.index(codec), _VALUE: data}

    def _read(self, data: Any, strictly: bool = False) -> Codec | None:
        """Return the codec that reads the data: the first that takes it as it is, or converted."""
        for strict in (True,) if strictly else (True, False):
            for codec in self._members:
                try:
                    codec.load(data, strict)
                except Misfit:
                    continue
                return codec
        return None

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the value of the member that takes the data."""
        if _tagged(data):
            number = data[_MEMBER]
            if isinstance(number, int) and 0 <= number < len(self._members):
                return self._members[number].load(data[_VALUE])
        codec = self._read(data, strict)
        if codec is None:
            raise Misfit(f"is {data!r}, which fits no member of the union"[:300])
        return codec.load(data, strict)


def _tagged(data: Any) -> bool:
    """Return whether data is an object with the number of a member."""
    return isinstance(data, dict) and data.keys() == {_MEMBER, _VALUE}
