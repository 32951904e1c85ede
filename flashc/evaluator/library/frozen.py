"""Find which attributes of instances are certain to refuse a change: of frozen models, dataclasses and attrs classes."""

from __future__ import annotations

import libcst as cst

from flashc.evaluator.failures import PythonError
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import ClassValue
from flashc.syntax.walk import dotted
from flashc_core.source import Span

from .decorator_names import outside_name
from .model_fields import bases_of, fields_of, is_model, options_of

_ATTRS_FROZEN = frozenset({"attrs.frozen", "attr.frozen"})
_ATTRS = frozenset(
    {
        *("attrs.define", "attrs.mutable", "attr.define", "attr.mutable"),
        *("attr.s", "attr.attrs", "attr.attributes", "attr.dataclass"),
    }
)


def check_not_frozen(machine: Machine, of: ClassValue, name: str, special: str, span: Span) -> None:
    """Check that an instance does not surely refuse to change an attribute.

    `special` is `__setattr__`, or `__delattr__` for `del instance.name`.

    Raises:
        PythonError: it refuses.
    """
    if of.find(special) is not None or name.startswith("__"):
        return
    text = _refusal(machine, of, name)
    if text is not None:
        # Versions of pydantic raise different exceptions.
        kind = None if is_model(of) else AttributeError
        raise PythonError(kind, f"{text}, so `{name}` can't be changed", span)


def _refusal(machine: Machine, of: ClassValue, name: str) -> str | None:
    """Return why no attribute of this name can be changed; None if that may work."""
    is_frozen = (
        _is_frozen_model(machine, of, name)
        if is_model(of)
        else any(map(is_frozen_attrs, of.ancestry()))
    )
    if is_frozen:
        return f"`{of.name}` is frozen"
    for ancestor in of.ancestry():
        fields = {each for base in ancestor.ancestry() for each in base.fields}
        if ancestor.is_frozen and (ancestor is of or name in fields):
            return f"`{of.name}` is frozen"
        if ancestor.is_named_tuple and name in fields:
            return f"`{of.name}` is a named tuple"
    return None


def _is_frozen_model(machine: Machine, of: ClassValue, name: str) -> bool:
    """Return whether a model of pydantic 2 surely refuses to change an attribute."""
    if name.startswith("_") or of.decorated or any(".v1." in base for base in bases_of(of)):
        return False
    options = options_of(machine, of)
    fields = {field.name: field for field in fields_of(machine, of, options)}
    if name not in fields:
        return options.is_true("frozen") and of.find(name) is None
    return options.is_true("frozen") or fields[name].frozen


def is_frozen_attrs(class_value: ClassValue) -> bool:
    """Return whether the only decorator of a class is one of attrs that freezes the instances."""
    decorators = class_value.node.decorators
    return len(decorators) == 1 and _freezes(decorators[0].decorator, class_value)


def _freezes(node: cst.BaseExpression, class_value: ClassValue) -> bool:
    """Return whether a decorator is one of attrs, with `frozen=True` if it needs that."""
    name = outside_name(node, class_value.frame)
    given = {
        each.keyword.value: dotted(each.value)
        for each in (node.args if isinstance(node, cst.Call) else ())
        if each.keyword is not None
    }
    starred = isinstance(node, cst.Call) and any(each.star for each in node.args)
    if starred or "these" in given or "on_setattr" in given:
        return False
    if name in _ATTRS_FROZEN:
        return given.get("frozen", "True") == "True"
    return name in _ATTRS and given.get("frozen") == "True"
