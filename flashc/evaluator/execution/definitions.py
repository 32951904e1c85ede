"""Execute `def` and `class`: make functions, classes and enums, and apply their decorators."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import cast

import libcst as cst
from msgspec.structs import replace

from flashc.evaluator.dialect import DialectObject
from flashc.evaluator.library_values import ValidatorMark
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    OWN_VALUES,
    Argument,
    AutoValue,
    CallArguments,
    ClassValue,
    DataclassDecorator,
    FieldValue,
    Frame,
    FunctionValue,
    LambdaValue,
    MethodKind,
    PartialValue,
)
from flashc.evaluator.operations.apply import cause
from flashc.evaluator.values import (
    External,
    Known,
    NotConcrete,
    Unknown,
    Value,
    concrete,
)
from flashc.syntax.walk import dotted
from flashc.syntax.walk import statements as statements_of

from .functions import evaluate_defaults
from .hidden_calls import run_class_hooks
from .sdk_uses import uses_sdk


def define_function(machine: Machine, node: cst.FunctionDef, frame: Frame) -> None:
    """Execute `def`: apply the decorators to a new function and bind its name to the result."""
    name = node.name.value
    decorators = [machine.evaluate(decorator.decorator, frame) for decorator in node.decorators]
    function = FunctionValue(
        node=node,
        frame=frame,
        qualname=frame.child_qualname(name),
        defaults=evaluate_defaults(machine, node.params, frame),
        kind=_kind(decorators),
    )
    value: Value = Known(function, frame.syntax.span(node.name))
    frame.bind(name, _apply_decorators(machine, node, value, decorators, frame))


def _kind(decorators: list[Value]) -> MethodKind:
    """Return the kind of a method by its decorators, such as "static" for `@staticmethod`."""
    for decorator in decorators:
        kind = _KINDS.get(_external_name(decorator))
        if kind is not None:
            return kind
    return "plain"


_KINDS: dict[str, MethodKind] = {
    "builtins.staticmethod": "static",
    "builtins.classmethod": "class",
    "builtins.property": "property",
    "functools.cached_property": "property",
    "pydantic.computed_field": "property",
    "pydantic.fields.computed_field": "property",
}


def _apply_decorators(
    machine: Machine,
    node: cst.FunctionDef | cst.ClassDef,
    value: Value,
    decorators: list[Value],
    frame: Frame,
) -> Value:
    """Apply decorators to a function or class, the innermost first; return the result."""
    for index in reversed(range(len(decorators))):
        span = frame.syntax.span(node.decorators[index].decorator)
        call = CallArguments(
            positional=[Argument(value, span)],
            keywords={},
            span=span,
            text=span,
            module=frame.syntax.name,
            outermost=index == 0,
        )
        decorator = decorators[index]
        result = _apply_decorator(machine, decorator, call)
        if isinstance(decorator, Unknown) and uses_sdk(machine, decorator, frame):
            machine.unknown_decorators.add(span)
        value = result if result is not None else _mark_decorated(value)
    return value


def _apply_decorator(machine: Machine, decorator: Value, call: CallArguments) -> Value | None:
    """Apply one decorator; return the result, None if it is not known."""
    if not isinstance(decorator, Known):
        return None
    if isinstance(decorator.value, External) and decorator.value.name in _MEMOISING:
        return _memoised(call.positional[0].value)
    if isinstance(decorator.value, ValidatorMark):
        return _validating(call.positional[0].value, decorator.value)
    transparent = isinstance(decorator.value, External) and decorator.value.name in _TRANSPARENT
    if transparent or _is_dataclass(decorator):
        return call.positional[0].value
    followed = isinstance(
        decorator.value, (DialectObject, FunctionValue, LambdaValue, PartialValue)
    )
    if not followed and not isinstance(decorator.value, ClassValue):
        return None
    result = machine.call(decorator, call)
    return None if isinstance(result, Unknown) else result


def _memoised(value: Value) -> Value | None:
    """Apply `functools.cache`, `lru_cache` or `cached_property` to a function.

    The result is None if `value` is no function.
    """
    if isinstance(value, Known) and isinstance(value.value, FunctionValue):
        return Known(replace(value.value, memo={}), value.origin)
    return None


def _validating(value: Value, mark: ValidatorMark) -> Value | None:
    """Apply a decorator of pydantic to a method; the result is None if `value` is no function."""
    if isinstance(value, Known) and isinstance(value.value, FunctionValue):
        return Known(replace(value.value, validates=mark), value.origin)
    return None


_MEMOISING = frozenset({"functools.cache", "functools.lru_cache", "functools.cached_property"})
_TRANSPARENT = frozenset(
    {
        *_KINDS,
        *("typing.final", "typing.runtime_checkable", "functools.total_ordering"),
    }
)


def _mark_decorated(value: Value) -> Value:
    """Note that a decorator has changed a function or class in an unknown way; return it."""
    if isinstance(value, Known):
        match value.value:
            case FunctionValue() as function:
                return Known(replace(function, decorated=True), value.origin)
            case ClassValue() as class_value:
                class_value.decorated = True
                return value
            case _:
                pass
    return Unknown(reason="a decorator changes it", origin=value.origin)


def define_class(machine: Machine, node: cst.ClassDef, frame: Frame) -> None:
    """Execute a class's body and bind its name."""
    name = node.name.value
    decorators = [machine.evaluate(decorator.decorator, frame) for decorator in node.decorators]
    bases = tuple(machine.evaluate(base.value, frame) for base in node.bases)
    qualname = frame.child_qualname(name)
    inner = Frame(syntax=frame.syntax, names={}, enclosing=frame, is_class=True, qualname=qualname)
    machine.execute(node.body, inner)
    span = frame.syntax.span(node.name)
    enumeration = _make_enum(name, bases, inner)
    if isinstance(enumeration, Unknown):
        frame.bind(name, enumeration)
        return
    if enumeration is not None:
        frame.bind(name, Known(enumeration, span))
        return
    names = {_external_name(base) for base in bases}
    record = "typing.NamedTuple" in names or any(_is_dataclass(value) for value in decorators)
    class_value = ClassValue(
        node=node,
        frame=frame,
        qualname=qualname,
        names=inner.names,
        bases=bases,
        fields=_fields(node) if record else (),
        is_record=record,
        is_restricted=any(_restricts(value) for value in decorators),
        is_frozen=any(_freezes(value) for value in decorators),
        has_other_constructor=record and _has_other_constructor(node, inner, decorators),
    )
    value = Known(class_value, span)
    run_class_hooks(machine, class_value, span)
    _initialise_subclass(machine, value, frame)
    frame.bind(name, _apply_decorators(machine, node, value, decorators, frame))


def _initialise_subclass(machine: Machine, value: Known, frame: Frame) -> None:
    """Apply the metaclass and the `__init_subclass__` of a base in the project to a new class.

    A metaclass other than `ABCMeta` may change all attributes, so those that are no methods become
    unknown.
    """
    class_value = value.value
    assert isinstance(class_value, ClassValue)
    options = {
        keyword.keyword.value: Argument(
            machine.evaluate(keyword.value, frame), frame.syntax.span(keyword)
        )
        for keyword in class_value.node.keywords
        if keyword.keyword is not None
    }
    metaclass = options.pop("metaclass", None)
    if metaclass is not None and _external_name(metaclass.value) != "abc.ABCMeta":
        class_value.decorated = True
        reason = Unknown(reason="its metaclass may change it", origin=metaclass.span)
        class_value.names.update(
            {name: reason for name, item in class_value.names.items() if not _is_method(item)}
        )
    bases = class_value.ancestry()[1:]
    found = next((c.names[_HOOK] for c in bases if _HOOK in c.names), None)
    if found is None:
        return
    call = CallArguments(
        positional=[Argument(value, value.origin)],
        keywords=options,
        span=value.origin,
        text=value.origin,
        module=frame.syntax.name,
    )
    if isinstance(found, Known) and isinstance(found.value, FunctionValue):
        machine.call(found, call)
    else:
        class_value.decorated = True


_HOOK = "__init_subclass__"


def _fields(node: cst.ClassDef) -> tuple[str, ...]:
    """Return the names that a class annotates: the fields of a dataclass or named tuple."""
    return tuple(
        statement.target.value
        for statement in statements_of(node.body)
        if isinstance(statement, cst.AnnAssign)
        and isinstance(statement.target, cst.Name)
        and not _is_class_variable(statement.annotation.annotation)
    )


def _is_class_variable(annotation: cst.BaseExpression) -> bool:
    """Return whether an annotation is `ClassVar`, so that the name is no field."""
    return _annotated_type(annotation) == "ClassVar"


def _is_plain(init: Value | None) -> bool:
    """Return whether `field(init=...)` is absent, or surely True or False."""
    return init is None or (isinstance(init, Known) and isinstance(init.value, bool))


def _annotated_type(annotation: cst.BaseExpression) -> str:
    """Return the last name of an annotation without its subscript; "" if it has no name."""
    if isinstance(annotation, cst.Subscript):
        annotation = annotation.value
    return (dotted(annotation) or "").rpartition(".")[2]


def _has_other_constructor(node: cst.ClassDef, body: Frame, decorators: list[Value]) -> bool:
    """Return whether a record's constructor may take other arguments than all fields in order."""
    options = (
        value.value.options
        for value in body.names.values()
        if isinstance(value, Known) and isinstance(value.value, FieldValue)
    )
    return (
        any("kw_only" in given or not _is_plain(given.get("init")) for given in options)
        or any(
            isinstance(value, Known)
            and isinstance(value.value, DataclassDecorator)
            and value.value.changes_constructor
            for value in decorators
        )
        or any(
            isinstance(statement, cst.AnnAssign)
            and _annotated_type(statement.annotation.annotation) in ("InitVar", "KW_ONLY")
            for statement in statements_of(node.body)
        )
    )


def _external_name(value: Value) -> str:
    """Return the full name of a value from outside the project; "" for other values."""
    if isinstance(value, Known) and isinstance(value.value, External):
        return value.value.name
    return ""


def _is_dataclass(value: Value) -> bool:
    """Return whether a decorator is `@dataclass` or `@dataclass(...)`."""
    if isinstance(value, Known) and isinstance(value.value, DataclassDecorator):
        return True
    return _external_name(value) == "dataclasses.dataclass"


def _restricts(decorator: Value) -> bool:
    """Return whether a decorator is, or may be, `@dataclass` with `frozen=True` or `slots=True`."""
    return (
        isinstance(decorator, Known)
        and isinstance(decorator.value, DataclassDecorator)
        and decorator.value.restricts
    )


def _freezes(decorator: Value) -> bool:
    """Return whether a decorator surely is `@dataclass` with `frozen=True`."""
    inside = decorator.value if isinstance(decorator, Known) else None
    return isinstance(inside, DataclassDecorator) and inside.freezes


_ENUMS: dict[str, type[enum.Enum]] = {
    "enum.Enum": enum.Enum,
    "enum.IntEnum": enum.IntEnum,
    "enum.StrEnum": enum.StrEnum,
}
_VALUE_HOOKS = ("_missing_", "__new__", "__init__")


def _make_enum(
    name: str, bases: tuple[Value, ...], body: Frame
) -> type[enum.Enum] | Unknown | None:
    """Make a real enum with the members that the class's body assigns; return None for other classes."""
    names = [_external_name(base) for base in bases]
    kind = next((_ENUMS[base] for base in names if base in _ENUMS), None)
    if kind is None:
        return None
    members: list[tuple[str, object]] = []
    for member, value in body.names.items():
        if member.startswith("_") or _is_method(value):
            continue
        try:
            automatic = isinstance(value, Known) and isinstance(value.value, AutoValue)
            members.append((member, enum.auto() if automatic else concrete(value)))
        except NotConcrete as problem:
            return cause(problem.part, value.origin)
    mixin = str if "builtins.str" in names else int if "builtins.int" in names else None
    functional = cast("Callable[..., type[enum.Enum]]", enum.Enum if mixin is not None else kind)
    options = {} if mixin is None else {"type": mixin}
    try:
        made = functional(name, members, **options)
    except (TypeError, ValueError):  # members that this kind of enum refuses
        return None
    others = any(base not in (*_ENUMS, "builtins.str", "builtins.int") for base in names)
    if others or any(hook in body.names for hook in _VALUE_HOOKS):
        setattr(made, OWN_VALUES, True)
    return made


def _is_method(value: Value) -> bool:
    """Return whether a value in an enum's body is a method and so not a member."""
    methods = (FunctionValue, LambdaValue, ClassValue)
    return isinstance(value, Known) and isinstance(value.value, methods)
