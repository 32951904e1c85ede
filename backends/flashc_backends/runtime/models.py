"""Convert pydantic's models, and check its constraints, with pydantic itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

from .values import Codec, Misfit, misfit, plain


class Model(Codec):
    """Takes the models of a class; pydantic writes and reads them, as the class itself says."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        # Computed fields are for people and other programs; a model that keeps or refuses unknown
        # fields could not be read again with them.
        self._exact = kind.model_config.get("extra") in ("allow", "forbid")

    def takes(self, value: Any) -> bool:
        """Return whether a value is a model of the class."""
        return isinstance(value, self._kind)

    def fits(self, value: Any) -> bool:
        """Return whether a value is exactly of the class."""
        return type(value) is self._kind

    def dump(self, value: Any) -> Any:
        """Return the model as JSON data."""
        write = self._kind.__pydantic_serializer__.to_python
        try:
            data = write(value, mode="json", by_alias=True, round_trip=self._exact)
        except ValueError as error:
            raise Misfit(f"can't be sent: {error}") from None
        return plain(data)

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the model of an object."""
        known = getattr(self._kind, "model_fields", {})
        if strict and isinstance(data, dict) and not data.keys() <= _names(known):
            raise misfit(data, f"a {self._kind.__name__}")
        try:
            return self._kind.model_validate_json(json.dumps(data))
        except ValueError as error:
            raise _refusal(self._kind.__name__, error) from None


def _names(fields: Any) -> set[str]:
    """Return the names and aliases of fields."""
    found = set(fields)
    for field in fields.values():
        found |= {a for a in (field.alias, field.serialization_alias) if isinstance(a, str)}
    return found


def _refusal(name: str, error: ValueError) -> Misfit:
    """Return the exception for data that pydantic refuses, with the first of its reasons."""
    reasons: list[Any] = getattr(error, "errors", list)()
    if not reasons:
        return Misfit(f"is no {name}: {error}")
    path = "".join(f"[{part!r}]" for part in reasons[0]["loc"])
    return Misfit(f"is no {name}: {reasons[0]['msg']}").at(path)


class FirstModel(Codec):
    """Takes the models of a class of pydantic 1."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    def takes(self, value: Any) -> bool:
        """Return whether a value is a model of the class."""
        return isinstance(value, self._kind)

    def dump(self, value: Any) -> Any:
        """Return the model as JSON data."""
        try:
            return plain(json.loads(value.json(by_alias=True)))
        except (TypeError, ValueError) as error:
            raise Misfit(f"can't be sent: {error}") from None

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the model of an object."""
        try:
            return self._kind.parse_obj(data)
        except ValueError as error:
            raise _refusal(self._kind.__name__, error) from None


class Constrained(Codec):
    """Takes the values of an `Annotated[...]` that has constraints, and checks these."""

    def __init__(self, inner: Codec, annotation: Any) -> None:
        self._inner = inner
        self._validate = _validator(annotation)
        self.key = inner.key

    def takes(self, value: Any) -> bool:
        """Return whether the codec of the annotation without notes takes a value."""
        return self._inner.takes(value)

    def fits(self, value: Any) -> bool:
        """Return whether a value is exactly of that codec's kind, and keeps the constraints."""
        if not self._inner.fits(value):
            return False
        try:
            self._validate(value)
        except ValueError:
            return False
        return True

    def dump(self, value: Any) -> Any:
        """Return the value as JSON data; constraints are not checked."""
        return self._inner.dump(value)

    def load(self, data: Any, strict: bool = False) -> Any:
        """Return the value, if it keeps the constraints."""
        value = self._inner.load(data, strict)
        try:
            return self._validate(value)
        except ValueError as error:
            raise _refusal("valid value", error) from None


def _validator(annotation: Any) -> Callable[[Any], Any]:
    """Return a function that checks the constraints of an annotation, as far as pydantic can.

    Of a type that pydantic does not know, the inner codec has made the value, and only the notes are left to check.
    """
    try:
        from pydantic import TypeAdapter
        from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
    except ImportError:  # `annotated_types` alone, or pydantic 1
        return _unchanged
    annotated: Any = Annotated  # for a type checker, its arguments must be types
    notes = (Any, *annotation.__metadata__)
    for checked in (annotation, annotated[notes]):
        try:
            validate: Callable[[Any], Any] = TypeAdapter(checked).validate_python
        except (PydanticUserError, PydanticUndefinedAnnotation):
            continue
        return validate
    return _unchanged


def _unchanged(value: Any) -> Any:
    return value
