"""Read what `Field(...)`, `field(...)` and metadata of annotations say about a field: its names, default and limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import libcst as cst
from msgspec import Struct

from flashc.evaluator.library.model_fields import ModelOptions
from flashc.evaluator.library_values import AliasesValue
from flashc.evaluator.objects import ClassValue, FieldValue
from flashc.evaluator.values import External, Known, NotConcrete, Value, concrete
from flashc_core.encoding import is_text
from flashc_ir.schemas import Schema, with_limits

from . import library_types as lib
from .json_values import json_of, limits_of, words_of
from .names import Context
from .reader import SchemaReader

_GENERATORS = {
    f"pydantic.alias_generators.{name}": name for name in ("to_camel", "to_pascal", "to_snake")
}


def alias_generator(option: object) -> Callable[[str], str] | None:
    """Return the function of the option `alias_generator`; None if flashc does not know it."""
    if option is None:
        return str
    inside = option.value if isinstance(option, Known) else option
    name = _GENERATORS.get(inside.name) if isinstance(inside, External) else None
    if name is None:
        return None
    # Importing pydantic takes a while, and few models need it
    from pydantic import alias_generators

    generator: Callable[[str], str] = getattr(alias_generators, name)
    return generator


def options_of_field(value: Value | None) -> Mapping[str, Value] | None:
    """Return the options if a value is that of `Field(...)` or `field(...)`; else None."""
    inside = value.value if isinstance(value, Known) else None
    return inside.options if isinstance(inside, FieldValue) else None


class FieldOptions(Struct, frozen=True):
    """The options of a field, by their names; `value` is a default that is written without `Field`."""

    options: Mapping[str, Value]
    value: Value | None

    @classmethod
    def read(
        cls,
        reader: SchemaReader,
        owner: ClassValue,
        name: str,
        annotation: cst.BaseExpression,
        context: Context,
    ) -> FieldOptions:
        """Return the options of a field: those in its annotation, then those of its default."""
        options: dict[str, Value] = {}
        for note in reader.names.notes_of(annotation, context):
            options |= options_of_field(note) or {}
        value = owner.names.get(name)
        own = options_of_field(value)
        options |= own or {}
        return cls(options, None if own is not None else value)

    def alias(self, way: lib.Way, name: str) -> str | None:
        """Return the name of a field in JSON; None if it is not known."""
        own = "validation_alias" if way == "in" else "serialization_alias"
        for option in (own, "alias"):
            value = self.options.get(option)
            if value is None or (isinstance(value, Known) and value.value is None):
                continue
            if isinstance(value, Known) and isinstance(value.value, AliasesValue):
                return value.value.names[0]
            try:
                plain = concrete(value)
            except NotConcrete:
                return None
            return plain if isinstance(plain, str) and is_text(plain) else None
        return name

    def other_names(self, key: str, name: str, options: ModelOptions) -> tuple[str, ...]:
        """Return the other JSON names that a model accepts for a field; `key` is the first one."""
        value = self.options.get("validation_alias")
        inside = value.value if isinstance(value, Known) else None
        found = list(inside.names) if isinstance(inside, AliasesValue) else []
        if options.is_true(
            "populate_by_name", "validate_by_name", "allow_population_by_field_name"
        ):
            found.append(name)
        return tuple(each for each in dict.fromkeys(found) if each != key)

    def limited(self, schema: Schema) -> Schema:
        """Return a schema with the limits of the field."""
        return with_limits(schema, limits_of(self.options))

    @property
    def is_excluded(self) -> bool:
        """Whether the field is left out of the JSON that the model writes."""
        value = self.options.get("exclude")
        return isinstance(value, Known) and value.value is True

    @property
    def _default(self) -> Value | None:
        return self.options.get("default") if self.value is None else self.value

    @property
    def has_default(self) -> bool:
        """Whether the field may be left out: it has a default other than `...`, or a `default_factory`."""
        default = self._default
        if default is None:
            return "default_factory" in self.options
        return not (isinstance(default, Known) and default.value is ...)

    @property
    def default(self) -> str | None:
        """The JSON of the default, if it is known."""
        return json_of(self._default)

    @property
    def description(self) -> str:
        """The text of the option `description`; "" if there is none."""
        return words_of(self.options.get("description"))
