"""Convert objects with fields to JSON data and back: dataclasses, TypedDict, NamedTuple, attrs, models."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from .containers import at_key
from .hints import MISSING as MISSING_HINT
from .hints import evaluate_in
from .values import Codec, Misfit, misfit, plain

CodecOf = Callable[[Any, Mapping[Any, Any]], Codec]


def record_codec(kind: type, codec_of: CodecOf, scope: Mapping[Any, Any]) -> Codec | None:
    """Return the codec of a class with fields; None if it has none that are known.

    `scope` has what stands for the type variables of a generic class.
    """
    if hasattr(kind, "__pydantic_serializer__") and hasattr(kind, "model_validate"):
        from .models import Model

        return Model(kind)
    if hasattr(kind, "__fields__") and hasattr(kind, "parse_obj"):
        from .models import FirstModel

        return FirstModel(kind)
    if is_dataclass(kind):
        return Dataclass(kind, codec_of, scope)
    if hasattr(kind, "__attrs_attrs__"):
        return Attrs(kind, codec_of, scope)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return Named(kind, codec_of, scope)
    if issubclass(kind, dict) and hasattr(kind, "__total__"):
        return Typed(kind, codec_of, scope)
    return None


class Record(Codec):
    """Takes the values of a class with fields; JSON has an object.

    The fields' codecs are found when they are needed first, because a class may contain itself.
    """

    def __init__(self, kind: Any, codec_of: CodecOf, scope: Mapping[Any, Any]) -> None:
        self._kind = kind
        self._codec_of = codec_of
        self._scope = scope
        self._found: dict[str, Codec] | None = None

    def _hints(self) -> dict[str, Any]:
        """Return the annotation of each field."""
        return annotations_of(self._kind)

    @property
    def _fields(self) -> dict[str, Codec]:
        """The codec of each field."""
        if self._found is None:
            self._found = {
                name: self._codec_of(hint, self._scope) for name, hint in self._hints().items()
            }
        return self._found

    def takes(self, value: Any) -> bool:
        """Return whether a value is of the class."""
        return isinstance(value, self._kind)

    def fits(self, value: Any) -> bool:
        """Return whether a value is exactly of the class; for a generic class, also of its type arguments."""
        return type(value) is self._kind and (not self._scope or self._fits_inside(value))

    def _fits_inside(self, value: Any) -> bool:
        """Return whether the fields have exactly the values of their annotations."""
        return all(
            codec.fits(getattr(value, name))
            for name, codec in self._fields.items()
            if hasattr(value, name)
        )

    def dump(self, value: Any) -> Any:
        """Return the fields as an object."""
        return {
            name: _field(codec.encode, getattr(value, name), name)
            for name, codec in self._fields.items()
            if hasattr(value, name)
        }

    def _loaded(self, data: Any, strict: bool) -> dict[str, Any]:
        """Return the values of the fields that an object has; `strict` refuses all others."""
        if not isinstance(data, dict):
            raise misfit(data, f"an object for a {self._kind.__name__}")
        more = data.keys() - self._fields.keys()
        if strict and more:
            raise Misfit(f"has {sorted(more)!r}, which a {self._kind.__name__} has not")
        return {
            name: _field(codec.load, data[name], name, strict)
            for name, codec in self._fields.items()
            if name in data
        }

    def _made(self, values: dict[str, Any], required: list[str]) -> Any:
        """Return an object of the class with these values."""
        missing = [name for name in required if name not in values]
        if missing:
            lacks = ", ".join(map(repr, missing))
            raise Misfit(f"lacks {lacks} of {self._kind.__name__}")
        try:
            return self._kind(**values)
        except (TypeError, ValueError) as error:
            raise Misfit(f"is no {self._kind.__name__}: {error}") from error


def _field(convert: Any, value: Any, name: str, *more: Any) -> Any:
    """Convert the value of a field; a misfit gets its name."""
    try:
        return convert(value, *more)
    except Misfit as error:
        raise error.at(f".{name}") from None


class Dataclass(Record):
    """Takes the values of a dataclass."""

    def _all(self) -> tuple[Field[Any], ...]:
        return fields(self._kind)

    def _hints(self) -> dict[str, Any]:
        """Return the annotation of each field."""
        hints = annotations_of(self._kind)
        return {field.name: hints.get(field.name, Any) for field in self._all()}

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return an object of the class; fields that its `__init__` does not take are set after."""
        values = self._loaded(data, strict)
        listed = self._all()
        later = {f.name: values.pop(f.name) for f in listed if not f.init and f.name in values}
        required = [
            f.name
            for f in listed
            if f.init and f.default is MISSING and f.default_factory is MISSING
        ]
        made = self._made(values, required)
        for name, value in later.items():
            object.__setattr__(made, name, value)
        return made


class Attrs(Record):
    """Takes the values of a class of attrs."""

    def _hints(self) -> dict[str, Any]:
        """Return the annotation of each field."""
        hints = annotations_of(self._kind)
        return {a.name: hints.get(a.name, Any) for a in self._kind.__attrs_attrs__}

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return an object of the class."""
        values = self._loaded(data, strict)
        listed = self._kind.__attrs_attrs__
        nothing = sys.modules["attr"].NOTHING
        required = [_argument(a) for a in listed if a.init and a.default is nothing]
        given = {_argument(a): values[a.name] for a in listed if a.init and a.name in values}
        return self._made(given, required)


def _argument(attribute: Any) -> str:
    """Return the argument of `__init__` for an attribute of attrs."""
    return str(getattr(attribute, "alias", None) or attribute.name.lstrip("_"))


class Named(Record):
    """Takes named tuples; JSON has a list, as for other tuples."""

    def _hints(self) -> dict[str, Any]:
        """Return the annotation of each field."""
        hints = annotations_of(self._kind)
        return {name: hints.get(name, Any) for name in self._kind._fields}

    def dump(self, value: Any) -> Any:
        """Return the fields as a list."""
        return list(super().dump(value).values())

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the tuple of a list, or of an object with the fields."""
        if isinstance(data, list) and len(data) <= len(self._fields):
            data = dict(zip(self._fields, data, strict=False))
        defaults = self._kind._field_defaults
        required = [name for name in self._fields if name not in defaults]
        return self._made(self._loaded(data, strict), required)


class Typed(Record):
    """Takes dictionaries of a `TypedDict`; keys that it does not declare are left as they are."""

    def _required(self) -> list[str]:
        """Return the keys that a dictionary must have."""
        marked = annotations_of(self._kind)
        keys = self._kind.__required_keys__
        return [n for n in self._fields if n in keys and "NotRequired[" not in str(marked.get(n))]

    def takes(self, value: Any) -> bool:
        """Return whether a value is a dictionary."""
        return isinstance(value, dict)

    def fits(self, value: Any) -> bool:
        """Return whether a value has all required keys, no others, and their values fit."""
        return (
            type(value) is dict
            and value.keys() <= self._fields.keys()
            and all(name in value for name in self._required())
            and all(self._fields[name].fits(item) for name, item in value.items())
        )

    def dump(self, value: Any) -> Any:
        """Return the dictionary as an object."""
        known = self._fields
        return {
            name: at_key(known[name].encode if name in known else plain, item, name)
            for name, item in value.items()
        }

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the dictionary of an object."""
        values = self._loaded(data, strict)
        missing = [name for name in self._required() if name not in values]
        if missing:
            raise Misfit(f"lacks {', '.join(map(repr, missing))} of {self._kind.__name__}")
        return {name: values.get(name, item) for name, item in data.items()}


def annotations_of(kind: type) -> dict[str, Any]:
    """Return the annotations of a class; one that can't be evaluated is `Any`."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        module = vars(sys.modules.get(base.__module__, sys))
        scope = {**module, base.__name__: base}  # a class inside a function may contain itself
        for name, annotation in vars(base).get("__annotations__", {}).items():
            hint = evaluate_in(scope, annotation)
            found[name] = Any if hint is MISSING_HINT else hint
    return found
