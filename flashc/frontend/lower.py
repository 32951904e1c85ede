"""Lower the functions, classes and routes of declared endpoints into the IR, for every SDK."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import partial

from msgspec.structs import replace

from flashc.evaluator.declarations import DecoratedTarget, EndpointValue, RouteTarget
from flashc.evaluator.objects import ClassValue, FunctionValue
from flashc.evaluator.values import Known
from flashc.syntax.walk import docstring
from flashc_core import rules
from flashc_core.diagnostics import Label, Safety
from flashc_core.encoding import printable
from flashc_core.source import Span
from flashc_ir.endpoints import (
    Configuration,
    Construction,
    Function,
    ParameterKind,
    Place,
    Provenance,
    QueueClass,
    QueueFunction,
    Route,
)
from flashc_ir.resource_names import resource_name
from flashc_ir.spelling import Spelling

from .decode import ArgumentDecoder, span_of_name
from .edits import edit_keeping_lines
from .loose_results import report_loose_results
from .route_places import answer_of, places_of
from .schemas.interfaces import interface_of
from .signatures import constructor_requires, lower_function, public_methods

RESERVED_PATHS = frozenset({"/ping", "/execute"})  # the platform serves them


class Constructions:
    """Lowers the declarations of endpoints; `declared` are all endpoints of one dialect."""

    def __init__(self, decoder: ArgumentDecoder, declared: Sequence[EndpointValue]) -> None:
        """Count how many endpoints each call declares."""
        self._decoder = decoder
        self._sites = Counter(value.text for value in declared)

    def construction_of(
        self, value: EndpointValue, text: str | None = None, span: Span | None = None
    ) -> Construction:
        """Lower one declaration: its span, the origin of each argument, and an edit that replaces `span` by `text`.

        If `span` is None, the edit replaces the text between the parentheses of the declaring call.
        There is no edit if `text` is None, if the call declares several endpoints, or if the text that it would
        replace binds names.
        """
        replaced = value.text if span is None else span
        binds = ":=" in self._decoder.machine.text_at(replaced)
        is_alone = self._sites[value.text] == 1
        return Construction(
            module=value.module,
            span=value.span,
            edit=None
            if text is None or binds or not is_alone
            else edit_keeping_lines(replaced, text),
            provenance=tuple(
                Provenance(printable(name), argument.span, argument.value.origin)
                for name, argument in sorted(value.arguments.items())
            ),
            traced=value.traced,
            dialect=value.dialect,
        )


def lower_queue(
    decoder: ArgumentDecoder,
    target: DecoratedTarget,
    *,
    name: str | None,
    variable: str | None,
    configuration: Configuration,
    construction: Construction,
) -> QueueFunction | QueueClass | None:
    """Return the queue-based endpoint that runs a function or class; None if an error was reported.

    The caller has already reported `target.condition` and a missing name.  If the name is missing,
    `name` is None, and everything else is checked all the same.
    """
    if isinstance(target.value, ClassValue):
        methods = _methods(decoder, target.value)
        _check_results_of_only_method(decoder, target.value, methods or ())
        if name is None or methods is None:
            return None
        return QueueClass(
            name=name,
            resource=resource_name(name),
            class_name=target.value.name,
            module=target.module,
            qualname=target.value.qualname,
            docstring=docstring(target.value.node.body),
            methods=methods,
            configuration=configuration,
            construction=construction,
            span=_span_of_class(target.value),
            variable=variable,
            outermost=target.outermost,
            open_bases=target.value.has_open_bases(),
        )
    function = lower_function(target.value)
    function = replace(function, interface=interface_of(decoder.machine, target.value))
    report_loose_results(target.value, function.returns, decoder.sink)
    if name is None:
        return None
    return QueueFunction(
        name=name,
        resource=resource_name(name),
        function=function,
        module=target.module,
        configuration=configuration,
        construction=construction,
        variable=variable,
        outermost=target.outermost,
    )


def _span_of_class(value: ClassValue) -> Span:
    """Return the span of a class's name."""
    return value.frame.syntax.span(value.node.name)


def _check_results_of_only_method(
    decoder: ArgumentDecoder, value: ClassValue, methods: tuple[Function, ...]
) -> None:
    """Report what the only method of a class returns, if JSON can't carry it.

    If there are several methods, some may be helpers that no job calls.
    """
    found = value.find(methods[0].name) if len(methods) == 1 else None
    if isinstance(found, Known) and isinstance(found.value, FunctionValue):
        report_loose_results(found.value, methods[0].returns, decoder.sink)


def _methods(decoder: ArgumentDecoder, value: ClassValue) -> tuple[Function, ...] | None:
    """Return the methods that jobs can call; None if an error was reported."""
    required = constructor_requires(value)
    if required:
        names = ", ".join(f"`{parameter.name}`" for parameter in required)
        decoder.sink.report(
            rules.CONSTRUCTOR_ARGUMENTS,
            required[0].span,
            f"a worker builds `{value.name}()` without arguments; {names} would be missing",
            secondary=(Label(_span_of_class(value), "the endpoint's class"),),
            help=("give the parameter a default, or read it from an environment variable",),
        )
        return None
    methods = public_methods(value, partial(interface_of, decoder.machine))
    if not methods and not value.has_open_bases():
        decoder.sink.report(
            rules.CLASS_WITHOUT_METHODS,
            _span_of_class(value),
            f"`{value.name}` has no public method that a job could call",
            help=("add a method whose name does not start with `_`",),
        )
        return None
    return methods


def lower_routes(decoder: ArgumentDecoder, targets: Sequence[RouteTarget]) -> tuple[Route, ...]:
    """Return the valid routes of a load-balanced endpoint, and report the others."""
    routes: list[Route] = []
    for target in targets:
        route = _route(decoder, target)
        if route is None:
            continue
        twin = next((other for other in routes if other.key == route.key), None)
        if twin is None:
            routes.append(route)
            continue
        decoder.sink.report(
            rules.DUPLICATE_ROUTE,
            route.span,
            f"the endpoint has `{route.key}` twice",
            secondary=(Label(twin.span, f"`{twin.function.name}` serves it already"),),
            help=("give one of the two another method or path",),
        )
    return tuple(routes)


def _route(decoder: ArgumentDecoder, target: RouteTarget) -> Route | None:
    """Lower one route, or report what is wrong with it."""
    if target.condition is not None:
        decoder.unknown("whether this route exists", target.span, target.condition)
        return None
    _check_options(decoder, target)
    path = replace(decoder, usage='"/items"').text(target.path, "a route's path")
    if path is None:
        return None
    function = lower_function(target.value)
    if not path.startswith("/"):
        decoder.sink.report(
            rules.PATH_WITHOUT_SLASH,
            target.path.span,
            f"the path `{path}` does not start with `/`",
            help=(f'write `"/{path}"`',),
            fix=decoder.ending_fix(target.path.value.origin, path, f"/{path}", Safety.SAFE),
        )
        return None
    if path in RESERVED_PATHS:
        decoder.sink.report(
            rules.RESERVED_PATH,
            target.path.span,
            f"the platform itself serves `{path}`",
            help=("choose another path",),
        )
        return None
    places, needs = places_of(decoder, target.value, function, target.method, path)
    answer, codec = answer_of(decoder.machine, target.value)
    interface = interface_of(decoder.machine, target.value, is_route=True)
    _check_path_parameters(decoder, path, function, target, (*places, *needs))
    return Route(
        method=target.method,
        path=path,
        function=replace(function, interface=interface),
        module=target.module,
        span=target.span,
        outermost=target.outermost,
        places=places,
        needs=needs,
        answer=answer,
        codec=codec,
    )


def _check_options(decoder: ArgumentDecoder, target: RouteTarget) -> None:
    """Report the named arguments of a route's decorator, which takes only a path."""
    for name, argument in target.options.items():
        decoder.sink.report(
            rules.UNKNOWN_PARAMETER,
            span_of_name(argument),
            f"a route has no option `{name}`",
            notes=("the SDK's decorators of routes take a path and nothing else",),
            help=(_instead_of(name, decoder.spelling),),
        )


_RESPONSE = "return a `fastapi.Response`, which has a status, headers and a media type"
_INSTEAD = {
    "status_code": _RESPONSE,
    "response_class": _RESPONSE,
    "responses": _RESPONSE,
    "response_model": "annotate what the function returns, `-> Model`",
    "data": "remove it; only the client of an endpoint sends data",
    "dependencies": "call them in the function",
}


def _instead_of(option: str, spelling: Spelling) -> str:
    """Return what to write in place of an option of a route."""
    help = _INSTEAD.get(option, "remove it; the route is served without it")
    if option == "dependencies" and spelling.listed_packages is not None:
        return f"{help}; packages belong into `{spelling.listed_packages}`"
    return help


def _check_path_parameters(
    decoder: ArgumentDecoder,
    path: str,
    function: Function,
    target: RouteTarget,
    places: tuple[Place, ...],
) -> None:
    """Report parameters of the path that neither the function nor a dependency has."""
    if function.decorated:  # the decorator decides which parameters there are
        return
    if any(p.kind is ParameterKind.VAR_KEYWORD for p in function.parameters):
        return
    names = {p.name for p in function.parameters if p.kind is not ParameterKind.VAR_POSITIONAL}
    names |= {place.alias for place in places if place.where == "path"}
    if any(place.where == "unknown" for place in places):
        return  # perhaps `Path(alias=...)`
    for name in re.findall(r"\{([^}:]*)(?::[^}]*)?\}", path):
        if name not in names:
            decoder.sink.report(
                rules.PATH_PARAMETER,
                target.path.span,
                f"the path has `{{{name}}}`, but `{function.name}` has no parameter `{name}`",
                secondary=(Label(target.value.name_span, "the function"),),
                help=(f"add the parameter `{name}`, or remove it from the path",),
            )
