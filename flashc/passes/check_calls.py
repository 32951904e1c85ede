"""Visible calls between endpoints -> a report of arguments that do not fit, and of circles."""

from __future__ import annotations

from flashc_ir import rules
from flashc_ir.diagnostics import Label, Sink
from flashc_ir.program import (
    Call,
    CallForm,
    Function,
    ParameterKind,
    Program,
    QueueClass,
    Shape,
    functions_of,
)


def check_calls(program: Program, sink: Sink) -> Program:
    """Every call whose arguments are visible is held against the callee's signature."""
    functions = {
        (endpoint.resource, f"{function.module}:{function.qualname}"): function
        for endpoint in program.code_endpoints()
        for function in functions_of(endpoint)
    }
    classes = {e.resource: e for e in program.code_endpoints() if isinstance(e, QueueClass)}
    for call in program.calls:
        if call.form is not CallForm.CALL or call.shape is None:
            continue
        if call.endpoint in classes:
            _check_class_call(call, call.shape, classes[call.endpoint], sink)
            continue
        function = functions.get((call.endpoint, call.callee))
        if function is not None and not function.decorated:
            _check_arguments(call, call.shape, function, sink)
    return program


def _check_class_call(call: Call, shape: Shape, endpoint: QueueClass, sink: Sink) -> None:
    qualname = call.callee.partition(":")[2]
    if qualname == endpoint.qualname:
        if shape.positional or shape.keywords:
            sink.report(
                rules.CLASS_ARGUMENTS,
                call.span,
                f"`{endpoint.class_name}` is built once per worker, without arguments",
                secondary=(Label(endpoint.span, "the endpoint's class"),),
                help=("pass the values to the method instead",),
            )
        return
    name = qualname.removeprefix(f"{endpoint.qualname}.")
    method = next((m for m in endpoint.methods if m.name == name), None)
    if method is not None:
        if not method.decorated:
            _check_arguments(call, shape, method, sink)
    elif not endpoint.open_bases and "." not in name:
        known = ", ".join(f"`{m.name}`" for m in endpoint.methods)
        sink.report(
            rules.UNKNOWN_METHOD,
            call.span,
            f"the endpoint `{endpoint.name}` has no public method `{name}`",
            secondary=(Label(endpoint.span, f"it has {known}"),),
        )


def _check_arguments(call: Call, shape: Shape, function: Function, sink: Sink) -> None:
    there = (Label(function.span, "defined here"),)
    surplus = surplus_arguments(shape, function)
    for text in surplus:
        sink.report(
            rules.UNEXPECTED_ARGUMENT,
            call.span,
            f"`{function.name}` does not take {text}",
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


def surplus_arguments(shape: Shape, function: Function) -> list[str]:
    """What the call gives and the function does not take, in words."""
    parameters = function.parameters
    positional = [p.name for p in parameters if p.kind in _BY_POSITION]
    found: list[str] = []
    kinds = {p.kind for p in parameters}
    if shape.positional > len(positional) and ParameterKind.VAR_POSITIONAL not in kinds:
        found.append(f"{shape.positional} positional arguments, at most {len(positional)}")
    filled = set(positional[: shape.positional])
    named = {p.name for p in parameters if p.kind in _BY_KEYWORD}
    for keyword in shape.keywords:
        if keyword not in named and ParameterKind.VAR_KEYWORD not in kinds:
            found.append(f"an argument `{keyword}`")
        elif keyword in filled and keyword in named:
            found.append(f"`{keyword}` twice")
    return found


def missing_arguments(shape: Shape, function: Function) -> list[str]:
    """The required parameters that the call gives no argument."""
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


def check_cycles(program: Program, sink: Sink) -> Program:
    """Endpoints that call each other in a circle wait for each other and use up workers."""
    callees = {e.resource: program.callees(e.resource) for e in program.code_endpoints()}
    reported: set[frozenset[str]] = set()
    for endpoint in program.code_endpoints():
        circle = _circle(endpoint.resource, callees)
        if circle is None or frozenset(circle) in reported:
            continue
        reported.add(frozenset(circle))
        drawn = " -> ".join(f"`{name}`" for name in (*circle, circle[0]))
        sink.report(
            rules.ENDPOINT_CYCLE,
            endpoint.construction.span,
            f"endpoints call each other in a circle: {drawn}",
            notes=("each call in the circle holds a worker until the next one answers",),
        )
    return program


def _circle(start: str, callees: dict[str, tuple[str, ...]]) -> list[str] | None:
    """The shortest way from `start` back to itself."""
    ways: list[list[str]] = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for callee in callees.get(way[-1], ()):
            if callee == start:
                return way
            if callee not in seen:
                seen.add(callee)
                ways.append([*way, callee])
    return None
