"""Convert single values that JSON has not: dates, enums, bytes, numbers of numpy, and the like.

Their modules are not imported here: code that has such a value or annotation has imported them already.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import sys
from collections.abc import Callable
from typing import Any

from .values import PLAIN, Codec, Misfit, misfit


def kind_codec(kind: type, arguments: tuple[Any, ...]) -> Codec | None:
    """Return the codec of a class of single values; None if it is another class."""
    if kind in (bytes, bytearray, memoryview):
        return Bytes(kind)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name in _TIMES:
        return Text(kind, *_TIMES[name])
    if name in _PARSED:
        return Text(kind, str, kind)
    if _is(kind, "pathlib", "PurePath"):
        return Text(kind, str, kind)
    if _is(kind, "os", "PathLike") and kind.__module__ == "os":
        return None
    if _is(kind, "enum", "Enum"):
        return EnumCodec(kind)
    if _is(kind, "numpy", "ndarray") or _is(kind, "numpy", "generic"):
        from .arrays import array_codec

        return array_codec(kind, arguments)
    return None


def _is(kind: type, module: str, name: str) -> bool:
    """Return whether `kind` is a class of a module that is imported, or derives from it."""
    wanted = getattr(sys.modules.get(module), name, None)
    return isinstance(wanted, type) and issubclass(kind, wanted)


class Text(Codec):
    """Takes values that have a text from which they can be made again."""

    key = "text"

    def __init__(self, kind: type, write: Callable[[Any], str], read: Callable[[Any], Any]) -> None:
        self._kind = kind
        self._write = write
        self._read = read

    def takes(self, value: Any) -> bool:
        """Return whether a value is of the class; a datetime is no date."""
        kind = type(value)
        return kind is self._kind or (
            isinstance(value, self._kind)
            and not (self._kind.__name__ == "date" and hasattr(value, "hour"))
        )

    def fits(self, value: Any) -> bool:
        """Return whether a value is exactly of the class, or of its variant for this system."""
        kind = type(value)
        return kind is self._kind or (self.takes(value) and kind.__name__.startswith("Posix"))

    def dump(self, value: Any) -> Any:
        """Return the text."""
        text = self._write(value)
        if text.lower().strip("+-") in ("nan", "snan", "infinity"):
            raise Misfit(f"is {text}, which JSON can't carry")
        return text

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the value that a text or number stands for."""
        if not isinstance(data, str) and (strict or isinstance(data, bool)):
            raise misfit(data, f"a {self._kind.__name__}")
        if not isinstance(data, (str, int, float)):
            raise misfit(data, f"a {self._kind.__name__}")
        try:
            return self._read(data)
        except (ValueError, TypeError, ArithmeticError, AttributeError):  # of `decimal` and `uuid`
            raise misfit(data, f"a {self._kind.__name__}") from None


def _date(data: Any) -> Any:
    import datetime

    return datetime.date.fromisoformat(data)


def _moment(data: Any) -> Any:
    """Return the moment of a text of ISO 8601, or of the seconds since 1970."""
    import datetime

    if not isinstance(data, str):
        return datetime.datetime.fromtimestamp(data, datetime.timezone.utc)
    return datetime.datetime.fromisoformat(_exact(data))


def _time(data: Any) -> Any:
    import datetime

    return datetime.time.fromisoformat(_exact(data))


def _exact(text: str) -> str:
    """Return a time as Python 3.10 reads it: no `Z`, and six digits for parts of a second."""
    text = re.sub(r"[zZ]$", "+00:00", text.strip())
    return re.sub(r"\.(\d{1,9})", lambda found: "." + found[1][:6].ljust(6, "0"), text, count=1)


_DURATION = re.compile(
    r"([+-]?)P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,6}))?S)?)?"
)


def _duration(data: Any) -> Any:
    """Return the duration of a text of ISO 8601, or of a number of seconds."""
    import datetime

    if not isinstance(data, str):
        return datetime.timedelta(seconds=data)
    found = _DURATION.fullmatch(data)
    if found is None:
        raise ValueError(data)
    sign, *parts, fraction = found.groups()
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in parts)
    length = datetime.timedelta(
        weeks=weeks,
        days=days,
        hours=hours,
        minutes=minutes,
        seconds=seconds,
        microseconds=int((fraction or "").ljust(6, "0")),
    )
    return -length if sign == "-" else length


def _iso_duration(length: Any) -> str:
    """Return a duration as a text of ISO 8601."""
    sign = "-" if length.days < 0 else ""
    length = abs(length)
    fraction = f".{length.microseconds:06}" if length.microseconds else ""
    return f"{sign}P{length.days}DT{length.seconds}{fraction}S"


def _iso(value: Any) -> str:
    return str(value.isoformat())


_TIMES: dict[str, tuple[Callable[[Any], str], Callable[[Any], Any]]] = {
    "datetime.date": (_iso, _date),
    "datetime.datetime": (_iso, _moment),
    "datetime.time": (_iso, _time),
    "datetime.timedelta": (_iso_duration, _duration),
}
_PARSED = frozenset(
    ["uuid.UUID", "decimal.Decimal", "fractions.Fraction"]
    + [f"ipaddress.IPv{v}{part}" for v in (4, 6) for part in ("Address", "Interface", "Network")]
)


class Bytes(Codec):
    """Takes bytes; JSON has their base64."""

    key = "text"

    def __init__(self, kind: type) -> None:
        self._kind = kind

    def takes(self, value: Any) -> bool:
        """Return whether a value holds bytes."""
        return isinstance(value, (bytes, bytearray, memoryview))

    def fits(self, value: Any) -> bool:
        """Return whether a value is exactly of the type."""
        return type(value) is self._kind

    def dump(self, value: Any) -> Any:
        """Return the base64 of the bytes."""
        return base64.b64encode(value).decode("ascii")

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the bytes of a base64."""
        if not isinstance(data, str):
            raise misfit(data, "bytes as base64")
        try:
            found = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            raise misfit(data, "bytes as base64") from None
        if strict and base64.b64encode(found).decode("ascii") != data:
            raise misfit(data, "bytes as base64")
        return found if self._kind is bytes else self._kind(found)


class TextBytes(Bytes):
    """Takes bytes that are text in UTF-8, as FastAPI writes and reads bytes in JSON."""

    def dump(self, value: Any) -> Any:
        """Return the text of the bytes."""
        try:
            return bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            raise Misfit("has bytes that are no text, which a route can't read in JSON") from None

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the bytes of a text."""
        if not isinstance(data, str):
            raise misfit(data, "bytes as text")
        return self._kind(data.encode())


class LiteralCodec(Codec):
    """Takes the values of a `Literal[...]` and nothing else."""

    def __init__(self, choices: tuple[Any, ...]) -> None:
        self._choices = choices
        self._by_data = {_text_of(written(choice)): choice for choice in choices}
        self.key = _key_of(choices)

    def takes(self, value: Any) -> bool:
        """Return whether a value is one of the choices; 1 and True differ."""
        return any(type(value) is type(choice) and value == choice for choice in self._choices)

    def dump(self, value: Any) -> Any:
        """Return the choice as JSON data."""
        return written(value)

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the choice of the data."""
        text = _text_of(data)
        if text not in self._by_data:
            raise misfit(data, "one of " + ", ".join(map(repr, self._choices)))
        return self._by_data[text]


class EnumCodec(Codec):
    """Takes the members of an enum; JSON has the value of a member, or its name."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        members = list(kind.__members__.values())
        self._by_data = {_text_of(written(member)): member for member in members}
        self.key = _key_of(members)

    def takes(self, value: Any) -> bool:
        """Return whether a value is a member, or a combination of flags."""
        return isinstance(value, self._kind)

    def dump(self, value: Any) -> Any:
        """Return the value of a member."""
        return written(value)

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the member of the data."""
        text = _text_of(data)
        if text in self._by_data:
            return self._by_data[text]
        if not strict and isinstance(data, str) and data in self._by_data:
            return self._by_data[data]  # such as "1" for a member with the value 1
        if type(data) is int and _is(self._kind, "enum", "Flag"):
            try:
                return self._kind(data)
            except ValueError:
                pass
        raise misfit(data, f"a {self._kind.__name__}")


def written(value: Any) -> Any:
    """Return a member of an enum, or another value of a `Literal`, as JSON data."""
    if _is(type(value), "enum", "Enum"):
        try:
            return written(value.value)
        except Misfit:
            return value.name
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode("ascii")
    codec = kind_codec(type(value), ()) or PLAIN
    return codec.encode(value)


def _text_of(data: Any) -> str:
    """Return data as a text that differs for different data, such as 1 and True."""
    return json.dumps(data, sort_keys=True)


def _key_of(values: Any) -> str | None:
    """Return how values are written as keys of an object."""
    kinds = {type(written(value)) for value in values}
    if kinds == {str}:
        return "text"
    return "json" if kinds <= {int, float, bool, type(None)} else None
