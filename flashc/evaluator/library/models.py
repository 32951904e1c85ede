"""Construct models and settings of pydantic, and call their methods."""

from __future__ import annotations

from collections.abc import Callable

from flashc.evaluator.escape import escape_value
from flashc.evaluator.library_values import AliasesValue, SecretText, ValidatorMark
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    CallArguments,
    ClassValue,
    FieldValue,
    FunctionValue,
    InstanceValue,
)
from flashc.evaluator.values import (
    DictValue,
    Known,
    NotConcrete,
    Unknown,
    Value,
    concrete,
)
from flashc_core.source import Span

from .computed_fields import COMPUTED, computed_field
from .copies import copied
from .model_dumps import dumped
from .model_fields import (
    ModelField,
    ModelOptions,
    fields_of,
    options_of,
)
from .model_types import SECRETS
from .model_validators import model_validators_of, validators_of
from .model_values import fitted, make, read_json
from .settings import SettingsReader

INSTANCE_METHODS = frozenset({"model_dump", "dict", "model_copy", "copy"})
CLASS_METHODS = frozenset({"model_validate", "parse_obj", "model_validate_json", "parse_raw"})


def build(machine: Machine, class_value: ClassValue, arguments: CallArguments) -> Value:
    """Return the instance that `Model(arguments)` makes; a field that flashc does not know is unknown.

    Raises:
        PythonError: pydantic refuses a value.
    """
    options = options_of(machine, class_value)
    problem = options.problem
    if arguments.positional or problem is not None:
        machine.escape(arguments)
        reason = f"flashc does not evaluate the constructor of `{class_value.name}`"
        return problem or Unknown(reason=reason, origin=arguments.span)
    reader = (
        SettingsReader.opened(machine, options, arguments.span) if options.is_settings else None
    )
    names: dict[str, Value] = {}
    taken: set[str] = set()
    for field in fields_of(machine, class_value, options):
        key = next((key for key in field.keys if key in arguments.keywords), None)
        taken |= {key} if key is not None else set()
        given = arguments.keywords[key].value if key is not None else None
        value = _field_value(machine, class_value, field, given, reader, options, arguments)
        if isinstance(value, Unknown):
            machine.may_raise()
        names[field.name] = value
    unused = {k: a.value for k, a in arguments.keywords.items() if k not in taken}
    if unused and not _take_unused(machine, names, unused, options, arguments):
        return Unknown(
            reason=f"the arguments do not fit `{class_value.name}`", origin=arguments.span
        )
    instance = Known(InstanceValue(class_value, names), arguments.span)
    if options.is_true("frozen", "validate_assignment"):
        class_value.is_restricted = True
    return _checked(machine, class_value, instance, arguments)


def _take_unused(
    machine: Machine,
    names: dict[str, Value],
    unused: dict[str, Value],
    options: ModelOptions,
    arguments: CallArguments,
) -> bool:
    """Handle arguments that are no fields; return whether the model takes them."""
    extra = options.values.get("extra", "forbid" if options.is_settings else "ignore")
    if extra == "allow":
        names |= unused
    if extra in ("allow", "ignore"):
        return True
    machine.escape(arguments)
    return False


def _field_value(
    machine: Machine,
    class_value: ClassValue,
    field: ModelField,
    given: Value | None,
    reader: SettingsReader | None,
    options: ModelOptions,
    arguments: CallArguments,
) -> Value:
    """Return the value of a field: the argument, what the environment gives, or the default."""
    span = arguments.span
    if field.problem is not None:
        return Unknown(reason=field.problem, origin=span)
    default = None if given is not None else _default(machine, field, arguments)
    value = given
    if value is None and reader is not None:
        value = reader.value(field, default)
    is_default = value is None
    if value is None:
        value = default
    if value is None:
        reason = f"`{class_value.name}` gets no value for its field `{field.name}`"
        unknown = Unknown(reason=reason, origin=span)
        return reader.missing(field) if reader is not None else unknown
    if is_default and not options.is_true("validate_default") and reader is None:
        return value  # pydantic takes the default as it is
    validators = validators_of(class_value, field.name)
    return _validated(machine, class_value, field, value, validators, options, arguments)


def _default(machine: Machine, field: ModelField, arguments: CallArguments) -> Value | None:
    """Return a new copy of a field's default; None if it has none."""
    if field.factory is not None:
        return machine.call(field.factory, arguments.inner([]))
    if field.default is None:
        return None
    inside = field.default.value if isinstance(field.default, Known) else None
    if isinstance(inside, InstanceValue):
        return field.default  # models are not copied
    return copied(field.default, field.default.origin, deep=True)


# Validators -------------------------------------------------------------------------------------------


def _validated(
    machine: Machine,
    class_value: ClassValue,
    field: ModelField,
    value: Value,
    validators: list[FunctionValue],
    options: ModelOptions,
    arguments: CallArguments,
) -> Value:
    """Return what the validators of a field and pydantic make of a value.

    Raises:
        PythonError: one of them refuses it.
    """
    modes = [function.validates.mode if function.validates else "" for function in validators]
    if "wrap" in modes:
        reason = f"a validator of `{class_value.name}` decides what `{field.name}` is"
        return Unknown(reason=reason, origin=arguments.span)
    by_mode = list(zip(modes, validators, strict=True))
    for mode, function in reversed(by_mode):
        if mode == "before":
            value = _call_validator(machine, class_value, function, value, arguments)
    plain = [function for mode, function in by_mode if mode == "plain"]
    for function in plain[-1:]:
        value = _call_validator(machine, class_value, function, value, arguments)
    if not plain:
        value = fitted(machine, value, field, options, arguments.span)
    for mode, function in by_mode:
        if mode == "after":
            value = _call_validator(machine, class_value, function, value, arguments)
    return value


def _call_validator(
    machine: Machine,
    class_value: ClassValue,
    function: FunctionValue,
    value: Value,
    arguments: CallArguments,
) -> Value:
    """Return what a validator of a field returns; it may also take what pydantic knows of the field."""
    params = function.node.params
    count = len(params.posonly_params) + len(params.params)
    about = Unknown(
        reason="it is an argument that pydantic passes to validators", origin=function.name_span
    )
    takes_class = function.kind != "static"
    given = [*([Known(class_value, arguments.span)] if takes_class else []), value, about, about]
    return machine.call(Known(function, arguments.span), arguments.inner(given[:count]))


def _checked(
    machine: Machine, class_value: ClassValue, instance: Known, arguments: CallArguments
) -> Value:
    """Run the model's validators and `model_post_init` on a new object, and return the object."""
    for function in model_validators_of(class_value):
        mark = function.validates
        name = function.name
        if mark is None or mark.mode != "after" or function.kind == "class":
            reason = f"the validator `{name}` of `{class_value.name}` may change every field"
            machine.may_raise()
            escape_value(instance, Unknown(reason=reason, origin=function.name_span))
            continue
        made = machine.call(Known(function, arguments.span), arguments.inner([instance]))
        if not isinstance(made, Known) or made.value is not instance.value:
            reason = f"flashc does not evaluate what the validator `{name}` returns"
            escape_value(instance, Unknown(reason=reason, origin=function.name_span))
    after = class_value.find("model_post_init")
    if after is not None:
        context = Known(None, arguments.span)
        machine.call(after, arguments.inner([instance, context]))
    return instance


# Methods ----------------------------------------------------------------------------------------------


def method(
    machine: Machine, receiver: Known, of: ClassValue, name: str, arguments: CallArguments
) -> Value:
    """Return the result of a method that every model has, such as `model_dump`.

    Raises:
        PythonError: pydantic refuses a value.
    """
    found: Value | None = None
    record = receiver.value if isinstance(receiver.value, InstanceValue) else None
    if record is not None and name in ("model_dump", "dict"):
        found = dumped(machine, record, arguments, is_dict=name == "dict")
    elif record is not None and name in ("model_copy", "copy"):
        found = _copied(record, arguments)
    elif name in CLASS_METHODS and len(arguments.values) == 1 and not arguments.keywords:
        given = arguments.values[0]
        if name in ("model_validate_json", "parse_raw"):
            given = read_json(machine, given, arguments.span)
        found = _parsed(machine, of, given, arguments.span)
    if found is None:
        machine.escape(arguments)
        reason = f"flashc does not evaluate this `{name}` of a model"
        found = Unknown(reason=reason, origin=arguments.span)
    return found


def _parsed(machine: Machine, of: ClassValue, given: Value, span: Span) -> Value | None:
    """Return what `model_validate(given)` returns; None if flashc can't tell."""
    if isinstance(given, Unknown):
        return given
    inside = given.value if isinstance(given, Known) else None
    if isinstance(inside, DictValue):
        return inside.escaped or make(machine, of, inside, span)
    return given if isinstance(inside, InstanceValue) and inside.of is of else None


def _copied(record: InstanceValue, arguments: CallArguments) -> Value | None:
    """Return a copy of a model, in which `update=` has replaced fields; None for other options."""
    update = arguments.keywords.get("update")
    if arguments.positional or not arguments.keywords.keys() <= {"update"}:
        return None
    names = dict(record.names)
    if update is not None:
        new = update.value.value if isinstance(update.value, Known) else None
        if not isinstance(new, DictValue) or new.escaped is not None:
            return None
        names |= {key: item for key, (_, item) in new.entries.items() if isinstance(key, str)}
    return Known(InstanceValue(record.of, names, record.escaped), arguments.span)


# Functions of pydantic --------------------------------------------------------------------------------


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


def aliases(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `AliasChoices("a", "b")`."""
    try:
        names = [concrete(value) for value in arguments.values]
    except NotConcrete:
        return None
    if arguments.keywords or not names or not all(isinstance(each, str) for each in names):
        return None
    return Known(AliasesValue(tuple(map(str, names))), arguments.span)


def secret(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `SecretStr("text")`."""
    if arguments.keywords or len(arguments.values) != 1:
        return None
    return Known(SecretText(arguments.values[0]), arguments.span)


def validator(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate a decorator of pydantic that marks a method as a validator or serializer."""
    try:
        fields = tuple(str(concrete(value)) for value in arguments.values)
        options = {key: concrete(argument.value) for key, argument in arguments.keywords.items()}
    except NotConcrete:
        return None
    kind = name.rpartition(".")[2]
    mode = str(options.get("mode", "before" if options.get("pre") is True else "after"))
    if kind.endswith("serializer"):
        mode = "dump"
    if kind == "root_validator":
        mode = "before"
    if options.get("each_item") is True:  # called once per item, so its result is not known
        mode = "wrap"
    is_of_fields = kind in ("field_validator", "validator", "field_serializer")
    return Known(ValidatorMark(fields if is_of_fields else (), mode), arguments.span)


_DECORATORS = (
    *("field_validator", "validator", "model_validator", "root_validator"),
    *("field_serializer", "model_serializer"),
)
FUNCTIONS: dict[str, Callable[[Machine, str, CallArguments], Value | None]] = {
    **{f"{module}.Field": field for module in ("pydantic", "pydantic.v1", "pydantic.fields")},
    "pydantic.ConfigDict": configuration,
    "pydantic_settings.SettingsConfigDict": configuration,
    "pydantic.AliasChoices": aliases,
    **dict.fromkeys(COMPUTED, computed_field),
    **dict.fromkeys(SECRETS, secret),
    **{f"{m}.{name}": validator for m in ("pydantic", "pydantic.v1") for name in _DECORATORS},
}
