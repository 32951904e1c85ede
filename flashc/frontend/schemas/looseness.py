"""Tell where a class of pydantic may accept data that its schema does not describe, because code converts it first."""

from __future__ import annotations

from flashc.evaluator.library.model_fields import SETTINGS, bases_of, options_of
from flashc.evaluator.library_values import TypeForm, ValidatorMark
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import ClassValue, FieldValue, FunctionValue
from flashc.evaluator.values import Known, Value

from .classes import sort_of

_FIRST = frozenset(
    {"before", "plain", "wrap"}
)  # the modes of validators that get the data as it was sent
# Methods that make an object of a class, and attributes that change how pydantic reads one.
_HOOKS = ("__init__", "__new__", "model_validate", "model_validate_json", "__pydantic_config__")
_OLD = frozenset({"pydantic.v1.BaseModel"})
# The options of a model that do not make it accept other data than its fields say.
_PLAIN_OPTIONS = frozenset(
    "title extra frozen populate_by_name validate_by_name validate_by_alias alias_generator strict "
    "from_attributes arbitrary_types_allowed validate_assignment validate_default validate_return "
    "revalidate_instances json_schema_extra json_encoders use_enum_values protected_namespaces "
    "hide_input_in_errors defer_build regex_engine use_attribute_docstrings allow_inf_nan "
    "serialize_by_alias ser_json_timedelta ser_json_bytes ser_json_inf_nan ser_json_temporal "
    "json_schema_serialization_defaults_required json_schema_mode_override ignored_types "
    "loc_by_alias field_title_generator model_title_generator plugin_settings "
    "allow_population_by_field_name str_max_length str_min_length".split()
)


def converts_data(machine: Machine, class_value: ClassValue) -> bool:
    """Return whether code or an option of a class converts the data of a whole object, before pydantic reads it."""
    if any(class_value.find(name) is not None for name in _HOOKS):
        return True
    if sort_of(class_value) not in ("model", "root"):
        # A dataclass of pydantic; and pydantic leaves the type variables of a base as they are.
        return any(map(_has_alias, class_value.names.values())) or any(
            isinstance(base, Known)
            and isinstance(base.value, TypeForm)
            and isinstance(base.value.origin.value, ClassValue)
            for each in class_value.ancestry()
            for base in each.bases
        )
    if bases_of(class_value) & (SETTINGS | _OLD):  # settings take what is missing from variables
        return True
    if any(not mark.fields and mark.mode in _FIRST for mark in _validators(class_value)):
        return True
    return bool(options_of(machine, class_value).values.keys() - _PLAIN_OPTIONS)


def converted_fields(class_value: ClassValue) -> set[str]:
    """Return the fields of a model whose data a validator gets as it was sent; "*" stands for all."""
    marks = _validators(class_value)
    return {name for mark in marks if mark.mode in _FIRST for name in mark.fields}


def _has_alias(value: Value) -> bool:
    """Return whether a value is that of a `Field(...)` with another name."""
    inside = value.value if isinstance(value, Known) else None
    return isinstance(inside, FieldValue) and bool(
        inside.options.keys() & {"alias", "validation_alias"}
    )


def _validators(class_value: ClassValue) -> list[ValidatorMark]:
    """Return the marks of the methods that take part in the validation of a class."""
    values = [value for each in class_value.ancestry() for value in each.names.values()]
    insides = [value.value for value in values if isinstance(value, Known)]
    marks = [inside.validates for inside in insides if isinstance(inside, FunctionValue)]
    return [mark for mark in marks if mark is not None]
