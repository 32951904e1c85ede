"""Lower functions and their parameters into the IR; find a class's public methods and what its constructor requires."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst
from msgspec.structs import replace

from flashc.evaluator.objects import ClassValue, FieldValue, FunctionValue
from flashc.evaluator.values import Known, Value
from flashc.syntax.parse import Syntax
from flashc.syntax.walk import docstring, dotted, is_generator, statements
from flashc_ir.endpoints import Function, Parameter, ParameterKind
from flashc_ir.schemas import Interface


def lower_function(function: FunctionValue, *, skip_first: bool = False) -> Function:
    """Return the IR's description of a function; `skip_first` leaves out a method's `self`."""
    node, syntax = function.node, function.frame.syntax
    parameters = lower_parameters(node.params, syntax)
    return Function(
        name=function.name,
        module=syntax.name,
        qualname=function.qualname,
        parameters=parameters[1:] if skip_first else parameters,
        returns=None if node.returns is None else _text(syntax, node.returns.annotation),
        docstring=docstring(node.body),
        is_async=node.asynchronous is not None,
        is_generator=is_generator(node, syntax.text),
        span=syntax.span(node.name),
        decorated=function.decorated or function.memo is not None,
    )


def lower_parameters(params: cst.Parameters, syntax: Syntax) -> tuple[Parameter, ...]:
    """Return the parameters of a signature, in their order."""
    found: list[Parameter] = []

    def add(param: cst.Param, kind: ParameterKind) -> None:
        annotation = (
            None if param.annotation is None else _text(syntax, param.annotation.annotation)
        )
        default = None if param.default is None else _text(syntax, param.default)
        found.append(
            Parameter(
                name=param.name.value,
                kind=kind,
                annotation=annotation,
                default=default,
                span=syntax.span(param.name),
                literal_default=param.default is not None and _is_simple_literal(param.default),
            )
        )

    for param in params.posonly_params:
        add(param, ParameterKind.POSITIONAL_ONLY)
    for param in params.params:
        add(param, ParameterKind.POSITIONAL_OR_KEYWORD)
    if isinstance(params.star_arg, cst.Param):
        add(params.star_arg, ParameterKind.VAR_POSITIONAL)
    for param in params.kwonly_params:
        add(param, ParameterKind.KEYWORD_ONLY)
    if params.star_kwarg is not None:
        add(params.star_kwarg, ParameterKind.VAR_KEYWORD)
    return tuple(found)


def _text(syntax: Syntax, node: cst.BaseExpression) -> str:
    """Return an expression's text on one line."""
    return " ".join(syntax.code(node).split())


def _is_simple_literal(node: cst.BaseExpression) -> bool:
    """Return whether an expression is True, False, None, a number, a string, or an empty list, tuple or dict."""
    match node:
        case cst.SimpleString() | cst.Integer() | cst.Float():
            return True
        case cst.Name():
            return node.value in ("True", "False", "None")
        case cst.UnaryOperation(operator=cst.Minus()):
            return _is_simple_literal(node.expression)
        case cst.List() | cst.Tuple() | cst.Dict():
            return not node.elements
        case _:
            return False


def public_methods(
    class_value: ClassValue, interface_of: Callable[..., Interface | None]
) -> tuple[Function, ...]:
    """Return the public methods of a class endpoint, including those of bases in the project.

    `interface_of(method, skip_first=...)` returns the interface of a method.
    """
    found: dict[str, Function] = {}
    for ancestor in reversed(class_value.ancestry()):
        for name, value in ancestor.names.items():
            method = value.value if isinstance(value, Known) else None
            if not isinstance(method, FunctionValue) or _is_property(method.node):
                found.pop(name, None)
            elif not name.startswith("_"):
                skip_first = not _has_decorator(method.node, "staticmethod")
                interface = interface_of(method, skip_first=skip_first)
                function = lower_function(method, skip_first=skip_first)
                found[name] = replace(function, interface=interface)
    return tuple(found.values())


def constructor_requires(class_value: ClassValue) -> tuple[Parameter, ...]:
    """Return the parameters of the constructor that have no default."""
    init = class_value.find("__init__")
    if init is None:
        return _required_fields(class_value)
    if not isinstance(init, Known) or not isinstance(init.value, FunctionValue):
        return ()
    function = init.value
    parameters = lower_parameters(function.node.params, function.frame.syntax)[1:]
    variable = (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD)
    return tuple(p for p in parameters if p.default is None and p.kind not in variable)


def _required_fields(class_value: ClassValue) -> tuple[Parameter, ...]:
    """Return the fields of a dataclass or `NamedTuple` that have no default."""
    found: dict[str, Parameter] = {}
    for ancestor in reversed(class_value.ancestry()):
        for statement in statements(ancestor.node.body) if ancestor.is_record else ():
            if not isinstance(statement, cst.AnnAssign) or not isinstance(
                statement.target, cst.Name
            ):
                continue
            name, syntax = statement.target.value, ancestor.frame.syntax
            if name not in ancestor.fields or _has_default(ancestor.names.get(name), statement):
                found.pop(name, None)
                continue
            found[name] = Parameter(
                name=name,
                kind=ParameterKind.POSITIONAL_OR_KEYWORD,
                annotation=_text(syntax, statement.annotation.annotation),
                default=None,
                span=syntax.span(statement.target),
            )
    return tuple(found.values())


def _has_default(value: Value | None, statement: cst.AnnAssign) -> bool:
    """Return whether the constructor can be called without a value for this field."""
    if (dotted(statement.annotation.annotation) or "").rpartition(".")[2] == "KW_ONLY":
        return True  # `KW_ONLY` is a marker, not a field
    if isinstance(value, Known) and isinstance(value.value, FieldValue):
        options = value.value.options
        init = options.get("init")
        takes_it = init is None or (isinstance(init, Known) and init.value is True)
        return not takes_it or bool(options.keys() & {"default", "default_factory"})
    return statement.value is not None


def _has_decorator(node: cst.FunctionDef, name: str) -> bool:
    """Return whether a function has the decorator `name`."""
    return any(dotted(decorator.decorator) == name for decorator in node.decorators)


def _is_property(node: cst.FunctionDef) -> bool:
    """Return whether a function is a property or a part of one."""
    names = [dotted(decorator.decorator) or "" for decorator in node.decorators]
    return any(
        name.rpartition(".")[2] in ("property", "cached_property", "setter", "getter", "deleter")
        for name in names
    )
