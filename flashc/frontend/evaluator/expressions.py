"""An expression and the names around it -> its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import libcst as cst

from flashc_ir.resources import EnvironmentReference, Text
from flashc_ir.source import Span

from . import attributes, calls, containers, library, operators
from .objects import Frame
from .values import (
    DictValue,
    External,
    Known,
    ListValue,
    NotConcrete,
    SequenceKind,
    Symbolic,
    Unknown,
    Value,
    concrete,
    elements,
    variables_of,
)

if TYPE_CHECKING:
    from .machine import Machine

_NESTING = 100


def evaluate(machine: Machine, node: cst.BaseExpression, frame: Frame) -> Value:
    """The value of `node`.  Never raises for what the program does: that makes an `Unknown`."""
    machine.step(node, frame)
    if machine.depth > _NESTING:
        return Unknown("it is nested too deeply", frame.syntax.span(node))
    machine.depth += 1
    try:
        return _evaluate(machine, node, frame)
    finally:
        machine.depth -= 1


def _evaluate(machine: Machine, node: cst.BaseExpression, frame: Frame) -> Value:
    span = frame.syntax.span(node)
    match node:
        case cst.Name():
            return _name(node, frame, span)
        case cst.SimpleString() | cst.Integer() | cst.Float() | cst.Imaginary():
            return Known(node.evaluated_value, span)
        case cst.ConcatenatedString() | cst.FormattedString():
            return _string(machine, node, frame, span)
        case cst.Ellipsis():
            return Known(..., span)
        case cst.Tuple():
            return _sequence(machine, node.elements, tuple, frame, span)
        case cst.List():
            return _sequence(machine, node.elements, list, frame, span)
        case cst.Set():
            return _sequence(machine, node.elements, set, frame, span)
        case cst.Dict():
            return _dict(machine, node, frame, span)
        case cst.UnaryOperation() | cst.BinaryOperation() | cst.BooleanOperation():
            return operators.operation(machine, node, frame, span)
        case cst.Comparison():
            return operators.comparison(machine, node, frame, span)
        case cst.IfExp():
            return _conditional(machine, node, frame)
        case cst.Attribute():
            receiver = evaluate(machine, node.value, frame)
            return attributes.attribute(machine, receiver, node.attr.value, span)
        case cst.Subscript():
            return containers.subscript(machine, node, frame, span)
        case cst.Call():
            return calls.call_expression(machine, node, frame, span)
        case cst.ListComp() | cst.SetComp() | cst.GeneratorExp() | cst.DictComp():
            return _comprehension(machine, node, frame, span)
        case cst.NamedExpr():
            value = evaluate(machine, node.value, frame)
            if isinstance(node.target, cst.Name):
                frame.names[node.target.value] = value
            return value
        case _:
            return Unknown(_unsupported(node), span)


def _unsupported(node: cst.CSTNode) -> str:
    match node:
        case cst.Lambda():
            return "it is a lambda"
        case cst.Await():
            return "it waits for something at run time"
        case _:
            return "flashc does not evaluate this kind of expression"


def _name(node: cst.Name, frame: Frame, span: Span) -> Value:
    name = node.value
    match name:
        case "True" | "False":
            return Known(name == "True", span)
        case "None":
            return Known(None, span)
        case _:
            pass
    found = lookup(name, frame)
    if found is not None:
        return found
    if name in library.BUILTINS:
        return Known(External(f"builtins.{name}"), span)
    return Unknown(f"`{name}` is not defined here", span)


def lookup(name: str, frame: Frame) -> Value | None:
    """What `name` is in `frame`, by Python's rules; None where it is not bound."""
    scope: Frame | None = frame.module if name in frame.global_names else frame
    while scope is not None:
        if name in scope.names and (scope is frame or not scope.is_class):
            return scope.names[name]
        scope = scope.enclosing
    return None


def truth(machine: Machine, value: Value) -> bool | Unknown:
    """Whether `value` counts as true; environment variables are read for it."""
    match value:
        case Unknown():
            return value
        case Symbolic():
            return truth(machine, machine.read(value))
        case Known():
            pass
    match value.value:
        case ListValue() as items:
            return items.escaped or bool(items.items)
        case DictValue() as entries:
            return entries.escaped or bool(entries.entries)
        case External() as external:
            if external.name in _CONSTANT_CONDITIONS:
                return _CONSTANT_CONDITIONS[external.name]
            return Unknown(f"`{external.name}` comes from outside the project", value.origin)
        case _:
            pass
    try:
        return bool(concrete(value))
    except NotConcrete:
        return True  # a function, class or object of the program


_CONSTANT_CONDITIONS = {"typing.TYPE_CHECKING": False, "builtins.__debug__": True}


def _sequence(
    machine: Machine,
    parts: Sequence[cst.BaseElement],
    kind: SequenceKind,
    frame: Frame,
    span: Span,
) -> Value:
    items: list[Value] = []
    for part in parts:
        value = evaluate(machine, part.value, frame)
        if isinstance(part, cst.StarredElement):
            inner = elements(value)
            if isinstance(inner, Unknown):
                return inner
            items.extend(inner)
        else:
            items.append(value)
    if kind is set:
        return containers.make_set(set, items, span)
    return Known(ListValue(kind, items), span)


def _dict(machine: Machine, node: cst.Dict, frame: Frame, span: Span) -> Value:
    result = DictValue()
    for part in node.elements:
        value = evaluate(machine, part.value, frame)
        if isinstance(part, cst.DictElement):
            key = evaluate(machine, part.key, frame)
            problem = containers.store(machine, result, key, value)
        else:
            problem = containers.merge(result, value)
        if problem is not None:
            return problem
    return Known(result, span)


def _conditional(machine: Machine, node: cst.IfExp, frame: Frame) -> Value:
    test = evaluate(machine, node.test, frame)
    chosen = truth(machine, test)
    if isinstance(chosen, Unknown):
        return chosen
    value = evaluate(machine, node.body if chosen else node.orelse, frame)
    return operators.tainted(value, variables_of(test))


def _string(
    machine: Machine, node: cst.ConcatenatedString | cst.FormattedString, frame: Frame, span: Span
) -> Value:
    """f-strings and implicit concatenation; environment variables in them stay references."""
    parts: list[Text | EnvironmentReference] = []
    variables: frozenset[str] = frozenset()
    for piece in _pieces(node):
        if isinstance(piece, (str, bytes)):
            value: Value = Known(piece, span)
        else:
            value = _placeholder(machine, piece, frame)
        if isinstance(value, Unknown):
            return value
        if isinstance(value, Symbolic):
            parts.extend(value.parts)
            continue
        if isinstance(value.value, bytes):
            return _bytes(node, span)
        variables |= value.variables
        parts.append(Text(str(value.value)))
    if any(isinstance(part, EnvironmentReference) for part in parts):
        return Symbolic(tuple(parts), span)
    text = "".join(part.text for part in parts if isinstance(part, Text))
    return Known(text, span, variables)


def _bytes(node: cst.BaseExpression, span: Span) -> Value:
    if isinstance(node, cst.ConcatenatedString):
        return Known(node.evaluated_value, span)
    return Unknown("flashc does not evaluate this string", span)


def _pieces(node: cst.BaseExpression) -> list[str | bytes | cst.FormattedStringExpression]:
    match node:
        case cst.ConcatenatedString():
            return [*_pieces(node.left), *_pieces(node.right)]
        case cst.SimpleString():
            return [node.evaluated_value]
        case cst.FormattedString():
            raw = "r" in node.prefix.lower()
            return [
                _unescape(part.value, node.quote, raw)
                if isinstance(part, cst.FormattedStringText)
                else part
                for part in node.parts
                if isinstance(part, (cst.FormattedStringText, cst.FormattedStringExpression))
            ]
        case _:
            return []


def _unescape(text: str, quote: str, raw: bool) -> str:
    """The text between an f-string's placeholders: `{{` is a brace, escapes are those of a string."""
    plain = text.replace("{{", "{").replace("}}", "}")
    if raw or "\\" not in plain:
        return plain
    literal = cst.SimpleString(f"{quote}{plain}{quote}")
    return str(literal.evaluated_value)


def _placeholder(machine: Machine, part: cst.FormattedStringExpression, frame: Frame) -> Value:
    span = frame.syntax.span(part)
    value = evaluate(machine, part.expression, frame)
    if isinstance(value, Symbolic) and not part.conversion and not part.format_spec:
        return _as_text(value)
    spec = _format_spec(machine, part, frame)
    if isinstance(spec, Unknown):
        return spec
    if isinstance(value, Symbolic):
        value = machine.read(value)
    text = operators.formatted(value, part.conversion, spec, span)
    if part.equal is not None and isinstance(text, Known):
        return Unknown("flashc does not evaluate `=` in an f-string", span)
    return text


def _as_text(value: Symbolic) -> Symbolic:
    """What a placeholder makes of an environment variable: Python writes None where it is not set."""
    if not value.optional:
        return value
    parts = [
        EnvironmentReference(p.variable, "None") if isinstance(p, EnvironmentReference) else p
        for p in value.parts
    ]
    return Symbolic(tuple(parts), value.origin)


def _format_spec(
    machine: Machine, part: cst.FormattedStringExpression, frame: Frame
) -> str | Unknown:
    texts: list[str] = []
    for piece in part.format_spec or ():
        if isinstance(piece, cst.FormattedStringText):
            texts.append(piece.value)
        elif isinstance(piece, cst.FormattedStringExpression):
            value = operators.settled(machine, _placeholder(machine, piece, frame))
            if isinstance(value, Unknown):
                return value
            texts.append(str(value.value))
    return "".join(texts)


def _comprehension(machine: Machine, node: cst.BaseComp, frame: Frame, span: Span) -> Value:
    inner = Frame(frame.syntax, {}, frame, qualname=frame.qualname)
    results: list[tuple[Value, Value]] = []
    problem = _generate(machine, node, node.for_in, inner, results)
    if problem is not None:
        return problem
    if isinstance(node, cst.DictComp):
        table = DictValue()
        for key, value in results:
            problem = containers.store(machine, table, key, value)
            if problem is not None:
                return problem
        return Known(table, span)
    items = [value for _, value in results]
    if isinstance(node, cst.SetComp):
        return containers.make_set(set, items, span)
    return Known(ListValue(list, items), span)


def _generate(
    machine: Machine,
    node: cst.BaseComp,
    generator: cst.CompFor,
    frame: Frame,
    results: list[tuple[Value, Value]],
) -> Unknown | None:
    source = elements(evaluate(machine, generator.iter, frame))
    if isinstance(source, Unknown):
        return source
    for item in source:
        problem = containers.unpack(machine, generator.target, item, frame)
        if problem is not None:
            return problem
        kept = True
        for condition in generator.ifs:
            verdict = truth(machine, evaluate(machine, condition.test, frame))
            if isinstance(verdict, Unknown):
                return verdict
            kept = kept and verdict
        if not kept:
            continue
        if generator.inner_for_in is not None:
            problem = _generate(machine, node, generator.inner_for_in, frame, results)
            if problem is not None:
                return problem
        elif isinstance(node, cst.DictComp):
            key = evaluate(machine, node.key, frame)
            results.append((key, evaluate(machine, node.value, frame)))
        elif isinstance(node, (cst.ListComp, cst.SetComp, cst.GeneratorExp)):
            value = evaluate(machine, node.elt, frame)
            results.append((value, value))
    return None
