"""Construct models and settings of pydantic whose fields need no conversion by pydantic."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

import libcst as cst

from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    CallArguments,
    ClassValue,
    FieldValue,
    FunctionValue,
    InstanceValue,
)
from flashc.evaluator.operations.apply import apply, resolve_symbolic
from flashc.evaluator.values import (
    DictValue,
    External,
    Known,
    NotConcrete,
    Symbolic,
    Unknown,
    Value,
    concrete,
)
from flashc.syntax.walk import dotted, statements
from flashc_core.source import Span
from flashc_ir.resources import EnvironmentReference

from .container_methods import copied

MODELS = frozenset({"pydantic.BaseModel"})
SETTINGS = frozenset({"pydantic_settings.BaseSettings", "pydantic.BaseSettings"})
_HOOKS = ("__init__", "__new__", "model_post_init", "settings_customise_sources", "Config")
# Options that change neither names nor values of fields.
_HARMLESS = frozenset(
    "env_prefix env_file env_file_encoding extra frozen arbitrary_types_allowed title "
    "protected_namespaces use_attribute_docstrings".split()
)
_OF_FIELDS = frozenset({"default", "default_factory", "description", "title", "examples"})
_BOUNDS: dict[str, Callable[[Any, Any], bool]] = {
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
}
_TYPES: dict[str, type] = {
    **{kind.__name__: kind for kind in (str, int, float, bool, list, dict)},
    "Path": PurePosixPath,
    "pathlib.Path": PurePosixPath,
}
_TRUE, _FALSE = frozenset("1 true t yes y on".split()), frozenset("0 false f no n off".split())


def bases_of(class_value: ClassValue) -> frozenset[str]:
    """Return the names of the bases from outside the project."""
    return frozenset(
        base.value.name
        for ancestor in class_value.ancestry()
        for base in ancestor.bases
        if isinstance(base, Known) and isinstance(base.value, External)
    )


def is_model(class_value: ClassValue) -> bool:
    """Return whether a class is a model or settings of pydantic, and nothing else from outside."""
    bases = bases_of(class_value)
    return bool(bases) and bases <= MODELS | SETTINGS


def build(machine: Machine, class_value: ClassValue, arguments: CallArguments) -> Value:
    """Return the instance that `Model(arguments)` makes; unknown if pydantic would convert a value."""
    config = _configuration(class_value)
    unknown = Unknown(
        reason=f"flashc does not evaluate the validation of `{class_value.name}`",
        origin=arguments.span,
    )
    if arguments.positional or config is None or _has_code(class_value):
        machine.escape(arguments)
        return unknown
    is_settings = bool(bases_of(class_value) & SETTINGS)
    names: dict[str, Value] = {}
    for name, annotation in _fields(class_value):
        given = arguments.keywords.get(name)
        value = (
            given.value if given is not None else _default(machine, class_value, name, arguments)
        )
        if given is None and is_settings:
            value = _from_environment(machine, f"{config}{name}", annotation, value, arguments.span)
        if (
            value is None
            or not _fits(value, annotation)
            or not _is_allowed(class_value, name, value)
        ):
            machine.escape(arguments)
            return value if isinstance(value, Unknown) else unknown
        names[name] = value
    if not arguments.keywords.keys() <= names.keys():
        machine.escape(arguments)
        return unknown
    return Known(InstanceValue(class_value, names), arguments.span)


def field(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `pydantic.Field(...)`."""
    options = {key: argument.value for key, argument in arguments.keywords.items()}
    if arguments.positional:
        options["default"] = arguments.values[0]
    if arguments.problem is not None or len(arguments.positional) > 1:
        return None
    return Known(FieldValue(options), arguments.span)


def configuration(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `SettingsConfigDict(...)` and `ConfigDict(...)`."""
    if arguments.positional or arguments.problem is not None:
        return None
    entries: dict[object, tuple[Value, Value]] = {
        key: (Known(key, argument.span), argument.value)
        for key, argument in arguments.keywords.items()
    }
    return Known(DictValue(entries), arguments.span)


def dump(record: InstanceValue, span: Span) -> Value | None:
    """Return `model.model_dump()`; None if a field is an object."""
    if any(isinstance(v, Known) and isinstance(v.value, InstanceValue) for v in record.parts()):
        return None
    entries: dict[object, tuple[Value, Value]] = {
        name: (Known(name, span), copied(value, span, deep=True))
        for name, value in record.names.items()
    }
    return Known(DictValue(entries), span)


def _configuration(class_value: ClassValue) -> str | None:
    """Return the prefix of environment variables; None if an option may change fields."""
    found = class_value.find("model_config")
    if found is None:
        return ""
    try:
        options = concrete(found)
    except NotConcrete:
        return None
    if not isinstance(options, dict) or not options.keys() <= _HARMLESS:
        return None
    prefix = options.get("env_prefix", "")
    return prefix if isinstance(prefix, str) else None


def _has_code(class_value: ClassValue) -> bool:
    """Return whether a hook or a validator takes part in the construction."""
    for ancestor in class_value.ancestry():
        if ancestor.decorated or ancestor.node.keywords:
            return True
        if any(name in ancestor.names for name in _HOOKS):
            return True
        for value in ancestor.names.values():
            if isinstance(value, Unknown):
                return True
            if isinstance(value, Known) and isinstance(value.value, FunctionValue):
                if value.value.decorated:
                    return True
    return False


def _fields(class_value: ClassValue) -> Iterator[tuple[str, cst.BaseExpression]]:
    """Yield the fields with their annotations, those of bases first."""
    found: dict[str, cst.BaseExpression] = {}
    for ancestor in reversed(class_value.ancestry()):
        for statement in statements(ancestor.node.body):
            if isinstance(statement, cst.AnnAssign) and isinstance(statement.target, cst.Name):
                name = statement.target.value
                if not name.startswith("_") and name != "model_config":
                    found[name] = statement.annotation.annotation
    yield from found.items()


def _default(
    machine: Machine, class_value: ClassValue, name: str, arguments: CallArguments
) -> Value | None:
    """Return a new copy of a field's default; None if it has none."""
    value = class_value.find(name)
    if isinstance(value, Known) and isinstance(value.value, FieldValue):
        options = value.value.options
        if not options.keys() <= _OF_FIELDS | _BOUNDS.keys():
            return Unknown(reason=f"the field `{name}` has options", origin=value.origin)
        if "default_factory" in options:
            return machine.call(options["default_factory"], arguments.inner([]))
        value = options.get("default")
    if value is None or (isinstance(value, Known) and value.value is ...):
        return None
    return copied(value, arguments.span, deep=True)


def _is_allowed(class_value: ClassValue, name: str, value: Value) -> bool:
    """Return whether a value surely keeps the bounds of its field."""
    found = class_value.find(name)
    options = (
        found.value.options
        if isinstance(found, Known) and isinstance(found.value, FieldValue)
        else {}
    )
    for bound, compare in _BOUNDS.items():
        if bound not in options:
            continue
        try:
            if not compare(concrete(value), concrete(options[bound])):
                return False
        except (NotConcrete, TypeError):
            return False
    return True


def _fits(value: Value, annotation: cst.BaseExpression) -> bool:
    """Return whether a value has exactly the type of an annotation, so that it stays as it is."""
    if isinstance(value, Symbolic):
        return dotted(annotation) == "str" and not value.optional
    if isinstance(annotation, cst.BinaryOperation) and isinstance(annotation.operator, cst.BitOr):
        return _fits(value, annotation.left) or _fits(value, annotation.right)
    kinds: list[type | None] | None = None
    if isinstance(annotation, cst.Subscript):
        inside = [e.slice.value for e in annotation.slice if isinstance(e.slice, cst.Index)]
        if dotted(annotation.value) in ("Optional", "typing.Optional") and len(inside) == 1:
            return (isinstance(value, Known) and value.value is None) or _fits(value, inside[0])
        kinds = [_TYPES.get(dotted(each) or "") for each in inside]
        annotation = annotation.value
    try:
        plain = concrete(value)
    except NotConcrete:
        return False
    name = dotted(annotation) or ""
    if name == "None":
        return plain is None
    kind = _TYPES.get(name)
    if kind is PurePosixPath:
        return isinstance(plain, PurePosixPath)
    if kind is None or type(plain) is not kind:
        return False
    parts = list(plain) if isinstance(plain, list) else []
    if isinstance(plain, dict):
        parts = [part for pair in plain.items() for part in pair]
    return kinds is None or all(type(part) in kinds for part in parts)


def _from_environment(
    machine: Machine,
    variable: str,
    annotation: cst.BaseExpression,
    default: Value | None,
    span: Span,
) -> Value | None:
    """Return what settings read from a variable, or the default; pydantic ignores the case of names."""
    if isinstance(default, Unknown):
        return default
    names = dict.fromkeys((variable.upper(), variable, variable.lower()))
    found = next((n for n in names if machine.assigned_variable(n) is not None), None)
    if found is not None:
        value = machine.assigned_variable(found)
    else:
        name = next((n for n in names if n in machine.environment), variable.upper())
        text = default.value if isinstance(default, Known) else None
        if dotted(annotation) == "str" and (default is None or isinstance(text, str)):
            kept = text if isinstance(text, str) else None
            return Symbolic((EnvironmentReference(name, kept),), span)
        machine.note_guess()
        if name not in machine.environment:
            return default
        value = Symbolic((EnvironmentReference(name),), span)
    converter = _CONVERTERS.get(dotted(annotation) or "")
    if value is None or converter is None:
        reason = f"flashc does not evaluate how settings read `{variable}`"
        return Unknown(reason=reason, origin=span)
    return apply(machine, converter, span, resolve_symbolic(machine, value))


def _flag(text: str) -> bool:
    """Return the truth value that pydantic reads from a text."""
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise ValueError("Input should be a valid boolean")


_CONVERTERS: dict[str, Callable[..., object]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": _flag,
}
