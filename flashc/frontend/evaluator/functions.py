"""Calls of the project's own functions and classes: their bodies are followed, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from flashc_ir.source import Span

from ...cst.walk import is_generator
from . import calls, expressions, statements
from .objects import Argument, ClassValue, Frame, FunctionValue, InstanceValue
from .values import DictValue, Known, ListValue, Unknown, Value

if TYPE_CHECKING:
    from .calls import Call
    from .machine import Machine


def call(machine: Machine, function: FunctionValue, arguments: Call) -> Value:
    """What a function of the project returns."""
    node = function.node
    reason: str | None = None
    if arguments.problem is not None:
        calls.escape(machine, arguments)
        return arguments.problem
    if node.asynchronous is not None or is_generator(node):
        reason = f"`{function.name}` is no plain function"
    elif function.decorated:
        reason = f"`{function.name}` is decorated"
    if reason is not None:
        calls.escape(machine, arguments)
        return Unknown(reason, arguments.span)
    frame = Frame(function.frame.syntax, {}, function.frame, qualname=function.qualname)
    problem = _bind(machine, node.params, arguments, frame, function.frame)
    if problem is not None:
        return problem
    statements.execute(machine, node.body, frame)
    return frame.returned or Known(None, arguments.span)


def _bind(
    machine: Machine, params: cst.Parameters, arguments: Call, frame: Frame, outer: Frame
) -> Unknown | None:
    """Bind the arguments of a call to the parameters, as Python does."""
    misfit = Unknown("the arguments do not fit the function", arguments.span)
    positional = [*params.posonly_params, *params.params]
    values = arguments.values
    keywords = dict(arguments.keywords)
    for index, param in enumerate(positional):
        name = param.name.value
        if index < len(values):
            frame.names[name] = values[index]
        elif name in keywords:
            frame.names[name] = keywords.pop(name).value
        elif param.default is not None:
            frame.names[name] = expressions.evaluate(machine, param.default, outer)
        else:
            return misfit
    surplus = values[len(positional) :]
    if isinstance(params.star_arg, cst.Param):
        frame.names[params.star_arg.name.value] = Known(ListValue(tuple, surplus), arguments.span)
    elif surplus:
        return misfit
    for param in params.kwonly_params:
        name = param.name.value
        if name in keywords:
            frame.names[name] = keywords.pop(name).value
        elif param.default is not None:
            frame.names[name] = expressions.evaluate(machine, param.default, outer)
        else:
            return misfit
    if params.star_kwarg is not None:
        rest = DictValue({k: (Known(k, a.span), a.value) for k, a in keywords.items()})
        frame.names[params.star_kwarg.name.value] = Known(rest, arguments.span)
    elif keywords:
        return misfit
    return None


def instantiate(machine: Machine, class_value: ClassValue, arguments: Call) -> Value:
    """`Class(arguments)` for a record (dataclass, NamedTuple) or a class with a followable `__init__`."""
    if arguments.problem is not None:
        return arguments.problem
    closed = len(class_value.ancestry()) > len(class_value.bases) and not class_value.decorated
    if class_value.is_record:
        return _record(class_value, arguments)
    init = class_value.find("__init__")
    if not closed:
        calls.escape(machine, arguments)
        return Unknown(
            f"an instance of `{class_value.name}` exists at run time only", arguments.span
        )
    instance = Known(InstanceValue(class_value, {}), arguments.span)
    if init is None:
        return instance
    if isinstance(init, Known) and isinstance(init.value, FunctionValue):
        bound = [Argument(instance, arguments.span), *arguments.positional]
        inside = calls.Call(bound, arguments.keywords, arguments.span, arguments.text)
        result = call(machine, init.value, inside)
        return result if isinstance(result, Unknown) else instance
    return Unknown(f"an instance of `{class_value.name}` exists at run time only", arguments.span)


def _record(class_value: ClassValue, arguments: Call) -> Value:
    fields: list[str] = []
    for ancestor in reversed(class_value.ancestry()):
        fields.extend(name for name in ancestor.fields if name not in fields)
    given = dict(zip(fields, arguments.values, strict=False))
    given |= {name: argument.value for name, argument in arguments.keywords.items()}
    if len(arguments.values) > len(fields) or not set(given) <= set(fields):
        return Unknown("the arguments do not fit the class", arguments.span)
    names: dict[str, Value] = {}
    for name in fields:
        value = given.get(name) or class_value.find(name)
        if value is None:
            return Unknown(f"the field `{name}` is not given", arguments.span)
        names[name] = value
    return Known(InstanceValue(class_value, names), arguments.span)


def span_of(function: FunctionValue) -> Span:
    """The place of a function's name."""
    return function.frame.syntax.span(function.node.name)
