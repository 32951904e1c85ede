"""A call -> its value: builtins, pure methods, functions and classes of the project, the SDK's own."""

from __future__ import annotations

from dataclasses import replace
from enum import EnumMeta
from typing import TYPE_CHECKING

import libcst as cst

from flashc_core.source import Span

from . import expressions, functions, library, methods, operators, records
from .dialect import DialectObject
from .escape import escape_value
from .failures import PythonError
from .iteration import elements
from .objects import (
    Argument,
    CallArguments,
    ClassValue,
    Frame,
    FunctionValue,
    InstanceValue,
    LambdaValue,
    PartialValue,
)
from .values import (
    BoundMethod,
    DictValue,
    External,
    Known,
    Symbolic,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from .machine import Machine


def call_expression(machine: Machine, node: cst.Call, frame: Frame, span: Span) -> Value:
    """The value of a call in the source."""
    callee = expressions.evaluate(machine, node.func, frame)
    arguments = evaluate_arguments(machine, node, frame, span)
    return call(machine, callee, arguments)


def evaluate_arguments(machine: Machine, node: cst.Call, frame: Frame, span: Span) -> CallArguments:
    """The arguments of a call, `*` and `**` taken apart."""
    positional: list[Argument] = []
    keywords: dict[str, Argument] = {}
    problem: Unknown | None = None
    for part in node.args:
        value = expressions.evaluate(machine, part.value, frame)
        place = frame.syntax.span(part.value)
        if part.star == "*":
            items = elements(machine, value)
            if isinstance(items, Unknown):
                problem = problem or items
            else:
                positional.extend(Argument(item, place) for item in items)
        elif part.star == "**":
            problem = _spread(value, place, keywords) or problem
        elif part.keyword is not None:
            name = frame.syntax.span(part.keyword)
            _keyword(keywords, part.keyword.value, Argument(value, place, name))
        else:
            positional.append(Argument(value, place))
    text = frame.syntax.arguments_span(node)
    return CallArguments(
        positional=positional,
        keywords=keywords,
        span=span,
        text=text,
        module=frame.syntax.name,
        problem=problem,
    )


def _spread(value: Value, place: Span, keywords: dict[str, Argument]) -> Unknown | None:
    if isinstance(value, Unknown):
        return value
    if not isinstance(value, Known) or not isinstance(value.value, DictValue):
        return Unknown(reason="what `**` spreads is no dict that flashc knows", origin=place)
    for key, (key_value, item) in value.value.entries.items():
        if not isinstance(key, str):
            raise PythonError(TypeError, "keywords must be strings", place)
        written = item.origin if item.origin.path == key_value.origin.path else key_value.origin
        _keyword(keywords, key, Argument(item, written))
    return value.value.escaped


def _keyword(keywords: dict[str, Argument], name: str, argument: Argument) -> None:
    if name in keywords:
        raise PythonError(
            TypeError, f"multiple values for keyword argument '{name}'", argument.span
        )
    keywords[name] = argument


def call_values(
    machine: Machine, callee: Value, values: list[Value], cause: CallArguments
) -> Value:
    """`callee(*values)`, for a call that the source does not spell out: a key function, `map`."""
    return call(machine, callee, cause.inner(values))


def call(machine: Machine, callee: Value, arguments: CallArguments) -> Value:
    """`callee(arguments)`."""
    if isinstance(callee, Unknown):
        machine.escape(arguments)
        return callee
    if isinstance(callee, Symbolic):
        return Unknown(reason="an environment variable can't be called", origin=arguments.span)
    match callee.value:
        case DialectObject() as object_of_sdk:
            return object_of_sdk.call(machine, arguments)
        case PartialValue() as partial:
            return call(machine, partial.function, _completed(partial, arguments))
        case FunctionValue() as function:
            return functions.call(machine, function, arguments)
        case LambdaValue() as function:
            return functions.call_lambda(machine, function, arguments)
        case ClassValue() as class_value:
            return functions.instantiate(machine, class_value, arguments)
        case _ if arguments.problem is not None:
            machine.escape(arguments)
            return arguments.problem
        case External() as external:
            return library.call_external(machine, external, arguments)
        case BoundMethod() as bound:
            return method(machine, bound, arguments)
        case EnumMeta() as enum_class:
            return _member_of(machine, enum_class, arguments)
        case _:
            machine.escape(arguments)
            return Unknown(reason="flashc does not evaluate this call", origin=arguments.span)


def _completed(partial: PartialValue, later: CallArguments) -> CallArguments:
    earlier = [Argument(value, later.span) for value in partial.positional]
    keywords = {**partial.keywords, **later.keywords}
    positional = earlier + later.positional
    return replace(later, positional=positional, keywords=keywords, outermost=False)


def _member_of(machine: Machine, enum_class: EnumMeta, arguments: CallArguments) -> Value:
    """`GpuGroup("ADA_24")`."""
    values = [operators.settled(machine, value) for value in arguments.values]
    return operators.apply(machine, enum_class, arguments.span, *values)


_MUTATORS = frozenset(
    {
        "append",
        "extend",
        "insert",
        "remove",
        "pop",
        "clear",
        "sort",
        "reverse",
        "update",
        "setdefault",
        "popitem",
        "add",
        "discard",
        "difference_update",
        "intersection_update",
        "symmetric_difference_update",
    }
)


def method(machine: Machine, bound: BoundMethod, arguments: CallArguments) -> Value:
    """`receiver.name(arguments)`, whatever the receiver is."""
    receiver = bound.receiver
    if machine.condition is not None and bound.name in _MUTATORS:
        escape_value(receiver, machine.condition)
    if isinstance(receiver, Known):
        match receiver.value:
            case EnumMeta() as enum_class:
                return _enum_method(machine, enum_class, bound.name, arguments)
            case InstanceValue(of=of) | (ClassValue() as of):
                return _own_method(machine, of, receiver, bound.name, arguments)
            case _:
                pass
    return methods.call(machine, receiver, bound.name, arguments)


def _own_method(
    machine: Machine, of: ClassValue, receiver: Known, name: str, arguments: CallArguments
) -> Value:
    """A method of a class of the project, bound to an instance or to the class."""
    found = of.find(name)
    if not isinstance(found, Known) or not isinstance(found.value, FunctionValue):
        return records.method(machine, receiver, name, arguments)
    bound = Known(of, receiver.origin) if found.value.kind == "class" else receiver
    first = Argument(bound, arguments.span)
    positional = [first, *arguments.positional]
    inside = replace(arguments, positional=positional)
    return functions.call(machine, found.value, inside)


def _enum_method(machine: Machine, kind: EnumMeta, name: str, arguments: CallArguments) -> Value:
    """`GpuGroup.all()`: enum classes of the project have no methods that flashc follows."""
    for dialect in machine.dialects:
        function = dialect.enum_method(kind, name)
        if function is not None and not arguments.keywords:
            return operators.apply(machine, function, arguments.span, *arguments.values)
    machine.escape(arguments)
    return Unknown(
        reason=f"flashc does not evaluate `{kind.__name__}.{name}`", origin=arguments.span
    )
