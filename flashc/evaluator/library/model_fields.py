"""Read the fields and the configuration of a model of pydantic from its class."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator

import libcst as cst
from msgspec import Struct
from msgspec.structs import replace

from flashc.evaluator.activation import OutOfSteps
from flashc.evaluator.failures import PythonError
from flashc.evaluator.library_values import AliasesValue, TypeForm
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import ClassValue, FieldValue, Frame, FunctionValue
from flashc.evaluator.values import (
    DictValue,
    External,
    Known,
    NotConcrete,
    Unknown,
    Value,
    concrete,
)
from flashc.syntax.walk import dotted, statements
from flashc_core.python_texts import parse_expression

MODELS = frozenset({"pydantic.BaseModel", "pydantic.v1.BaseModel"})
_OLD_SETTINGS = frozenset({"pydantic.BaseSettings", "pydantic.v1.BaseSettings"})
SETTINGS = frozenset({"pydantic_settings.BaseSettings"}) | _OLD_SETTINGS
_CLASS_VARIABLES = frozenset({"typing.ClassVar", "typing_extensions.ClassVar"})
_ANNOTATED = frozenset({"typing.Annotated", "typing_extensions.Annotated"})
# Methods of a class that decide how it is made, and options that flashc does not evaluate.
_HOOKS = (
    *("__init__", "__new__", "settings_customise_sources", "__get_pydantic_core_schema__"),
    "__pydantic_init_subclass__",
)
_UNCLEAR_OPTIONS = frozenset(
    "alias_generator cli_parse_args secrets_dir env_prefix_target env_parse_none_str "
    "env_parse_enums enable_decoding use_enum_values json_loads fields env_nested_max_split "
    "nested_model_default_partial_update strict model_config".split()
)


class ModelField(Struct, frozen=True, kw_only=True):
    """A field of a model.

    `form` is the type that the class annotates, None if flashc does not know it.  `default` is
    None if the field has none; `factory` makes a new default for each object.  `keys` are the names
    under which the constructor takes the field; `aliases` are the keys other than the field's own name.
    `variables` are the names of the environment variables that set the field if the model is one of
    settings.  `constraints` are the options of `Field(...)` that restrict the value.  `problem` says
    why flashc does not know what the field does; None if it knows.  `shapes_dump` says that its
    options or its type may decide whether and how `model_dump()` shows it, `frozen` that it surely can't be assigned.
    """

    name: str
    form: Value | None
    default: Value | None = None
    factory: Value | None = None
    aliases: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    constraints: dict[str, Value]
    problem: str | None = None
    shapes_dump: bool = False
    frozen: bool = False


class ModelOptions(Struct, frozen=True):
    """The configuration of a model, by the names of its options; `problem` says why it is not known."""

    values: dict[str, object]
    is_settings: bool
    problem: Unknown | None = None

    def text(self, name: str) -> str:
        """Return an option that is a text; "" if there is none."""
        found = self.values.get(name)
        return found if isinstance(found, str) else ""

    def is_true(self, *names: str) -> bool:
        """Return whether one of these options is true."""
        return any(self.values.get(name) is True for name in names)


def bases_of(class_value: ClassValue) -> frozenset[str]:
    """Return the names of the bases from outside the project."""
    found: set[str] = set()
    for ancestor in class_value.ancestry():
        for base in ancestor.bases:
            inside = base.value if isinstance(base, Known) else None
            if isinstance(inside, External):
                found.add(inside.name)
    return frozenset(found)


def is_model(class_value: ClassValue) -> bool:
    """Return whether a class is a model or settings of pydantic, and nothing else from outside."""
    return bool(bases_of(class_value) & (MODELS | SETTINGS)) and all(
        _is_followed(base) for ancestor in class_value.ancestry() for base in ancestor.bases
    )


_PLAIN_BASES = frozenset(
    {"abc.ABC", "typing.Generic", "typing_extensions.Generic", "builtins.object"}
)


def _is_followed(base: Value) -> bool:
    """Return whether flashc knows what a class inherits from a base: it is of the project or of a model.

    A generic class of the project between brackets, as `Base[int]`, is not in the ancestry.
    """
    match base.value if isinstance(base, Known) else None:
        case ClassValue():
            return True
        case External(name=name) | TypeForm(origin=Known(value=External(name=name))):
            return name in MODELS | SETTINGS | _PLAIN_BASES
        case _:
            return False


def options_of(machine: Machine, class_value: ClassValue) -> ModelOptions:
    """Return the configuration of a model: `model_config`, `class Config`, and keywords of the class."""
    is_settings = bool(bases_of(class_value) & SETTINGS)
    given: dict[str, Value] = {}
    for ancestor in reversed(class_value.ancestry()):
        given |= _written_options(machine, ancestor)
    values: dict[str, object] = {}
    for name, value in given.items():
        try:
            values[name] = concrete(value)
        except NotConcrete:
            values[name] = value
    unclear = [
        name for name in _UNCLEAR_OPTIONS & values.keys() if values[name] not in (None, False)
    ]
    hook = next((name for name in _HOOKS if class_value.find(name) is not None), None)
    return ModelOptions(values, is_settings, _problem(class_value, hook, unclear))


def _problem(class_value: ClassValue, hook: str | None, unclear: list[str]) -> Unknown | None:
    """Return why flashc does not know how a model is made; None if it knows."""
    span = class_value.frame.syntax.span(class_value.node.name)
    if class_value.decorated:
        return Unknown(reason=f"the class `{class_value.name}` is decorated", origin=span)
    if hook is not None:
        reason = f"`{class_value.name}` has a `{hook}` of its own"
        return Unknown(reason=reason, origin=span)
    if unclear:
        reason = f"flashc does not evaluate the option `{min(unclear)}` of `{class_value.name}`"
        return Unknown(reason=reason, origin=span)
    return None


def _written_options(machine: Machine, ancestor: ClassValue) -> dict[str, Value]:
    """Return the options that one class sets."""
    found: dict[str, Value] = {}
    config = ancestor.names.get("model_config")
    if isinstance(config, Known) and isinstance(config.value, DictValue):
        entries = config.value.entries.items()
        found |= {key: item for key, (_, item) in entries if isinstance(key, str)}
    elif config is not None:
        found["model_config"] = config  # it may be any option
    inner = ancestor.names.get("Config")
    if isinstance(inner, Known) and isinstance(inner.value, ClassValue):
        for each in reversed(inner.value.ancestry()):
            found |= each.names
    for keyword in ancestor.node.keywords:
        if keyword.keyword is not None and keyword.keyword.value != "metaclass":
            found[keyword.keyword.value] = machine.evaluate(keyword.value, ancestor.frame)
    return found


def fields_of(
    machine: Machine, class_value: ClassValue, options: ModelOptions
) -> Iterator[ModelField]:
    """Yield the fields of a model, those of bases first."""
    found: dict[str, tuple[ClassValue, cst.BaseExpression]] = {}
    for ancestor in reversed(class_value.ancestry()):
        for statement in statements(ancestor.node.body):
            if isinstance(statement, cst.AnnAssign) and isinstance(statement.target, cst.Name):
                name = statement.target.value
                if not name.startswith("_") and name != "model_config":
                    found[name] = ancestor, statement.annotation.annotation
    for name, (owner, annotation) in found.items():
        form = _form_of(machine, annotation, owner.frame)
        if not _is_class_variable(form, annotation):
            yield _field(class_value, name, form, options)


def _form_of(machine: Machine, node: cst.BaseExpression, frame: Frame) -> Value | None:
    """Return the type that an annotation stands for; None if it is not known."""
    try:
        value = machine.evaluate(node, frame)
    except (PythonError, OutOfSteps):
        return None
    return _resolved(value, frame)


def has_clear_result(machine: Machine, function: FunctionValue) -> bool:
    """Return whether a method says what it returns, and surely with no note in `Annotated[...]`."""
    node = function.node.returns
    form = None if node is None else _form_of(machine, node.annotation, function.frame)
    plain, notes = _without_notes(form)
    return form is not None and not notes and _is_clear(plain)


def _resolved(form: Value, frame: Frame) -> Value | None:
    """Return a type in which names that are written as texts are replaced by what they stand for."""
    match form.value if isinstance(form, Known) else None:
        case str() as name if name.isidentifier():
            found = frame.lookup(name)
            if found is None and isinstance(getattr(builtins, name, None), type):
                return Known(External(f"builtins.{name}"), form.origin)
            return found
        case TypeForm(origin=origin, arguments=arguments):
            parts = [_resolved(argument, frame) for argument in arguments]
            known = tuple(part for part in parts if part is not None)
            if len(known) < len(parts):
                return None
            return Known(TypeForm(origin, known), form.origin)
        case _:
            return form if isinstance(form, Known) else None


def _is_class_variable(form: Value | None, annotation: cst.BaseExpression) -> bool:
    """Return whether an annotation is `ClassVar`, so that the name is no field."""
    inside = form.value if isinstance(form, Known) else None
    if isinstance(inside, TypeForm):
        inside = inside.origin.value
    if isinstance(inside, External):
        return inside.name in _CLASS_VARIABLES
    outer = annotation.value if isinstance(annotation, cst.Subscript) else annotation
    return (dotted(outer) or "").rpartition(".")[2] == "ClassVar"


# Fields ---------------------------------------------------------------------------------------------

_CONSTRAINTS = frozenset(
    "ge gt le lt multiple_of min_length max_length pattern strict allow_inf_nan".split()
)
_HARMLESS = frozenset(
    "description title examples deprecated repr json_schema_extra frozen serialization_alias "
    "exclude validate_default init_var kw_only alias_priority example".split()
)
_READ = frozenset({"default", "default_factory", "alias", "validation_alias", "env", "regex"})


def _field(
    class_value: ClassValue, name: str, form: Value | None, options: ModelOptions
) -> ModelField:
    """Return a field, with the options that its annotation and its default give."""
    given: dict[str, Value] = {}
    form, notes = _without_notes(form)
    for note in notes:
        if isinstance(note, Known) and isinstance(note.value, FieldValue):
            given |= note.value.options
        else:
            given["a note"] = note
    if isinstance(form, Known) and isinstance(form.value, str) and not _is_clear(form):
        given["a note"] = form  # it may be `Annotated[...]`
    default = class_value.find(name)
    if isinstance(default, Known) and isinstance(default.value, FieldValue):
        given |= default.value.options
        default = None
    if default is None:
        default = given.get("default")
    if isinstance(default, Known) and default.value is ...:
        default = None
    made = ModelField(
        name=name,
        form=form,
        default=default,
        factory=given.get("default_factory"),
        constraints={key: value for key, value in given.items() if key in _CONSTRAINTS},
        problem=_unclear_option(name, given),
        frozen=_is_true(given.get("frozen")),
        shapes_dump=not given.keys().isdisjoint(_SHAPING) or not _is_clear(form),
    )
    return _named(made, given, options, is_old=bool(bases_of(class_value) & _OLD_SETTINGS))


def _is_true(value: Value | None) -> bool:
    """Return whether an option is given and surely True."""
    return isinstance(value, Known) and value.value is True


_SHAPING = frozenset({"exclude", "exclude_if", "a note"})
# The first words of pydantic's types whose values look different in a dump.
_ENCODED = ("Base64", "Encoded", "ImportString", "Json", "SerializeAsAny")
_CLEAR_MODULES = sys.stdlib_module_names | {"pydantic", "pydantic_settings", "typing_extensions"}


def _without_notes(form: Value | None) -> tuple[Value | None, tuple[Value, ...]]:
    """Return the type inside `Annotated[...]` and its notes, those of an inner `Annotated` first."""
    inside = form.value if isinstance(form, Known) else None
    if not isinstance(inside, TypeForm) or not _is_annotated(inside):
        return form, ()
    plain, notes = _without_notes(inside.arguments[0])
    return plain, (*notes, *inside.arguments[1:])


def _is_clear_text(text: str) -> bool:
    """Return whether a type that is written as a text surely is no `Annotated[...]`, as `list[int]`."""
    try:
        node = parse_expression(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        name = node.value.id
        return name in ("Optional", "Union") or isinstance(getattr(builtins, name, None), type)
    return isinstance(node, ast.BinOp)


def _is_clear(form: Value | None) -> bool:
    """Return whether a type surely is no `Annotated[...]` that flashc does not see."""
    match form.value if isinstance(form, Known) else "":
        case str() as text:
            return _is_clear_text(text)
        case External(name=name):
            module, _, last = name.rpartition(".")
            is_encoded = module.startswith("pydantic") and last.startswith(_ENCODED)
            return name.partition(".")[0] in _CLEAR_MODULES and not is_encoded
        case TypeForm(origin=origin):
            return _is_clear(origin)
        case _:
            return True


def _is_annotated(form: TypeForm) -> bool:
    """Return whether a type is `Annotated[...]`."""
    return isinstance(form.origin.value, External) and form.origin.value.name in _ANNOTATED


def _unclear_option(name: str, given: dict[str, Value]) -> str | None:
    """Return why flashc does not know what a field does; None if it knows."""
    rest = sorted(given.keys() - _CONSTRAINTS - _HARMLESS - _READ)
    if rest:
        what = "an annotation in `Annotated[...]`" if rest[0] == "a note" else f"`{rest[0]}`"
        return f"flashc does not evaluate {what} of the field `{name}`"
    return None


def _named(
    made: ModelField, given: dict[str, Value], options: ModelOptions, *, is_old: bool
) -> ModelField:
    """Add the names under which the constructor and environment variables set the field."""
    try:
        aliases = _aliases(given.get("validation_alias") or given.get("alias"))
        variables = _aliases(given.get("env")) if is_old else aliases
    except NotConcrete:
        reason = f"flashc does not evaluate the alias of the field `{made.name}`"
        return replace(made, problem=made.problem or reason)
    by_name = options.is_true(
        "populate_by_name", "validate_by_name", "allow_population_by_field_name"
    )
    if options.values.get("validate_by_alias") is False:
        aliases = ()
        variables = variables if is_old else ()
    keys = (*aliases, made.name) if by_name or not aliases else aliases
    own = f"{options.text('env_prefix')}{made.name}"
    reads_own = not variables or (by_name and not is_old)
    variables = (*variables, own) if reads_own else variables
    return replace(made, aliases=aliases, keys=keys, variables=variables)


def _aliases(value: Value | None) -> tuple[str, ...]:
    """Return the names in an alias option.

    Raises:
        NotConcrete: they are not known.
    """
    if value is None or (isinstance(value, Known) and value.value is None):
        return ()
    if isinstance(value, Known) and isinstance(value.value, AliasesValue):
        return value.value.names
    plain = concrete(value)
    names = plain if isinstance(plain, (list, tuple)) else [plain]
    if not all(isinstance(name, str) for name in names):
        raise NotConcrete(value)
    return tuple(str(name) for name in names)
