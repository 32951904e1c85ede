"""Call functions and classes of the analysed project, and evaluate the defaults of parameters."""

from __future__ import annotations

from enum import Enum

import libcst as cst
from msgspec.structs import replace

from flashc.evaluator.failures import PythonError, is_exception_class
from flashc.evaluator.library import models, records
from flashc.evaluator.library.frozen import is_frozen_attrs
from flashc.evaluator.library.model_fields import is_model
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    Argument,
    CallArguments,
    ClassValue,
    Flow,
    Frame,
    FunctionValue,
    InstanceValue,
    LambdaValue,
)
from flashc.evaluator.operations.special_methods import limited
from flashc.evaluator.values import (
    DictValue,
    Known,
    NotConcrete,
    SequenceValue,
    Unknown,
    Value,
    concrete,
)
from flashc.syntax.walk import is_generator

from .branches import joined_value
from .hidden_calls import run_constructors
from .recursion import call_again, executing, is_repeated


def call(machine: Machine, function: FunctionValue, arguments: CallArguments) -> Value:
    """Return the value that a function of the project returns; `Unknown` if flashc can't execute the function.

    Raises:
        PythonError: the arguments do not fit, or the body is certain to raise.
    """
    node = function.node
    machine.interactions.note_call(machine.activation.module, function)
    reason: str | None = None
    if arguments.problem is not None:
        machine.escape(arguments)
        return arguments.problem
    if node.asynchronous is not None or is_generator(node, function.frame.syntax.text):
        reason = f"`{function.name}` is not a plain function"
    elif function.decorated:
        reason = f"`{function.name}` is decorated"
    if reason is not None:
        unknown = Unknown(reason=reason, origin=arguments.span)
        machine.escape(arguments.with_receiver(Known(function, arguments.span)))
        with limited(machine, unknown):  # the body runs later, or a decorator may run it
            _execute_body(machine, function, arguments)
        return unknown
    if function.memo is None or function.kind == "property":
        return _execute_body(machine, function, arguments)
    try:
        key = _memo_key(arguments)
    except NotConcrete:
        machine.escape(arguments)
        reason = f"`{function.name}` keeps its results, by arguments that are not known"
        return Unknown(reason=reason, origin=arguments.span)
    if key not in function.memo:
        if machine.condition is not None:
            return _execute_body(machine, function, arguments)
        function.memo[key] = _execute_body(machine, function, arguments)
    return function.memo[key]


def _execute_body(machine: Machine, function: FunctionValue, arguments: CallArguments) -> Value:
    """Execute the body of a function, and return the function's result."""
    if is_repeated(machine, function):
        return call_again(machine, function, arguments)
    frame = Frame(
        syntax=function.frame.syntax, names={}, enclosing=function.frame, qualname=function.qualname
    )
    _bind(machine, function.node.params, arguments, frame, function.defaults)
    with executing(machine, function):
        flow = machine.execute(function.node.body, frame)
    nothing = Known(None, arguments.span)
    if frame.returned is None or Flow.RETURN not in flow:
        return nothing
    if flow is Flow.RETURN or frame.doubt is None:
        return frame.returned
    return joined_value([frame.returned, nothing], frame.doubt)


def _memo_key(arguments: CallArguments) -> tuple[object, ...]:
    """Return the arguments of a call as a key of the memo of `functools.cache`.

    Raises:
        NotConcrete: an argument is no constant that can be a key.
    """
    values = [*arguments.values, *(argument.value for argument in arguments.keywords.values())]
    plain = [concrete(value) for value in values]
    for value, item in zip(values, plain, strict=True):
        # `1`, `1.0` and `True` are equal, and their number decides whether they are the same key.
        if isinstance(item, bool) or not isinstance(item, (str, bytes, int, type(None), Enum)):
            raise NotConcrete(value)
    return (len(arguments.values), *arguments.keywords, *plain)


def call_lambda(machine: Machine, function: LambdaValue, arguments: CallArguments) -> Value:
    """Return the result of a call of a lambda of the project; raises what `call` raises."""
    if arguments.problem is not None:
        machine.escape(arguments)
        return arguments.problem
    if is_repeated(machine, function):
        return call_again(machine, function, arguments)
    frame = Frame(
        syntax=function.frame.syntax,
        names={},
        enclosing=function.frame,
        qualname=function.frame.qualname,
    )
    _bind(machine, function.node.params, arguments, frame, function.defaults)
    with executing(machine, function):
        return machine.evaluate(function.node.body, frame)


def evaluate_defaults(machine: Machine, params: cst.Parameters, frame: Frame) -> dict[str, Value]:
    """Evaluate the defaults of a signature, as Python does once, when the function is defined."""
    return {
        param.name.value: machine.evaluate(param.default, frame)
        for param in (*params.posonly_params, *params.params, *params.kwonly_params)
        if param.default is not None
    }


def _bind(
    machine: Machine,
    params: cst.Parameters,
    arguments: CallArguments,
    frame: Frame,
    defaults: dict[str, Value],
) -> None:
    """Bind the arguments of a call to the parameters, as Python does.

    Raises:
        PythonError: the arguments do not fit the parameters.
    """
    positional = [*params.posonly_params, *params.params]
    positional_only = {param.name.value for param in params.posonly_params}
    values = arguments.values
    keywords = dict(arguments.keywords)

    def by_keyword(name: str) -> Value:
        """Return the argument that the call gives by name, else the default."""
        if name in keywords and name not in positional_only:
            return keywords.pop(name).value
        if name in defaults:
            return defaults[name]
        raise PythonError(TypeError, f"missing a required argument: '{name}'", arguments.span)

    for index, param in enumerate(positional):
        name = param.name.value
        frame.names[name] = values[index] if index < len(values) else by_keyword(name)
    surplus = values[len(positional) :]
    if isinstance(params.star_arg, cst.Param):
        frame.names[params.star_arg.name.value] = Known(
            SequenceValue(tuple, surplus), arguments.span
        )
    elif surplus:
        raise PythonError(TypeError, "too many positional arguments", arguments.span)
    for param in params.kwonly_params:
        frame.names[param.name.value] = by_keyword(param.name.value)
    if params.star_kwarg is not None:
        rest = DictValue({k: (Known(k, a.span), a.value) for k, a in keywords.items()})
        frame.names[params.star_kwarg.name.value] = Known(rest, arguments.span)
    elif keywords:
        text = f"got an unexpected keyword argument '{next(iter(keywords))}'"
        raise PythonError(TypeError, text, arguments.span)


def instantiate(machine: Machine, class_value: ClassValue, arguments: CallArguments) -> Value:
    """Return the instance that `Class(arguments)` makes.

    The result is unknown if the class makes instances in a way that flashc does not evaluate.

    Raises:
        PythonError: the arguments do not fit, or `__init__` is certain to raise.
    """
    if arguments.problem is not None:
        return arguments.problem
    reason = Unknown(
        reason=f"an instance of `{class_value.name}` exists at run time only", origin=arguments.span
    )
    inherits = not class_value.has_open_bases() and records.maker_of(class_value) is not None
    is_record = class_value.is_record or (inherits and not class_value.decorated)
    if is_record or is_model(class_value):
        build = records.build if is_record else models.build
        made = build(machine, class_value, arguments)
        if isinstance(made, Unknown):
            run_constructors(machine, class_value, arguments, made)
        return made
    is_exception = is_exception_class(class_value)
    builds_itself = class_value.find("__new__") is not None or any(
        ancestor.node.keywords
        for ancestor in class_value.ancestry()  # a metaclass
    )
    is_open = class_value.has_open_bases() and not is_exception
    maker = class_value.definer("__init__")
    is_made = maker is not None and maker.generates("__init__")
    if not (class_value.decorated or class_value.has_open_bases() or is_made):
        by_new = _made_by_new(machine, class_value, arguments)
        if by_new is not None:
            return by_new
    if class_value.decorated or is_open or builds_itself or is_made:
        machine.escape(arguments)
        run_constructors(machine, class_value, arguments, reason)
        if any(map(is_frozen_attrs, class_value.ancestry())) and not (is_open or builds_itself):
            return Known(InstanceValue(class_value, {}, reason), arguments.span)
        return reason
    instance = Known(InstanceValue(class_value, {}), arguments.span)
    return _initialised(machine, class_value, instance, arguments, is_exception=is_exception)


def _made_by_new(
    machine: Machine, class_value: ClassValue, arguments: CallArguments
) -> Value | None:
    """Return the instance that the class's own `__new__` makes; None if flashc does not evaluate that."""
    new = class_value.find("__new__")
    if not isinstance(new, Known) or not isinstance(new.value, FunctionValue):
        return None
    if new.value.decorated or any(each.node.keywords for each in class_value.ancestry()):
        return None
    bound = [Argument(Known(class_value, arguments.span), arguments.span), *arguments.positional]
    made = call(machine, new.value, replace(arguments, positional=bound))
    if isinstance(made, Known) and isinstance(made.value, InstanceValue):
        if class_value in made.value.of.ancestry():
            return _initialised(machine, made.value.of, made, arguments, is_exception=True)
    if isinstance(made, Unknown):
        machine.escape(arguments)
        run_constructors(machine, class_value, arguments, made, has_new=False)
    return made


def _initialised(
    machine: Machine,
    class_value: ClassValue,
    instance: Known,
    arguments: CallArguments,
    *,
    is_exception: bool,
) -> Value:
    """Return a new instance after its `__init__`; `is_exception` says that it may take arguments without one."""
    init = class_value.find("__init__")
    if init is None:
        if (arguments.positional or arguments.keywords) and not is_exception:
            text = f"{class_value.name}() takes no arguments"
            raise PythonError(TypeError, text, arguments.span)
        return instance
    if isinstance(init, Known) and isinstance(init.value, FunctionValue):
        bound = [Argument(instance, arguments.span), *arguments.positional]
        inside = replace(arguments, positional=bound)
        result = call(machine, init.value, inside)
        return result if isinstance(result, Unknown) else instance
    return Unknown(
        reason=f"an instance of `{class_value.name}` exists at run time only", origin=arguments.span
    )
