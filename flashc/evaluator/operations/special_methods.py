"""Call the special methods of the project's classes, such as `__add__`, which Python calls for operators and builtins.

Python looks such a method up in the class of an object, not in the object (reference, 3.3.12).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from msgspec.structs import replace

from flashc.evaluator.activation import OutOfSteps
from flashc.evaluator.escape import sharing
from flashc.evaluator.failures import PythonError
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    Argument,
    CallArguments,
    ClassValue,
    FunctionValue,
    InstanceValue,
    LambdaValue,
)
from flashc.evaluator.values import (
    DictValue,
    External,
    Known,
    SequenceValue,
    Unknown,
    Value,
    is_constant,
)
from flashc_core.source import Span

_SHARE = 10  # a call that may happen takes at most this part of the steps that are left
_REFUSAL = External("builtins.NotImplemented")
# Python calls these for other reasons than to compute something with an object.
_NOT_COMPUTING = frozenset(
    {
        *("__new__", "__init__", "__post_init__", "__del__", "__init_subclass__", "__set_name__"),
        *("__class_getitem__", "__call__", "__enter__", "__exit__", "__aenter__", "__aexit__"),
        *("__getattr__", "__getattribute__", "__setattr__", "__delattr__", "__get__", "__set__"),
        *("__setitem__", "__delitem__", "__prepare__", "__instancecheck__", "__subclasscheck__"),
    }
)


def special_method(value: Value, name: str) -> Value | None:
    """Return a method of the class of an instance; None if no body of a class shows that Python calls one."""
    instance = value.value if isinstance(value, Known) else None
    if not isinstance(instance, InstanceValue) or instance.of.has_generated(name):
        return None
    return instance.of.find(name)


def call_special(
    machine: Machine, receiver: Value, name: str, values: Sequence[Value], span: Span
) -> Value | None:
    """Return `receiver.name(*values)`, called as Python does for an operation at `span`.

    The result is None if `special_method` finds no method.

    Raises:
        PythonError: the method is certain to raise.
    """
    instance = receiver.value if isinstance(receiver, Known) else None
    found = special_method(receiver, name)
    if found is None or not isinstance(receiver, Known) or not isinstance(instance, InstanceValue):
        return None
    return call_method(machine, found, instance.of, receiver, _given(receiver, values, span))


def call_method(
    machine: Machine, found: Value, of: ClassValue, receiver: Known, arguments: CallArguments
) -> Value:
    """Return the result of a call of a method that was found in the class `of` of the receiver.

    Raises:
        PythonError: the method is certain to raise.
    """
    function = found.value if isinstance(found, Known) else None
    if not isinstance(function, (FunctionValue, LambdaValue)):
        machine.escape(arguments.with_receiver(receiver))
        reason = "flashc does not evaluate this method"
        return (
            found if isinstance(found, Unknown) else Unknown(reason=reason, origin=receiver.origin)
        )
    kind = function.kind if isinstance(function, FunctionValue) else "plain"
    if kind == "static":
        return machine.call(found, arguments)
    bound = Known(of, receiver.origin) if kind == "class" else receiver
    first = Argument(bound, arguments.span)
    return machine.call(found, replace(arguments, positional=[first, *arguments.positional]))


def run_maybe(
    machine: Machine, function: Value | None, arguments: CallArguments, reason: Unknown
) -> None:
    """Execute a function of the project as code that may run because of `reason`, for what it changes."""
    inside = function.value if isinstance(function, Known) else None
    if not isinstance(function, Known) or not isinstance(inside, (FunctionValue, LambdaValue)):
        return
    with limited(machine, reason):
        machine.call(function, arguments)


def run_method_maybe(
    machine: Machine, receiver: Value, name: str, values: Sequence[Value], reason: Unknown
) -> None:
    """Execute a method of an instance as `run_maybe` does; do nothing if there is no such method."""
    given = _given(receiver, values, reason.origin).with_receiver(receiver)
    run_maybe(machine, special_method(receiver, name), given, reason)


@contextmanager
def limited(machine: Machine, reason: Unknown) -> Generator[None]:
    """Mark the code in the `with` block as a call that may happen because of `reason`; it is not executed to its end if it is long."""
    machine.may_raise()
    kept = machine.activation.steps - machine.activation.steps // _SHARE
    machine.activation.steps -= kept
    try:
        with machine.uncertain(reason):
            yield
    except (PythonError, OutOfSteps):
        pass  # the program may go on without it
    finally:
        machine.activation.steps += kept


def operate(
    machine: Machine, left: Value, right: Value, names: tuple[str, str], span: Span
) -> Value | None:
    """Return the result of an operator that methods of the operands compute.

    `names` are those of the method of the left operand and of the reflected one of the right.  The
    result is None if no method computes it: there is none, or each returns `NotImplemented`.

    Raises:
        PythonError: a method is certain to raise.
    """
    attempts = [(left, names[0], right), (right, names[1], left)]
    if _is_preferred(right, names[1], left):
        attempts.reverse()
    for position, (receiver, name, other) in enumerate(attempts):
        found = call_special(machine, receiver, name, [other], span)
        is_open = found is None and _may_compute(receiver, name)
        if is_open or isinstance(found, Unknown):
            reason = found or Unknown(reason="another method may be called first", origin=span)
            assert isinstance(reason, Unknown)
            for later, method, argument in attempts[position + 1 :]:
                run_method_maybe(machine, later, method, [argument], reason)
            return None if found is None else sharing(reason, left, right)
        if found is not None and not is_refusal(found):
            return found
    return None


def is_refusal(value: Value) -> bool:
    """Return whether a method returned `NotImplemented`: it leaves the operation to another one."""
    return isinstance(value, Known) and value.value == _REFUSAL


def _is_preferred(right: Value, name: str, left: Value) -> bool:
    """Return whether Python asks the right operand first: its class is derived from that of the left one and has a method of its own."""
    first = left.value if isinstance(left, Known) else None
    second = right.value if isinstance(right, Known) else None
    if not isinstance(first, InstanceValue) or not isinstance(second, InstanceValue):
        return False
    if first.of is second.of or first.of not in second.of.ancestry():
        return False
    return special_method(left, name) is not special_method(right, name)


def _may_compute(operand: Value, name: str) -> bool:
    """Return whether an operand without a method that flashc sees may still compute an operator with an instance."""
    if not isinstance(operand, Known):
        return isinstance(operand, Unknown)
    match operand.value:
        case InstanceValue(of=of):
            return of.has_open_bases() or of.has_generated(name)
        case str() | bytes():
            return name == "__mod__"
        case SequenceValue() | DictValue():
            return False
        case inside:
            return not is_constant(inside)


def run_special_methods(machine: Machine, values: Sequence[Value], span: Span) -> None:
    """Execute the methods of instances among `values`, or in containers there, by which Python may compute something with them."""
    reason = Unknown(reason="Python may call the methods of an operand", origin=span)
    pending, seen = list(values), set[int]()
    while pending:
        value = pending.pop()
        inside = value.value if isinstance(value, Known) else None
        if not isinstance(inside, (InstanceValue, SequenceValue, DictValue)) or id(inside) in seen:
            continue
        seen.add(id(inside))
        if not isinstance(inside, InstanceValue):
            pending += inside.parts()
            continue
        names = {name for each in inside.of.ancestry() for name in each.names}
        for name in sorted(names - _NOT_COMPUTING):
            if name.startswith("__") and name.endswith("__"):
                others = _others(special_method(value, name), reason)
                run_method_maybe(machine, value, name, others, reason)


def _others(method: Value | None, reason: Unknown) -> list[Value]:
    """Return unknown values for the parameters of a method after `self` that have no default."""
    function = method.value if isinstance(method, Known) else None
    if not isinstance(function, (FunctionValue, LambdaValue)):
        return []
    params = function.node.params
    plain = [param for param in (*params.posonly_params, *params.params) if param.default is None]
    return [reason for _ in plain[1:]]


def _given(receiver: Value, values: Sequence[Value], span: Span) -> CallArguments:
    """Return the arguments after `self` of a call of a method of `receiver` that the source does not contain."""
    instance = receiver.value if isinstance(receiver, Known) else None
    return CallArguments(
        positional=[Argument(value, span) for value in values],
        keywords={},
        span=span,
        text=span,
        module=instance.of.frame.syntax.name if isinstance(instance, InstanceValue) else "",
    )


def text_of(machine: Machine, value: Value, name: str, span: Span) -> Value | None:
    """Return `str(value)` or `repr(value)` of an instance with a method for it; None for other values.

    `name` is `__str__` or `__repr__`.

    Raises:
        PythonError: the method is certain to raise.
    """
    instance = value.value if isinstance(value, Known) else None
    if not isinstance(instance, InstanceValue):
        return None
    has_own = name == "__repr__" or instance.of.definer(name) is not None
    return call_special(machine, value, name if has_own else "__repr__", [], span)
