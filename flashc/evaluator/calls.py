"""A call -> its value: builtins, pure methods, functions and classes of the project, the SDK's own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import EnumMeta
from typing import TYPE_CHECKING

import libcst as cst

from flashc_core.source import Span
from flashc_ir.platform.catalogue import DataCenter

from . import expressions, functions, library, methods, operators, records, sdk
from .failures import PythonError
from .iteration import elements
from .objects import (
    Argument,
    ClassValue,
    EndpointValue,
    Frame,
    FunctionValue,
    InstanceValue,
    LambdaValue,
    PartialValue,
    RouteDecorator,
    SdkClass,
)
from .values import (
    BoundMethod,
    DictValue,
    External,
    IteratorValue,
    Known,
    ListValue,
    Symbolic,
    Unknown,
    Value,
    lift,
)

if TYPE_CHECKING:
    from .machine import Machine


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
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
    return Call(
        positional=positional,
        keywords=keywords,
        span=span,
        text=frame.syntax.arguments_span(node),
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
    machine: Machine, callee: Value, values: list[Value], span: Span, frame: Frame
) -> Value:
    """`callee(*values)`, for a call that the source does not spell out: a key function, `map`."""
    return call(machine, callee, of_values(values, span), frame)


def of_values(values: list[Value], span: Span) -> Call:
    """A call with these arguments that no text in the source spells out."""
    return Call(
        positional=[Argument(value, span) for value in values], keywords={}, span=span, text=span
    )


def call(machine: Machine, callee: Value, arguments: Call, frame: Frame) -> Value:
    """`callee(arguments)`, which stands in `frame`."""
    if isinstance(callee, Unknown):
        escape(machine, arguments)
        return callee
    if isinstance(callee, Symbolic):
        return Unknown(reason="an environment variable can't be called", origin=arguments.span)
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
        case LambdaValue() as function:
            return functions.call_lambda(machine, function, arguments)
        case ClassValue() as class_value:
            return functions.instantiate(machine, class_value, arguments)
        case _ if arguments.problem is not None:
            escape(machine, arguments)
            return arguments.problem
        case External() as external:
            return library.call_external(machine, external, arguments, frame)
        case BoundMethod() as bound:
            return method(machine, bound, arguments, frame)
        case EnumMeta() as enum_class:
            return _member_of(machine, enum_class, arguments)
        case _:
            escape(machine, arguments)
            return Unknown(reason="flashc does not evaluate this call", origin=arguments.span)


def _completed(partial: PartialValue, later: Call) -> Call:
    earlier = [Argument(value, later.span) for value in partial.positional]
    keywords = {**partial.keywords, **later.keywords}
    return Call(
        positional=earlier + later.positional,
        keywords=keywords,
        span=later.span,
        text=later.text,
        problem=later.problem,
    )


def escape(machine: Machine, arguments: Call) -> None:
    """Code that flashc does not follow gets these values, may change the mutable ones, and may raise."""
    machine.doubts += 1
    reason = Unknown(
        reason="it was passed to code that flashc does not follow", origin=arguments.span
    )
    for argument in (*arguments.positional, *arguments.keywords.values()):
        escape_value(argument.value, reason)


def escape_value(value: Value, reason: Unknown) -> None:
    """Forget what a mutable container holds."""
    if not isinstance(value, Known):
        return
    match value.value:
        case ListValue(kind=kind) as items if kind in (list, set):
            items.escaped = items.escaped or reason
        case DictValue() as table:
            table.escaped = table.escaped or reason
        case IteratorValue() as iterator:
            iterator.lost = iterator.lost or reason
        case InstanceValue() as instance if not instance.of.is_tuple:
            instance.names.update(dict.fromkeys(instance.names, reason))
        case _:
            pass


def _member_of(machine: Machine, enum_class: EnumMeta, arguments: Call) -> Value:
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


def method(machine: Machine, bound: BoundMethod, arguments: Call, frame: Frame) -> Value:
    """`receiver.name(arguments)`, whatever the receiver is."""
    receiver = bound.receiver
    if machine.condition is not None and bound.name in _MUTATORS:
        escape_value(receiver, machine.condition)
    if isinstance(receiver, Known):
        match receiver.value:
            case EndpointValue() as endpoint:
                return sdk.route(machine, endpoint, bound.name, arguments)
            case EnumMeta() as enum_class:
                return _enum_method(machine, enum_class, bound.name, arguments)
            case InstanceValue(of=of) | (ClassValue() as of):
                return _own_method(machine, of, receiver, bound.name, arguments)
            case _:
                pass
    return methods.call(machine, receiver, bound.name, arguments, frame)


def _own_method(
    machine: Machine, of: ClassValue, receiver: Known, name: str, arguments: Call
) -> Value:
    """A method of a class of the project, bound to an instance or to the class."""
    found = of.find(name)
    if not isinstance(found, Known) or not isinstance(found.value, FunctionValue):
        return records.method(machine, receiver, name, arguments)
    bound = Known(of, receiver.origin) if found.value.kind == "class" else receiver
    first = Argument(bound, arguments.span)
    positional = [first, *arguments.positional]
    inside = Call(
        positional=positional, keywords=arguments.keywords, span=arguments.span, text=arguments.text
    )
    return functions.call(machine, found.value, inside)


def _enum_method(machine: Machine, enum_class: EnumMeta, name: str, arguments: Call) -> Value:
    if name == "all" and not arguments.positional:
        members: list[object] = enum_class.all()  # type: ignore[attr-defined]
        return lift(members, arguments.span)
    if name == "from_string" and enum_class is DataCenter:
        return operators.apply(machine, _datacenter, arguments.span, *arguments.values)
    return Unknown(
        reason=f"flashc does not evaluate `{enum_class.__name__}.{name}`", origin=arguments.span
    )


def _datacenter(text: str) -> DataCenter:
    return DataCenter(text.strip().upper().replace("_", "-"))
