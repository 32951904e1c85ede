"""Evaluate literals, implicit string concatenation and f-strings."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst

from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import Frame
from flashc.evaluator.operations.apply import apply, has_long_number, resolve_symbolic, too_large
from flashc.evaluator.operations.special_methods import call_special, text_of
from flashc.evaluator.values import Known, Symbolic, Unknown, Value
from flashc.syntax import walk
from flashc_core.source import Span
from flashc_ir.resources import EnvironmentReference, Text

_NOWHERE = Span.start_of("")


def literal(
    node: cst.SimpleString | cst.Integer | cst.Float | cst.Imaginary | cst.ConcatenatedString,
    span: Span,
) -> Value:
    """Return the value of a literal."""
    try:
        return Known(walk.evaluated_literal(node), span)
    except (ValueError, SyntaxError):  # Python limits the digits of an integer
        return Unknown(reason="the literal is too large", origin=span)


def string(
    machine: Machine, node: cst.ConcatenatedString | cst.FormattedString, frame: Frame, span: Span
) -> Value:
    """Return the value of an f-string or concatenation; environment variables stay references."""
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
            variables |= value.computed
            continue
        if isinstance(value.value, bytes):
            if isinstance(node, cst.ConcatenatedString):
                return literal(node, span)
            return Unknown(reason="flashc does not evaluate this string", origin=span)
        variables |= value.variables
        parts.append(Text(str(value.value)))
    if any(isinstance(part, EnvironmentReference) for part in parts):
        return Symbolic(tuple(parts), span, computed=variables)
    text = "".join(part.text for part in parts if isinstance(part, Text))
    return Known(text, span, variables)


def _pieces(node: cst.BaseExpression) -> list[str | bytes | cst.FormattedStringExpression]:
    """Return the texts and placeholders of a string, f-string or concatenation, in order."""
    match node:
        case cst.ConcatenatedString():
            return [*_pieces(node.left), *_pieces(node.right)]
        case cst.SimpleString():
            value = literal(node, _NOWHERE)
            return (
                [value.value]
                if isinstance(value, Known) and isinstance(value.value, (str, bytes))
                else []
            )
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
    """Return the text between the placeholders of an f-string, with escapes and `{{` replaced."""
    plain = text.replace("{{", "{").replace("}}", "}")
    if raw or "\\" not in plain:
        return plain
    value = literal(cst.SimpleString(f"{quote}{plain}{quote}"), _NOWHERE)
    return str(value.value) if isinstance(value, Known) else plain


def _placeholder(machine: Machine, part: cst.FormattedStringExpression, frame: Frame) -> Value:
    """Return the text of a placeholder of an f-string, `{value!r:spec}`."""
    span = frame.syntax.span(part)
    value = machine.evaluate(part.expression, frame)
    if isinstance(value, Symbolic) and not part.conversion and not part.format_spec:
        if part.equal is None:
            return _as_text(value)
    spec = _format_spec(machine, part, frame)
    if isinstance(spec, Unknown):
        return spec
    if isinstance(value, Symbolic):
        value = machine.read(value)
    conversion = part.conversion
    if part.equal is not None and not part.format_spec:
        conversion = conversion or "r"
    text = _formatted(machine, value, conversion, spec, span)
    if part.equal is not None and isinstance(text, Known):
        shown = f"{_self_documenting(part, frame)}{text.value}"
        return Known(shown, span, text.variables)
    return text


def _formatted(
    machine: Machine, value: Value, conversion: str | None, spec: str, span: Span
) -> Value:
    """Return the text of a value after the conversion and format of a placeholder."""
    functions: dict[str | None, Callable[[object], str]] = {"s": str, "r": repr, "a": ascii}

    def render(plain: object) -> str:
        """Convert and format a plain value."""
        shown = functions[conversion](plain) if conversion else plain
        return format(shown, spec)

    if has_long_number(spec):
        return too_large(span)
    if conversion is None:
        own = call_special(machine, value, "__format__", [Known(spec, span)], span)
        if own is not None or spec:
            return apply(machine, render, span, value) if own is None else own
    shown = text_of(machine, value, "__repr__" if conversion in ("r", "a") else "__str__", span)
    if shown is not None:
        conversion, value = None, resolve_symbolic(machine, shown)
    return apply(machine, render, span, value)


def _self_documenting(part: cst.FormattedStringExpression, frame: Frame) -> str:
    """Return the text that `f"{ x = }"` writes before the value."""
    assert part.equal is not None
    pieces = (
        part.whitespace_before_expression,
        part.expression,
        part.whitespace_after_expression,
        part.equal,
    )
    return "".join(frame.syntax.code(piece) for piece in pieces)


def _as_text(value: Symbolic) -> Symbolic:
    """Return the text of an environment variable in a placeholder; "None" if it may be not set."""
    if not value.optional:
        return value
    parts = [
        EnvironmentReference(p.variable, "None") if isinstance(p, EnvironmentReference) else p
        for p in value.parts
    ]
    return Symbolic(tuple(parts), value.origin, computed=value.computed)


def _format_spec(
    machine: Machine, part: cst.FormattedStringExpression, frame: Frame
) -> str | Unknown:
    """Return the text of a placeholder's format specification."""
    texts: list[str] = []
    for piece in part.format_spec or ():
        if isinstance(piece, cst.FormattedStringText):
            texts.append(piece.value)
        elif isinstance(piece, cst.FormattedStringExpression):
            value = resolve_symbolic(machine, _placeholder(machine, piece, frame))
            if isinstance(value, Unknown):
                return value
            texts.append(str(value.value))
    return "".join(texts)
