"""A call -> its value: builtins, pure methods, functions and classes of the project, the SDK's own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import EnumMeta
from typing import TYPE_CHECKING

import libcst as cst

from flashc_ir.catalogue import DataCenter
from flashc_ir.source import Span

from . import expressions, functions, library, methods, operators, sdk
from .objects import (
    Argument,
    ClassValue,
    EndpointValue,
    Frame,
    FunctionValue,
    InstanceValue,
    PartialValue,
    RouteDecorator,
    SdkClass,
)
from .values import (
    BoundMethod,
    DictValue,
    External,
    Known,
    ListValue,
    Symbolic,
    Unknown,
    Value,
    elements,
    lift,
)

if TYPE_CHECKING:
    from .machine import Machine


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """An evaluated call.  `text` covers what stands between the parentheses in the source."""

    positional: list[Argument]
    keywords: dict[str, Argument]
    span: Span
    text: Span
    problem: Unknown | None = None
    outermost: bool = False  # a decorator with no other above it

    @property
    def values(self) -> list[Value]:
        return [argument.value for argument in self.positional]


def call_expression(machine: Machine, node: cst.Call, frame: Frame, span: Span) -> Value:
    """The value of a call in the source."""
    callee = expressions.evaluate(machine, node.func, frame)
    arguments = evaluate_arguments(machine, node, frame, span)
    return call(machine, callee, arguments, frame)


def evaluate_arguments(machine: Machine, node: cst.Call, frame: Frame, span: Span) -> Call:
    """The arguments of a call, `*` and `**` taken apart."""
    positional: list[Argument] = []
    keywords: dict[str, Argument] = {}
    problem: Unknown | None = None
    for part in node.args:
        value = expressions.evaluate(machine, part.value, frame)
        place = frame.syntax.span(part.value)
        if part.star == "*":
            items = elements(value)
            if isinstance(items, Unknown):
                problem = problem or items
            else:
                positional.extend(Argument(item, place) for item in items)
        elif part.star == "**":
            problem = _spread(value, place, keywords) or problem
        elif part.keyword is not None:
            keywords[part.keyword.value] = Argument(value, place)
        else:
            positional.append(Argument(value, place))
    return Call(positional, keywords, span, frame.syntax.arguments_span(node), problem)


def _spread(value: Value, place: Span, keywords: dict[str, Argument]) -> Unknown | None:
    if isinstance(value, Unknown):
        return value
    if not isinstance(value, Known) or not isinstance(value.value, DictValue):
        return Unknown("what `**` spreads is no dict that flashc knows", place)
    for key, (key_value, item) in value.value.entries.items():
        if isinstance(key, str):
            keywords[key] = Argument(item, key_value.origin)
    return value.value.escaped


def call(machine: Machine, callee: Value, arguments: Call, frame: Frame) -> Value:
    """`callee(arguments)`."""
    if isinstance(callee, Unknown):
        escape(machine, arguments)
        return callee
    if isinstance(callee, Symbolic):
        return Unknown("an environment variable can't be called", arguments.span)
    match callee.value:
        case SdkClass() as sdk_class:
            return sdk.construct(machine, sdk_class, arguments, frame)
        case EndpointValue() as endpoint:
            return sdk.decorate(machine, endpoint, arguments, frame)
        case RouteDecorator() as route:
            return sdk.decorate_route(machine, route, arguments, frame)
        case PartialValue() as partial:
            return call(machine, partial.function, _completed(partial, arguments), frame)
        case FunctionValue() as function:
            return functions.call(machine, function, arguments)
        case ClassValue() as class_value:
            return functions.instantiate(machine, class_value, arguments)
        case _ if arguments.problem is not None:
            escape(machine, arguments)
            return arguments.problem
        case External() as external:
            return library.call_external(machine, external, arguments, frame)
        case BoundMethod() as method:
            return _method(machine, method, arguments)
        case EnumMeta() as enum_class:
            return _member_of(machine, enum_class, arguments)
        case _:
            escape(machine, arguments)
            return Unknown("flashc does not evaluate this call", arguments.span)


def _completed(partial: PartialValue, later: Call) -> Call:
    earlier = [Argument(value, later.span) for value in partial.positional]
    keywords = {**partial.keywords, **later.keywords}
    return Call(earlier + later.positional, keywords, later.span, later.text, later.problem)


def escape(machine: Machine, arguments: Call) -> None:
    """Code that flashc does not follow gets these values and may change the mutable ones."""
    reason = Unknown("it was passed to code that flashc does not follow", arguments.span)
    for argument in (*arguments.positional, *arguments.keywords.values()):
        escape_value(argument.value, reason)


def escape_value(value: Value, reason: Unknown) -> None:
    """Forget what a mutable container holds."""
    if not isinstance(value, Known):
        return
    if (isinstance(value.value, ListValue) and value.value.kind in (list, set)) or isinstance(
        value.value, DictValue
    ):
        value.value.escaped = value.value.escaped or reason


def _member_of(machine: Machine, enum_class: EnumMeta, arguments: Call) -> Value:
    """`GpuGroup("ADA_24")`."""
    values = [operators.settled(machine, value) for value in arguments.values]
    return operators.apply(enum_class, arguments.span, *values)


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
    }
)


def _method(machine: Machine, method: BoundMethod, arguments: Call) -> Value:
    receiver = method.receiver
    if machine.condition is not None and method.name in _MUTATORS:
        escape_value(receiver, machine.condition)
    if isinstance(receiver, Known):
        match receiver.value:
            case EndpointValue() as endpoint:
                return sdk.route(machine, endpoint, method.name, arguments)
            case EnumMeta() as enum_class:
                return _enum_method(enum_class, method.name, arguments)
            case InstanceValue() as instance:
                found = instance.of.find(method.name)
                bound = Argument(receiver, arguments.span)
                inside = Call(
                    [bound, *arguments.positional],
                    arguments.keywords,
                    arguments.span,
                    arguments.text,
                )
                if isinstance(found, Known) and isinstance(found.value, FunctionValue):
                    return functions.call(machine, found.value, inside)
            case _:
                pass
    return methods.call(machine, receiver, method.name, arguments)


def _enum_method(enum_class: EnumMeta, name: str, arguments: Call) -> Value:
    if name == "all" and not arguments.positional:
        members: list[object] = enum_class.all()  # type: ignore[attr-defined]
        return lift(members, arguments.span)
    if name == "from_string" and enum_class is DataCenter:
        return operators.apply(_datacenter, arguments.span, *arguments.values)
    return Unknown(f"flashc does not evaluate `{enum_class.__name__}.{name}`", arguments.span)


def _datacenter(text: str) -> DataCenter:
    return DataCenter(text.strip().upper().replace("_", "-"))
