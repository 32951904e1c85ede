"""Check the annotations of endpoint functions: parameters and results must be encodable as JSON."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.python_texts import parse_expression
from flashc_core.source import Span
from flashc_ir.endpoints import Function, LoadBalanced, ParameterKind, QueueClass, QueueFunction
from flashc_ir.modules import Module
from flashc_ir.program import Program
from flashc_ir.schemas import Interface, unsendable_classes

from .context import PassContext

# Well-known classes whose objects have no encoding in JSON, with what to send instead.
_ALTERNATIVES = {
    "PIL.Image.Image": "send the bytes of the image file: `bytes`",
    "collections.abc.Callable": "send what the function needs to know instead",
    "io.BytesIO": "send `bytes`",
    "io.StringIO": "send `str`",
    "jax.Array": "send a `numpy.ndarray`",
    "pandas.DataFrame": "send `list[dict]`, as `frame.to_dict('records')` gives it",
    "pandas.Series": "send a `list` or a `numpy.ndarray`",
    "polars.DataFrame": "send `list[dict]`, as `frame.to_dicts()` gives it",
    "tensorflow.Tensor": "send a `numpy.ndarray`",
    "torch.Tensor": "send a `numpy.ndarray`, or a `list`",
    "typing.BinaryIO": "send `bytes`",
    "typing.Callable": "send what the function needs to know instead",
    "typing.IO": "send `bytes` or `str`",
    "typing.TextIO": "send `str`",
}
_PACKAGES = frozenset(name.partition(".")[0] for name in _ALTERNATIVES)


def check_annotations(program: Program, context: PassContext) -> Program:
    """Report annotations that name a class known to have no JSON encoding, and hidden parameters.

    Parameters are hidden if a route has only `*args` and `**kwargs`.
    """
    for endpoint in program.code_endpoints:
        match endpoint:
            case QueueFunction(function=function):
                _check_function(program, function, context.sink)
            case QueueClass(methods=(function,)):
                # In a class with several methods, some may be helpers that no job calls.
                _check_function(program, function, context.sink)
            case LoadBalanced():
                for route in endpoint.routes:
                    _check_route(route.function, context.sink)
            case _:
                pass
    return program


def _check_function(program: Program, function: Function, sink: Sink) -> None:
    """Report the parameters and the result whose annotation names a class without a JSON encoding."""
    module = program.module(function.module)
    if module is None:
        return
    if any(statement.module.partition(".")[0] in _PACKAGES for statement in module.imports):
        for parameter in function.parameters:
            for name in _unencodable_classes(parameter.annotation, module):
                _report(name, f"argument `{parameter.name}` is never", parameter.span, sink)
        for name in _unencodable_classes(function.returns, module):
            _report(name, f"result of `{function.name}` can't be sent as", function.span, sink)
    if function.interface is not None:
        _check_own_classes(function, function.interface, sink)


def _check_own_classes(function: Function, interface: Interface, sink: Sink) -> None:
    """Report the parameters and the result whose annotation names a class of the project without a JSON encoding."""
    known = {each.key: each.schema for each in interface.definitions}
    for argument in interface.arguments:
        for name in unsendable_classes(argument.schema, known):
            spans = {parameter.name: parameter.span for parameter in function.parameters}
            span = spans.get(argument.name, function.span)
            _report(name, f"argument `{argument.name}` is never", span, sink)
    for name in unsendable_classes(interface.returns, known):
        _report(name, f"result of `{function.name}` can't be sent as", function.span, sink)


def _report(name: str, what: str, span: Span, sink: Sink) -> None:
    """Report an annotation that names a class without an encoding."""
    own = f"make `{name}` a dataclass or a model of pydantic, which travels by its fields"
    sink.report(
        rules.ANNOTATION_WITHOUT_ENCODING,
        span,
        f"the {what} a `{name}`, which JSON can't carry",
        notes=(
            "input and output of a job are JSON: an argument arrives as plain JSON data; "
            "a result of this class makes the job fail",
        ),
        help=(_ALTERNATIVES.get(name, own),),
    )


def _unencodable_classes(annotation: str | None, module: Module) -> Iterator[str]:
    """Yield the classes without an encoding that an annotation names, by their full names."""
    for node in () if annotation is None else _names_in(annotation):
        name = _full_name(node, module)
        if name in _ALTERNATIVES:
            yield name


@lru_cache(maxsize=4096)
def _names_in(annotation: str) -> tuple[ast.Attribute | ast.Name, ...]:
    """Return the names and attributes in an annotation; none if it is not an expression."""
    try:
        tree = parse_expression(annotation.strip())
    except (SyntaxError, ValueError):
        return ()
    if isinstance(tree, ast.Constant) and isinstance(tree.value, str):
        return _names_in(tree.value)
    return tuple(node for node in ast.walk(tree) if isinstance(node, (ast.Attribute, ast.Name)))


def _full_name(node: ast.AST, module: Module) -> str:
    """Return the name of an imported object with its module; "" for other expressions."""
    if isinstance(node, ast.Attribute):
        owner = _full_name(node.value, module)
        return f"{owner}.{node.attr}" if owner else ""
    if not isinstance(node, ast.Name):
        return ""
    for statement in module.imports:
        if statement.names is None and not statement.dynamic:
            if node.id == (statement.alias or statement.module.partition(".")[0]):
                return statement.module if statement.alias else node.id
        for imported in statement.names or ():
            if imported.bound == node.id:
                return f"{statement.module}.{imported.name}"
    return ""


def _check_route(function: Function, sink: Sink) -> None:
    """Report a route that has only `*args` and `**kwargs`, usually a wrapper without `functools.wraps`.

    Functions with an unevaluated decorator are skipped: their signature is unknown.
    """
    variadic = {ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD}
    if function.decorated or {p.kind for p in function.parameters} != variadic:
        return
    sink.report(
        rules.ROUTE_WITHOUT_ARGUMENTS,
        function.span,
        f"no request can give `{function.name}` an argument: it has only `*args` and `**kwargs`",
        notes=("a decorator that returns such a function hides the parameters of the route",),
        help=(f"decorate `{function.name}` with `@functools.wraps(...)`, or list its parameters",),
    )
