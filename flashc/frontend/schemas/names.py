"""Find what the names in an annotation mean, in the module or class that contains it."""

from __future__ import annotations

import builtins
from collections.abc import Mapping

import libcst as cst
from msgspec import Struct, field

from flashc.evaluator.activation import OutOfSteps
from flashc.evaluator.failures import PythonError
from flashc.evaluator.library.attributes import attribute
from flashc.evaluator.library_values import TypeForm
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import Frame
from flashc.evaluator.values import External, Known, Unknown, Value
from flashc.syntax.walk import dotted, string_literal
from flashc_core.source import Span
from flashc_ir.schemas import Schema

from . import library_types as lib
from .classes import external_name

Scope = Mapping[object, Schema]


class Context(Struct, frozen=True, kw_only=True):
    """Where an annotation is written, and how its values travel.

    `names` finds names before `frame` does, such as those in the body of a class.  `scope` has what
    stands for type variables.  `by_pydantic` says that pydantic converts the values.
    """

    frame: Frame
    span: Span
    by_pydantic: bool
    names: Mapping[str, Value] = field(default_factory=dict[str, Value])
    scope: Scope = field(default_factory=dict[object, Schema])
    in_text: bool = False


class NameReader(Struct, frozen=True, eq=False):
    """Evaluates the names and the notes in annotations, and records which names were read."""

    machine: Machine

    def named(self, node: cst.BaseExpression, context: Context) -> Value:
        """Return the value of a dotted name; that it is read is recorded."""
        if isinstance(node, cst.Attribute):
            try:
                owner = self.named(node.value, context)
                return attribute(self.machine, owner, node.attr.value, context.span)
            except PythonError as error:
                return Unknown(reason=str(error), origin=context.span)
        if isinstance(node, (cst.SimpleString, cst.ConcatenatedString)):
            inner = (string_literal(node) or "").strip()
            is_name = bool(inner) and all(part.isidentifier() for part in inner.split("."))
            if is_name:
                return self.named(cst.parse_expression(inner), context)
        if isinstance(node, cst.Subscript) and not context.in_text:
            return self.evaluated(node, context)
        if not isinstance(node, cst.Name):
            return Unknown(reason="flashc does not read this annotation", origin=context.span)
        name, frame = node.value, context.frame
        found = context.names.get(name)
        if found is not None:
            return found
        self.machine.interactions.note_read("", frame.syntax.name, name)
        found = frame.lookup(name)
        if found is None and name == "None":
            return Known(None, context.span)
        if found is None and hasattr(builtins, name):
            return Known(External(f"builtins.{name}"), context.span)
        return found or Unknown(reason=f"`{name}` is not defined here", origin=context.span)

    def evaluated(self, node: cst.BaseExpression, context: Context) -> Value:
        """Return the value of an expression; unknown if it is in a text, where it has no position."""
        match node:
            case cst.SimpleString() | cst.ConcatenatedString():
                return Known(string_literal(node), context.span)
            case cst.Name(value="True" | "False" as word):
                return Known(word == "True", context.span)
            case cst.Name() | cst.Attribute():
                return self.named(node, context)
            case cst.Integer():
                return Known(node.evaluated_value, context.span)
            case cst.UnaryOperation(operator=cst.Minus(), expression=cst.Integer() as number):
                return Known(-number.evaluated_value, context.span)
            case _ if context.in_text:
                return Unknown(reason="it is inside of a text", origin=context.span)
            case _:
                pass
        try:
            return self.machine.evaluate(node, context.frame)
        except (PythonError, OutOfSteps) as error:
            return Unknown(reason=str(error), origin=context.span)

    def notes_of(self, node: cst.BaseExpression, context: Context) -> list[Value]:
        """Return the notes of an annotation `Annotated[...]`, or of a name that stands for one."""
        if isinstance(node, cst.Subscript):
            if external_name(self.named(node.value, context)) not in lib.ANNOTATED:
                return []
            parts = [e.slice.value for e in node.slice if isinstance(e.slice, cst.Index)]
            return [self.evaluated(part, context) for part in parts[1:]]
        found = self.named(node, context) if dotted(node) else None
        inside = found.value if isinstance(found, Known) else None
        if isinstance(inside, TypeForm) and external_name(inside.origin) in lib.ANNOTATED:
            return list(inside.arguments[1:])
        return []
