"""Recognise classes that a decorator of attrs, or `pydantic.dataclasses.dataclass`, makes records."""

from __future__ import annotations

from typing import Literal

import libcst as cst

from flashc.evaluator.objects import ClassValue
from flashc.syntax.walk import dotted, statements

from .classes import external_name
from .names import Context, NameReader

Maker = Literal["attrs", "pydantic"]
_ATTRS = frozenset(
    f"{module}.{name}"
    for module in ("attr", "attrs")
    for name in ("define", "mutable", "frozen", "dataclass")
)
_FIELDS = frozenset(
    f"{module}.{name}" for module in ("attr", "attrs") for name in ("field", "ib", "attrib", "attr")
)
# The positional parameters of `attr.ib` in attrs 19.2 to 26.1; those of `field` are keywords.
POSITIONS = (
    "default validator repr cmp hash init metadata type converter factory kw_only eq order"
    " on_setattr alias"
).split()
_NO_DEFAULT = frozenset({"attr.NOTHING", "attrs.NOTHING"})
_PYDANTIC = "pydantic.dataclasses.dataclass"
# Arguments of a decorator that do not change which fields an instance has, or what its constructor takes.
_HARMLESS = frozenset(
    "frozen slots kw_only eq order hash unsafe_hash repr str cache_hash weakref_slot match_args"
    " on_setattr collect_by_mro".split()
)


def maker_of(names: NameReader, class_value: ClassValue, context: Context) -> Maker | None:
    """Return which library's decorator makes a record of a class; None if it has other decorators too."""
    if len(class_value.node.decorators) != 1:
        return None
    node = class_value.node.decorators[0].decorator
    given: set[str | None] = set()
    if isinstance(node, cst.Call):
        given = {None if a.keyword is None else a.keyword.value for a in node.args}
        node = node.func
    if dotted(node) is None or not given <= _HARMLESS:
        return None
    name = external_name(names.named(node, context))
    if name == _PYDANTIC:
        return "pydantic"
    if name in _ATTRS and not _has_unannotated_fields(names, class_value, context):
        return "attrs"
    return None


def _has_unannotated_fields(names: NameReader, class_value: ClassValue, context: Context) -> bool:
    """Return whether a class of attrs has `x = field()` without an annotation; then names without `field()` are no fields."""
    return any(
        isinstance(statement, cst.Assign)
        and attrs_options(names, statement.value, context) is not None
        for statement in statements(class_value.node.body)
    )


def attrs_options(
    names: NameReader, node: cst.BaseExpression | None, context: Context
) -> dict[str, cst.BaseExpression] | None:
    """Return the options of a call of `attrs.field`, by their names; None if it is another expression.

    `*` and `**` may give any option: they count as a converter, with which the field's JSON is not known.
    """
    if not isinstance(node, cst.Call) or dotted(node.func) is None:
        return None
    name = external_name(names.named(node.func, context))
    if name not in _FIELDS:
        return None
    positions = iter(() if name.endswith(".field") else POSITIONS)
    found: dict[str, cst.BaseExpression] = {}
    for argument in node.args:
        if argument.star:
            found["converter"] = argument.value
        elif argument.keyword is not None:
            found[argument.keyword.value] = argument.value
        else:
            found[next(positions, "")] = argument.value
    default = found.get("default")
    if default is not None and dotted(default) is not None:
        if external_name(names.named(default, context)) in _NO_DEFAULT:
            del found["default"]
    return found


def has_later_default(class_value: ClassValue, name: str) -> bool:
    """Return whether a method of a class of attrs makes the default of a field: it has `@NAME.default`."""
    return any(
        dotted(decorator.decorator) == f"{name}.default"
        for statement in class_value.node.body.body
        if isinstance(statement, cst.FunctionDef)
        for decorator in statement.decorators
    )
