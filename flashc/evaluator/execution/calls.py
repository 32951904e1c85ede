"""Evaluate call expressions: the callee, then the arguments, then the call by the callee's kind."""

from __future__ import annotations

from enum import EnumMeta

import libcst as cst
from msgspec.structs import replace

from flashc.evaluator.dialect import DialectObject
from flashc.evaluator.escape import sharing
from flashc.evaluator.failures import PythonError
from flashc.evaluator.library import environment_readers, external_calls, methods
from flashc.evaluator.library_values import NewTypeValue, VariableReader
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    Argument,
    CallArguments,
    ClassValue,
    Frame,
    FunctionValue,
    InstanceValue,
    LambdaValue,
    PartialValue,
)
from flashc.evaluator.operations.apply import apply, resolve_symbolic
from flashc.evaluator.operations.iteration import elements
from flashc.evaluator.operations.special_methods import call_method, special_method
from flashc.evaluator.values import (
    BoundMethod,
    DictValue,
    External,
    Known,
    MappingObject,
    Symbolic,
    Unknown,
    Value,
)
from flashc_core.source import Span

from . import functions
from .super_calls import call_super, new_instance, super_method


def call_expression(machine: Machine, node: cst.Call, frame: Frame, span: Span) -> Value:
    """Return the value of a call that is written in the source."""
    name = super_method(node.func, frame)
    if name is not None:
        arguments = evaluate_arguments(machine, node, frame, span)
        result = call_super(machine, name, arguments, frame)
        return result or machine.call(machine.evaluate(node.func, frame), arguments)
    callee = machine.evaluate(node.func, frame)
    arguments = evaluate_arguments(machine, node, frame, span)
    made = new_instance(callee, arguments)
    return made or machine.call(callee, arguments)


def evaluate_arguments(machine: Machine, node: cst.Call, frame: Frame, span: Span) -> CallArguments:
    """Return the arguments of a call; the operands of `*` and `**` are unpacked.

    Raises:
        PythonError: a keyword is given twice or is not a string.
    """
    positional: list[Argument] = []
    keywords: dict[str, Argument] = {}
    problem: Unknown | None = None
    for part in node.args:
        value = machine.evaluate(part.value, frame)
        written_at = frame.syntax.span(part.value)
        if part.star == "*":
            items = elements(machine, value)
            if isinstance(items, Unknown):
                problem = sharing(problem or items, items, value)
            else:
                positional.extend(Argument(item, written_at) for item in items)
        elif part.star == "**":
            missing = _unpack_keywords(value, written_at, keywords)
            problem = sharing(missing, value, problem) if missing is not None else problem
        elif part.keyword is not None:
            name = frame.syntax.span(part.keyword)
            _add_keyword(keywords, part.keyword.value, Argument(value, written_at, name))
        else:
            positional.append(Argument(value, written_at))
    text = frame.syntax.arguments_span(node)
    return CallArguments(
        positional=positional,
        keywords=keywords,
        span=span,
        text=text,
        module=frame.syntax.name,
        problem=problem,
    )


def _unpack_keywords(
    value: Value, written_at: Span, keywords: dict[str, Argument]
) -> Unknown | None:
    """Add the items of a `**` operand to the keywords; if that fails, return the reason."""
    if isinstance(value, Unknown):
        return value
    if not isinstance(value, Known) or not isinstance(value.value, (DictValue, MappingObject)):
        return Unknown(
            reason="the operand of `**` is not a dict that flashc knows", origin=written_at
        )
    shown = value.value.current()
    for key, (key_value, item) in shown.entries.items():
        if not isinstance(key, str):
            raise PythonError(TypeError, "keywords must be strings", written_at)
        written = item.origin if item.origin.path == key_value.origin.path else key_value.origin
        _add_keyword(keywords, key, Argument(item, written, key_value.origin))
    return shown.escaped


def _add_keyword(keywords: dict[str, Argument], name: str, argument: Argument) -> None:
    """Add one keyword argument.

    Raises:
        PythonError: the keyword is given twice (a TypeError).
    """
    if name in keywords:
        raise PythonError(
            TypeError, f"multiple values for keyword argument '{name}'", argument.span
        )
    keywords[name] = argument


def call(machine: Machine, callee: Value, arguments: CallArguments) -> Value:
    """Return `callee(arguments)`.

    Raises:
        PythonError: the call is certain to raise.
    """
    if isinstance(callee, Unknown):
        machine.escape(arguments.with_receiver(callee))
        return callee
    if isinstance(callee, Symbolic):
        return Unknown(reason="an environment variable can't be called", origin=arguments.span)
    match callee.value:
        case DialectObject() as sdk_object:
            return sdk_object.call(machine, arguments)
        case PartialValue() as partial:
            return machine.call(partial.function, _with_partial_arguments(partial, arguments))
        case FunctionValue() as function:
            return functions.call(machine, function, arguments)
        case LambdaValue() as function:
            return functions.call_lambda(machine, function, arguments)
        case ClassValue() as class_value:
            return functions.instantiate(machine, class_value, arguments)
        case InstanceValue(of=of) if (found := special_method(callee, "__call__")) is not None:
            return call_method(machine, found, of, callee, arguments)
        case _ if arguments.problem is not None:
            machine.escape(arguments.with_receiver(callee))
            return arguments.problem
        case External() as external:
            return external_calls.call_external(machine, external, arguments)
        case BoundMethod() as bound:
            return methods.call(machine, bound, arguments)
        case VariableReader() as env:
            return environment_readers.read(machine, env, "str", arguments)
        case NewTypeValue() if len(arguments.values) == 1:
            return arguments.values[0]
        case EnumMeta() as enum_class:
            return _member_of(machine, enum_class, arguments)
        case _:
            machine.escape(arguments.with_receiver(callee))
            return Unknown(reason="flashc does not evaluate this call", origin=arguments.span)


def _with_partial_arguments(partial: PartialValue, later: CallArguments) -> CallArguments:
    """Return the arguments of a call of a `functools.partial`, including the stored ones."""
    earlier = [Argument(value, later.span) for value in partial.positional]
    keywords = {**partial.keywords, **later.keywords}
    positional = earlier + later.positional
    return replace(later, positional=positional, keywords=keywords, outermost=False)


def _member_of(machine: Machine, enum_class: EnumMeta, arguments: CallArguments) -> Value:
    """Return the member of an enum for its value, as in `GpuGroup("ADA_24")`."""
    if arguments.keywords:
        reason = f"flashc does not evaluate this `{enum_class.__name__}(...)`"
        return Unknown(reason=reason, origin=arguments.span)
    values = [resolve_symbolic(machine, value) for value in arguments.values]
    return apply(machine, enum_class, arguments.span, *values)
