"""Check calls between endpoints: do the arguments fit, and is the result used?"""

from __future__ import annotations

from itertools import zip_longest

from msgspec import structs

from flashc_core import rules
from flashc_core.diagnostics import Fix, Label, Safety, Sink
from flashc_core.source import Edit, Span
from flashc_ir.endpoints import (
    Function,
    LoadBalanced,
    ParameterKind,
    QueueClass,
    functions_of,
)
from flashc_ir.modules import CallShape, ResultUse
from flashc_ir.program import Call, Program, Resource

from .annotations import json_types
from .context import PassContext


def check_calls(program: Program, context: PassContext) -> Program:
    """Report calls whose arguments do not match the function, or whose result is lost."""
    sink = context.sink
    functions = {
        (endpoint.resource, f"{function.module}:{function.qualname}"): (
            _by_request(function) if isinstance(endpoint, LoadBalanced) else function
        )
        for endpoint in program.code_endpoints
        for function in functions_of(endpoint)
    }
    classes = {e.resource: e for e in program.code_endpoints if isinstance(e, QueueClass)}
    for call in program.calls:
        if call.shape is None or not isinstance(call.endpoint, Resource):
            continue
        resource = call.endpoint.name
        if resource in classes:
            _check_class_call(call, call.shape, classes[resource], sink)
            continue
        function = functions.get((resource, call.function))
        if function is not None:
            _check_call(call, call.shape, function, sink)
    return program


def _by_request(function: Function) -> Function:
    """Return a route's function as requests can call it: without `*args` and `**kwargs`."""
    variadic = (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD)
    parameters = tuple(p for p in function.parameters if p.kind not in variadic)
    return structs.replace(function, parameters=parameters)


def _check_call(call: Call, shape: CallShape, function: Function, sink: Sink) -> None:
    """Check one call of a function that an endpoint runs."""
    _check_result(call, shape, function, sink)
    if not function.decorated:
        _check_arguments(call, shape, function, sink)
        _check_types(call, shape, function, sink)


def _check_result(call: Call, shape: CallShape, function: Function, sink: Sink) -> None:
    """Report a call that is not awaited, and the call of a generator.

    A call must be awaited if it is in async code, or if the function is async.  Without `await`,
    the result is lost, or the coroutine is used as if it were the result.
    """
    there = (Label(function.span, "defined here"),)
    if function.is_generator:  # the stub of a generator is a generator, which can't be awaited
        _check_generator(call, shape, function, sink)
        return
    if (
        shape.awaited
        or shape.result_use is ResultUse.KEPT
        or not (shape.in_async or function.is_async)
    ):
        return
    what = (
        "its result is lost"
        if shape.result_use is ResultUse.DISCARDED
        else "the coroutine is used as if it were the result"
    )
    insert = Edit(Span(call.span.path, *(call.span.line, call.span.column) * 2), "await ")
    wrapped = shape.result_use is ResultUse.CONSUMED
    edits: tuple[Edit, ...] = (insert,)
    if wrapped:
        end = Span(call.span.path, *(call.span.end_line, call.span.end_column) * 2)
        edits = (Edit(insert.span, "(await "), Edit(end, ")"))
    sink.report(
        rules.MISSING_AWAIT,
        call.span,
        f"the call of `{function.name}` is not awaited, and {what}",
        secondary=there,
        help=(f"write `await {function.name}(...)`",),
        fix=Fix("await the call", edits, Safety.UNSAFE) if shape.in_async else None,
    )


def _check_generator(call: Call, shape: CallShape, function: Function, sink: Sink) -> None:
    """Report an awaited call of a generator of another endpoint."""
    if not shape.awaited:
        return
    loop = "async for" if function.is_async else "for"
    sink.report(
        rules.GENERATOR_CALLED,
        call.span,
        f"`{function.name}` is a generator, and its call can't be awaited",
        secondary=(Label(function.span, "defined here"),),
        help=(f"read it with `{loop}`, which gets each item when it is there",),
    )


def _check_types(call: Call, shape: CallShape, function: Function, sink: Sink) -> None:
    """Report a literal argument whose type the parameter's annotation does not accept.

    Only annotations with plain JSON types are checked.
    """
    positional = [p for p in function.parameters if p.kind in _BY_POSITION]
    named = {p.name: p for p in function.parameters if p.kind in _BY_KEYWORD}
    for constant in shape.constants:
        if constant.argument.isdigit():
            index = int(constant.argument)
            parameter = positional[index] if index < len(positional) else None
        else:
            parameter = named.get(constant.argument)
        if parameter is None or parameter.annotation is None:
            continue
        accepted = json_types(parameter.annotation)
        if accepted is not None and constant.kind not in accepted:
            sink.report(
                rules.ARGUMENT_TYPE,
                constant.span or call.span,
                f"`{function.name}` takes `{parameter.name}: {parameter.annotation}`, "
                f"not a value of type `{constant.kind}`",
                secondary=(Label(parameter.span, "the parameter"),),
            )


def _check_class_call(call: Call, shape: CallShape, endpoint: QueueClass, sink: Sink) -> None:
    """Check a call of an endpoint's class or of one of its methods."""
    qualname = call.function.partition(":")[2]
    if qualname == endpoint.qualname:
        if shape.positional or shape.keywords:
            sink.report(
                rules.CLASS_ARGUMENTS,
                call.span,
                f"a worker creates one `{endpoint.class_name}` without arguments",
                secondary=(Label(endpoint.span, "the endpoint's class"),),
                help=("pass the values to the method instead",),
            )
        return
    name = qualname.removeprefix(f"{endpoint.qualname}.")
    method = next((m for m in endpoint.methods if m.name == name), None)
    if method is not None:
        _check_call(call, shape, method, sink)
    elif not endpoint.open_bases and "." not in name:
        known = ", ".join(f"`{m.name}`" for m in endpoint.methods)
        sink.report(
            rules.UNKNOWN_METHOD,
            call.span,
            f"the endpoint `{endpoint.name}` has no public method `{name}`",
            secondary=(Label(endpoint.span, f"it has {known}"),),
        )


def _check_arguments(call: Call, shape: CallShape, function: Function, sink: Sink) -> None:
    """Report arguments that the function does not accept, and required ones that are missing."""
    there = (Label(function.span, "defined here"),)
    surplus = surplus_arguments(shape, function)
    for text, span in surplus:
        sink.report(
            rules.UNEXPECTED_ARGUMENT,
            span or call.span,
            text,
            secondary=there,
        )
    missing = missing_arguments(shape, function)
    if missing and not surplus:
        names = ", ".join(f"`{name}`" for name in missing)
        sink.report(
            rules.MISSING_ARGUMENT,
            call.span,
            f"the call of `{function.name}` lacks {names}",
            secondary=there,
        )


_BY_POSITION = (ParameterKind.POSITIONAL_ONLY, ParameterKind.POSITIONAL_OR_KEYWORD)
_BY_KEYWORD = (ParameterKind.POSITIONAL_OR_KEYWORD, ParameterKind.KEYWORD_ONLY)


def surplus_arguments(shape: CallShape, function: Function) -> list[tuple[str, Span | None]]:
    """Return a message for each argument that the function does not accept, with its span."""
    parameters = function.parameters
    positional = [p.name for p in parameters if p.kind in _BY_POSITION]
    found: list[tuple[str, Span | None]] = []
    kinds = {p.kind for p in parameters}
    if shape.positional > len(positional) and ParameterKind.VAR_POSITIONAL not in kinds:
        first = next(iter(shape.positional_spans[len(positional) :]), None)
        most = f"{len(positional)} positional argument{'' if len(positional) == 1 else 's'}"
        text = f"`{function.name}` takes at most {most}; the call has {shape.positional}"
        found.append((text, first))
    filled = set(positional[: shape.positional])
    named = {p.name for p in parameters if p.kind in _BY_KEYWORD}
    for keyword, span in zip_longest(shape.keywords, shape.keyword_spans):
        if keyword not in named and ParameterKind.VAR_KEYWORD not in kinds:
            found.append((f"`{function.name}` does not take a keyword argument `{keyword}`", span))
        elif keyword in filled and keyword in named:
            text = f"the call gives `{function.name}` two values for `{keyword}`"
            found.append((text, span))
    return found


def missing_arguments(shape: CallShape, function: Function) -> list[str]:
    """Return the names of required parameters without an argument in the call."""
    if shape.double_star:
        return []
    found: list[str] = []
    position = 0
    for parameter in function.parameters:
        if parameter.kind in _BY_POSITION:
            position += 1
            given = position <= shape.positional or shape.star
        else:
            given = False
        by_name = parameter.kind in _BY_KEYWORD and parameter.name in shape.keywords
        required = parameter.default is None and parameter.kind in {*_BY_POSITION, *_BY_KEYWORD}
        if required and not given and not by_name:
            found.append(parameter.name)
    return found
