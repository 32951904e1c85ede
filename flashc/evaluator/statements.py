"""Statements, carried out in order on the names of a frame.

Where it is not known whether a statement runs, it is carried out on a copy of the names, and what the two
ways disagree about becomes unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import libcst as cst

from flashc.syntax import walk

from . import attempts, containers, definitions, expressions, imports, matching, operators
from .dialect import DialectObject
from .failures import PythonError, raised
from .iteration import Lost, elements, iterate
from .objects import ClassValue, Flow, Frame, InstanceValue
from .values import DictValue, External, Known, ListValue, ModuleRef, Unknown, Value, variables_of

if TYPE_CHECKING:
    from .machine import Machine


Suite = cst.BaseSuite | Sequence[cst.BaseStatement | cst.SimpleStatementLine]


def execute(machine: Machine, body: Suite, frame: Frame) -> Flow:
    """Carry out a suite."""
    for statement in walk.statements(body):
        machine.step(statement, frame)
        flow = _statement(machine, statement, frame)
        if flow is not Flow.NEXT:
            return flow
    return Flow.NEXT


def _statement(
    machine: Machine,
    node: cst.BaseSmallStatement | cst.BaseCompoundStatement,
    frame: Frame,
) -> Flow:
    match node:
        case cst.Assign():
            value = expressions.evaluate(machine, node.value, frame)
            for target in node.targets:
                assign(machine, target.target, value, frame)
        case cst.AnnAssign():
            if node.value is not None:
                value = expressions.evaluate(machine, node.value, frame)
                assign(machine, node.target, value, frame)
        case cst.AugAssign():
            _augment(machine, node, frame)
        case cst.Expr():
            expressions.evaluate(machine, node.value, frame)
        case cst.Import():
            imports.execute_import(machine, node, frame)
        case cst.ImportFrom():
            imports.execute_import_from(machine, node, frame)
        case cst.FunctionDef():
            definitions.define_function(machine, node, frame)
        case cst.ClassDef():
            definitions.define_class(machine, node, frame)
        case cst.Return():
            frame.returned = (
                Known(None, frame.syntax.span(node))
                if node.value is None
                else expressions.evaluate(machine, node.value, frame)
            )
            return Flow.RETURN
        case cst.Global():
            frame.global_names.update(item.name.value for item in node.names)
        case cst.Nonlocal():
            frame.nonlocal_names.update(item.name.value for item in node.names)
        case cst.Del():
            _delete(machine, node.target, frame)
        case cst.Assert():
            _assert(machine, node, frame)
        case cst.Break():
            return Flow.BREAK
        case cst.Continue():
            return Flow.CONTINUE
        case cst.Raise():
            raise _raised(machine, node, frame)
        case cst.BaseCompoundStatement():
            return _compound(machine, node, frame)
        case _:
            pass
    return Flow.NEXT


def _compound(machine: Machine, node: cst.BaseCompoundStatement, frame: Frame) -> Flow:
    match node:
        case cst.If():
            return _if(machine, node, frame)
        case cst.For():
            return _for(machine, node, frame)
        case cst.While():
            return _while(machine, node, frame)
        case cst.Try():
            return attempts.attempt(machine, node, frame)
        case cst.With():
            for item in node.items:
                value = expressions.evaluate(machine, item.item, frame)
                if item.asname is not None:
                    unknown = Unknown(
                        reason="it is a context manager's value", origin=frame.syntax.span(item)
                    )
                    kept = value if isinstance(value, Unknown) else unknown
                    assign(machine, item.asname.name, kept, frame)
            return execute(machine, node.body, frame)
        case cst.Match():
            return matching.match(machine, node, frame)
        case _:
            reason = Unknown(
                reason="flashc does not follow this statement", origin=frame.syntax.span(node)
            )
            body = node.body if isinstance(node, cst.TryStar) else None
            return maybe(machine, [body], frame, reason)


def _raised(machine: Machine, node: cst.Raise, frame: Frame) -> Exception:
    """What a `raise` statement raises."""
    span = frame.syntax.span(node)
    if node.exc is not None:
        error = raised(expressions.evaluate(machine, node.exc, frame), span)
        error.variables = machine.controlled_by
        return error
    scope: Frame | None = frame
    while scope is not None:
        if scope.handling is not None:
            return scope.handling
        scope = scope.enclosing
    return PythonError(RuntimeError, "No active exception to reraise", span)


def _assert(machine: Machine, node: cst.Assert, frame: Frame) -> None:
    test = expressions.evaluate(machine, node.test, frame)
    verdict = expressions.truth(machine, test)
    if verdict is False:
        error = PythonError(AssertionError, "", frame.syntax.span(node))
        error.variables = machine.controlled_by | variables_of(test)
        raise error
    if isinstance(verdict, Unknown):
        machine.doubts += 1


def _if(machine: Machine, node: cst.If, frame: Frame) -> Flow:
    test = expressions.evaluate(machine, node.test, frame)
    verdict = expressions.truth(machine, test)
    orelse = node.orelse
    other: Suite | None = None
    if orelse is not None:
        other = [orelse] if isinstance(orelse, cst.If) else orelse.body
    if isinstance(verdict, Unknown):
        return maybe(machine, [node.body, other], frame, verdict)
    chosen = node.body if verdict else other
    if chosen is None:
        return Flow.NEXT
    outer, machine.controlled_by = machine.controlled_by, machine.controlled_by | variables_of(test)
    try:
        return execute(machine, chosen, frame)
    finally:
        machine.controlled_by = outer


def maybe(machine: Machine, ways: Sequence[Suite | None], frame: Frame, reason: Unknown) -> Flow:
    """Carry out each way on a copy of the names; what differs afterwards is unknown.

    One way alone may as well not be gone.
    """
    before = dict(frame.names)
    outer, machine.condition = machine.condition, machine.condition or reason
    outcomes: list[dict[str, Value]] = []
    ended = 0
    returned = frame.returned
    machine.doubts += 1
    for way in ways:
        frame.names = dict(before)
        try:
            if way is not None and execute(machine, way, frame) is not Flow.NEXT:
                ended += 1
        except (
            PythonError
        ):  # on this way the names keep what they had; `doubts` tells a `try` of it
            pass
        outcomes.append(frame.names)
    if len(ways) == 1:
        outcomes.append(before)
    machine.condition = outer
    frame.names = joined(outcomes, reason)
    if ended and frame.enclosing is not None:
        frame.returned = reason
        return Flow.RETURN
    frame.returned = returned
    return Flow.NEXT


def joined(outcomes: list[dict[str, Value]], reason: Unknown) -> dict[str, Value]:
    """The names after one of several ways, nobody knows which."""
    joined: dict[str, Value] = {}
    for name in dict.fromkeys(name for outcome in outcomes for name in outcome):
        values = [outcome.get(name) for outcome in outcomes]
        first = values[0]
        same = first is not None and all(_same(first, value) for value in values[1:])
        joined[name] = first if first is not None and same else _blurred(values, reason)
    return joined


def _same(left: Value, right: Value | None) -> bool:
    if left is right:
        return True
    if isinstance(left, Known) and isinstance(right, Known):
        scalars = (str, int, float, bytes, type(None))
        if isinstance(left.value, scalars) and type(left.value) is type(right.value):
            return left.value == right.value
        return left.value is right.value or (isinstance(left.value, External) and left == right)
    return False


def _blurred(values: list[Value | None], reason: Unknown) -> Value:
    """A definition that stands on one way only is still that definition: its own check reports it."""
    present = [value for value in values if value is not None]
    if len(present) == 1 and isinstance(present[0], Known):
        if isinstance(present[0].value, (ClassValue, External, ModuleRef)) or _is_definition(
            present[0].value
        ):
            return present[0]
    return Unknown(reason=reason.reason, origin=reason.origin, variable=reason.variable)


def _is_definition(value: object) -> bool:
    return isinstance(value, DialectObject) and value.is_definition


def _for(machine: Machine, node: cst.For, frame: Frame) -> Flow:
    try:
        for item in iterate(machine, expressions.evaluate(machine, node.iter, frame)):
            machine.step(node, frame)
            problem = containers.unpack(machine, node.target, item, frame)
            if problem is not None:
                raise Lost(problem)
            flow = execute(machine, node.body, frame)
            if flow is Flow.BREAK:
                return Flow.NEXT
            if flow is Flow.RETURN:
                return flow
    except Lost as lost:
        containers.unpack(machine, node.target, lost.reason, frame)
        return maybe(machine, [node.body], frame, lost.reason)
    return execute(machine, node.orelse.body, frame) if node.orelse is not None else Flow.NEXT


def _while(machine: Machine, node: cst.While, frame: Frame) -> Flow:
    while True:
        machine.step(node, frame)
        verdict = expressions.truth(machine, expressions.evaluate(machine, node.test, frame))
        if isinstance(verdict, Unknown):
            return maybe(machine, [node.body], frame, verdict)
        if not verdict:
            return execute(machine, node.orelse.body, frame) if node.orelse else Flow.NEXT
        flow = execute(machine, node.body, frame)
        if flow is Flow.BREAK:
            return Flow.NEXT
        if flow is Flow.RETURN:
            return flow


def assign(machine: Machine, target: cst.BaseExpression, value: Value, frame: Frame) -> None:
    """`target = value`."""
    match target:
        case cst.Attribute():
            receiver = expressions.evaluate(machine, target.value, frame)
            assign_attribute(machine, receiver, target.attr.value, value)
        case cst.Subscript():
            _assign_item(machine, target, value, frame)
        case cst.Name() if isinstance(value, Unknown):
            frame.bind(target.value, value.passed_on(target.value, frame.syntax.span(target)))
        case _:
            containers.unpack(machine, target, value, frame)
            if isinstance(target, cst.Name) and isinstance(value, Known):
                if isinstance(value.value, DialectObject) and frame.enclosing is None:
                    value.value.bound_to(target.value, frame.syntax.name)


def assign_attribute(machine: Machine, receiver: Value, name: str, value: Value) -> None:
    """`receiver.name = value`."""
    if not isinstance(receiver, Known):
        return
    match receiver.value:
        case InstanceValue() as instance:
            instance.names[name] = machine.condition or value
        case ClassValue() as class_value:
            class_value.names[name] = machine.condition or value
        case ModuleRef() as module:
            frame = machine.module(module.name)
            if frame is not None:
                frame.names[name] = machine.condition or value
        case DialectObject() as object_of_sdk:
            object_of_sdk.assign_attribute(name, value)
        case _:
            pass


def _assign_item(machine: Machine, target: cst.Subscript, value: Value, frame: Frame) -> None:
    receiver = expressions.evaluate(machine, target.value, frame)
    key = containers.key_of(machine, target, frame)
    if isinstance(receiver, Known) and isinstance(receiver.value, External):
        if isinstance(key, Known) and isinstance(key.value, str):
            if receiver.value.name == "builtins.globals()":
                frame.module.names[key.value] = value
            elif receiver.value.name == "os.environ":
                machine.assigned[key.value] = machine.condition or value
        return
    containers.store_item(machine, receiver, key, value)


def _augment(machine: Machine, node: cst.AugAssign, frame: Frame) -> None:
    current = expressions.evaluate(machine, node.target, frame)
    value = expressions.evaluate(machine, node.value, frame)
    kind = operators.augmented(type(node.operator))
    span = frame.syntax.span(node)
    held = current.value if isinstance(current, Known) else None
    if isinstance(held, ListValue) and held.kind is list and kind is cst.Add:
        _extend(machine, held, value)  # in place: every alias sees it
        return
    if isinstance(held, DictValue) and kind is cst.BitOr:
        held.escaped = held.escaped or machine.condition or containers.merge(machine, held, value)
        return
    result = operators.binary(machine, kind, current, value, span)
    if isinstance(held, ListValue) and held.kind in (list, set):
        new = result.value if isinstance(result, Known) else None
        if isinstance(new, ListValue) and machine.condition is None:
            held.items[:] = new.items
        else:
            unknown = result if isinstance(result, Unknown) else None
            held.escaped = held.escaped or machine.condition or unknown
        return
    assign(machine, node.target, result, frame)


def _extend(machine: Machine, held: ListValue, value: Value) -> None:
    more = elements(machine, value)
    if machine.condition is not None or isinstance(more, Unknown):
        unknown = more if isinstance(more, Unknown) else machine.condition
        held.escaped = held.escaped or unknown
    else:
        held.items.extend(more)


def _delete(machine: Machine, target: cst.BaseExpression, frame: Frame) -> None:
    match target:
        case cst.Name():
            frame.owner(target.value).names.pop(target.value, None)
        case cst.Tuple() | cst.List():
            for element in target.elements:
                _delete(machine, element.value, frame)
        case cst.Subscript():
            receiver = expressions.evaluate(machine, target.value, frame)
            key = containers.key_of(machine, target, frame)
            containers.delete_item(machine, receiver, key, frame.syntax.span(target))
        case cst.Attribute():
            receiver = expressions.evaluate(machine, target.value, frame)
            if isinstance(receiver, Known) and isinstance(receiver.value, InstanceValue):
                receiver.value.names.pop(target.attr.value, None)
        case _:
            pass
