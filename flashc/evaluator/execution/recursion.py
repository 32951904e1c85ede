"""End recursion in code that may not run, as its depth is not known: what it may change is unknown."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager

import libcst as cst
from msgspec import Struct, field

from flashc.evaluator.escape import escape_value, sharing
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    CallArguments,
    ClassValue,
    Frame,
    FunctionValue,
    InstanceValue,
    LambdaValue,
)
from flashc.evaluator.operations.global_names import bind_global
from flashc.evaluator.values import BoundMethod, Known, ModuleRef, Unknown, Value
from flashc.syntax import walk

_USES: tuple[type[cst.Name | cst.Attribute | cst.Global | cst.Nonlocal], ...] = (
    cst.Name,
    cst.Attribute,
    cst.Global,
    cst.Nonlocal,
)
_BINDING: tuple[type[cst.AssignTarget | cst.AugAssign | cst.AnnAssign | cst.For | cst.Del], ...] = (
    cst.AssignTarget,
    cst.AugAssign,
    cst.AnnAssign,
    cst.For,
    cst.Del,
)


@contextmanager
def executing(machine: Machine, function: FunctionValue | LambdaValue) -> Generator[None]:
    """Mark the code in the `with` block as the body of this function."""
    running, key = machine.activation.running, id(function.node)
    is_first = key not in running
    running.setdefault(key, machine.activation.uncertain_blocks)
    try:
        yield
    finally:
        if is_first:
            del running[key]


def is_repeated(machine: Machine, function: FunctionValue | LambdaValue) -> bool:
    """Return whether a function is being executed, and it is not known whether this further call happens."""
    begun = machine.activation.running.get(id(function.node))
    return begun is not None and machine.activation.uncertain_blocks > begun


def call_again(
    machine: Machine, function: FunctionValue | LambdaValue, arguments: CallArguments
) -> Unknown:
    """Return the result of a call that is not executed, because the function is being executed.

    With other arguments, the function may take other branches than those that were executed.  So
    all that it can reach and change is unknown after the call.
    """
    reason = Unknown(
        reason="it is not known how often the function calls itself", origin=arguments.span
    )
    machine.escape(arguments)
    given = [*arguments.values, *(argument.value for argument in arguments.keywords.values())]
    _Reach(machine=machine, reason=reason).forget([Known(function, arguments.span), *given])
    return reason


class _Reach(Struct, eq=False, kw_only=True):
    """What a function can reach by the names that it and the functions that it calls mention.

    `attributes` are the attributes that they assign or delete, of whatever object; `scopes` have the
    attributes of the classes and modules among what they reach.
    """

    machine: Machine
    reason: Unknown
    attributes: set[str] = field(default_factory=set[str])
    scopes: list[dict[str, Value]] = field(default_factory=list[dict[str, Value]])

    def forget(self, values: list[Value]) -> None:
        """Make all unknown that the functions among `values` may change, and what else is reached from these."""
        seen = set[int]()
        while values:
            value = values.pop()
            inside = value.value if isinstance(value, Known) else None
            if id(inside) not in seen:
                seen.add(id(inside))
                values += self._parts(value)
        for names in self.scopes:
            for name in self.attributes & names.keys():
                names[name] = sharing(self.reason, names[name])

    def _parts(self, value: Value) -> Iterable[Value]:
        """Forget what a container or an instance has; return the values that are reached by way of `value`."""
        match value.value if isinstance(value, Known) else None:
            case FunctionValue(node=node, frame=frame) | LambdaValue(node=node, frame=frame):
                return self._mentioned(node, frame)
            case ClassValue() as of_class:
                self.scopes += (each.names for each in of_class.ancestry())
                return [each for base in of_class.ancestry() for each in base.names.values()]
            case InstanceValue(of=of_class) as instance:
                parts = [Known(of_class, value.origin), *instance.parts()]
                escape_value(value, self.reason)
                return parts
            case BoundMethod(receiver=receiver):
                return [receiver]
            case ModuleRef(name=name) if name in self.machine.frames:
                names = self.machine.frames[name].names
                self.scopes.append(names)
                return list(names.values())
            case _:
                escape_value(value, self.reason)
                return []

    def _mentioned(self, node: cst.FunctionDef | cst.Lambda, frame: Frame) -> Iterator[Value]:
        """Yield what a function's names mean outside of it; forget the names that it may bind there."""
        scope = Frame(syntax=frame.syntax, enclosing=frame)
        for binding in walk.find_nodes(node, _BINDING):
            targets = walk.find_nodes(binding.target, cst.Attribute)
            self.attributes |= {target.attr.value for target in targets}
        for found in walk.find_nodes(node, _USES):
            self.machine.step(found, frame)
            match found:
                case cst.Name():
                    value = frame.lookup(found.value)
                    if value is not None:
                        yield value
                case cst.Attribute():
                    if found.attr.value == "environ":
                        self.machine.forget_variables(self.reason)
                case cst.Global() | cst.Nonlocal():
                    names = {item.name.value for item in found.names}
                    is_global = isinstance(found, cst.Global)
                    (scope.global_names if is_global else scope.nonlocal_names).update(names)
                    for name in names:
                        bind_global(self.machine, scope, name, self.reason)
