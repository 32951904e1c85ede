"""Find the computed fields of a pydantic model, and whether other code decides what `model_dump()` returns."""

from __future__ import annotations

import libcst as cst

from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments, ClassValue, Frame, FunctionValue
from flashc.evaluator.values import External, Known, Value
from flashc.syntax.walk import bound_names, find_nodes, statements

from .decorator_names import outside_name
from .model_fields import ModelOptions, has_clear_result, is_model

COMPUTED = frozenset({"pydantic.computed_field", "pydantic.fields.computed_field"})
# Options of `computed_field` that do not change what `model_dump()` returns.
_HARMLESS = frozenset(
    "alias alias_priority title description deprecated examples json_schema_extra repr".split()
)
# Options of a model that change what `model_dump()` returns.
_SHAPING = ("serialize_by_alias", "polymorphic_serialization")
# Methods of a class that pydantic calls for a dump, in one of its versions.
_DUMPING = ("_iter", "_calculate_keys", "_get_value", "__pydantic_serializer__")


def computed_fields_of(
    machine: Machine, class_value: ClassValue, options: ModelOptions
) -> dict[str, FunctionValue] | None:
    """Return the methods that make the computed fields of a model, those of bases first.

    The result is None if a method, an option or a decorator may decide otherwise what
    `model_dump()` returns.
    """
    if options.problem is not None:
        return None
    if any(options.values.get(name) not in (None, False) for name in _SHAPING):
        return None
    if any(class_value.find(name) is not None for name in _DUMPING):
        return None
    found: dict[str, FunctionValue] = {}
    for ancestor in reversed(class_value.ancestry()):
        for name, value in ancestor.names.items():
            inside = value.value if isinstance(value, Known) else None
            if not isinstance(inside, FunctionValue):
                if name in found or _may_shape(ancestor, name, value):
                    return None
            elif _is_computed(inside):
                if not is_model(ancestor) or not has_clear_result(machine, inside):
                    return None
                found[name] = inside
            elif name in found or _shapes(inside):
                return None
    return found


def _is_computed(function: FunctionValue) -> bool:
    """Return whether `@computed_field` decorates a method, and nothing that flashc does not evaluate."""
    names = [outside_name(node.decorator, function.frame) for node in function.node.decorators]
    return not function.decorated and not COMPUTED.isdisjoint(names)


def _shapes(function: FunctionValue) -> bool:
    """Return whether a method may change what a dump contains."""
    if function.validates is not None:
        return function.validates.mode == "dump"
    return function.decorated


def _may_shape(ancestor: ClassValue, name: str, value: Value) -> bool:
    """Return whether a name of a class that is no method may be a serializer or a computed field.

    Fields have annotations.  Other names that begin with `_` are private attributes, unless a
    decorator of pydantic makes their values.
    """
    if name.startswith("__") or name in ("model_config", "Config"):
        return False
    if isinstance(value, Known) and not isinstance(value.value, External):
        return False
    for statement in statements(ancestor.node.body):
        if isinstance(statement, cst.AnnAssign) and name in bound_names(statement):
            return False
        if isinstance(statement, cst.Assign) and name in bound_names(statement):
            if name.startswith("_") and not _makes_method(statement.value, ancestor.frame):
                return False
    return True


def _makes_method(node: cst.BaseExpression, frame: Frame) -> bool:
    """Return whether an expression uses a decorator of pydantic that makes serializers or computed fields."""
    return any(
        outside_name(call.func, frame).endswith(("serializer", "computed_field"))
        for call in find_nodes(node, cst.Call)
    )


def computed_field(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `computed_field(...)` with options, which is a decorator."""
    if arguments.positional or arguments.problem is not None:
        return None
    if not arguments.keywords.keys() <= _HARMLESS:
        return None
    return Known(External(name), arguments.span)
