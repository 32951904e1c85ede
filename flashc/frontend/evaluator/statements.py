"""Statements, carried out in order on the names of a frame.

Where it is not known whether a statement runs, it is carried out on a copy of the names, and what the two
ways disagree about becomes unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

import libcst as cst

from ...cst import walk
from . import containers, definitions, expressions, imports, operators
from .objects import ClassValue, EndpointValue, Frame, InstanceValue
from .values import DictValue, External, Known, ListValue, ModuleRef, Unknown, Value, elements

if TYPE_CHECKING:
    from .machine import Machine


class Flow(Enum):
    """How a suite ended."""

    NEXT = "next"
    BREAK = "break"
    CONTINUE = "continue"
    RETURN = "return"


_Suite = cst.BaseSuite | Sequence[cst.BaseStatement | cst.SimpleStatementLine]


def execute(machine: Machine, body: _Suite, frame: Frame) -> Flow:
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
        case cst.Del():
            _delete(node.target, frame)
        case cst.Break():
            return Flow.BREAK
        case cst.Continue():
            return Flow.CONTINUE
        case cst.Raise():
            frame.returned = Unknown("Python raises an exception here", frame.syntax.span(node))
            return Flow.RETURN
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
        case cst.Try() | cst.TryStar():
            flow = execute(machine, node.body, frame)
            if flow is Flow.NEXT and node.orelse is not None:
                flow = execute(machine, node.orelse.body, frame)
            if node.finalbody is not None:
                last = execute(machine, node.finalbody.body, frame)
                flow = flow if last is Flow.NEXT else last
            return flow
        case cst.With():
            for item in node.items:
                value = expressions.evaluate(machine, item.item, frame)
                if item.asname is not None:
                    unknown = Unknown("it is a context manager's value", frame.syntax.span(item))
                    kept = value if isinstance(value, Unknown) else unknown
                    assign(machine, item.asname.name, kept, frame)
            return execute(machine, node.body, frame)
        case _:
            reason = Unknown("flashc does not follow this statement", frame.syntax.span(node))
            return _maybe(machine, [cst.IndentedBlock(list(_blocks(node)))], frame, reason)


def _blocks(node: cst.BaseCompoundStatement) -> list[cst.BaseStatement]:
    """The statements of a `match`'s cases, one after the other."""
    if not isinstance(node, cst.Match):
        return []
    found: list[cst.BaseStatement] = []
    for case in node.cases:
        if isinstance(case.body, cst.IndentedBlock):
            found.extend(case.body.body)
    return found


def _if(machine: Machine, node: cst.If, frame: Frame) -> Flow:
    test = expressions.evaluate(machine, node.test, frame)
    verdict = expressions.truth(machine, test)
    orelse = node.orelse
    other: list[cst.BaseSuite] = []
    if isinstance(orelse, cst.Else):
        other = [orelse.body]
    if isinstance(verdict, Unknown):
        if isinstance(orelse, cst.If):
            return _maybe(machine, [node.body, cst.IndentedBlock([orelse])], frame, verdict)
        return _maybe(machine, [node.body, other[0] if other else None], frame, verdict)
    if verdict:
        return execute(machine, node.body, frame)
    if isinstance(orelse, cst.If):
        return _if(machine, orelse, frame)
    return execute(machine, other[0], frame) if other else Flow.NEXT


def _maybe(
    machine: Machine, ways: Sequence[cst.BaseSuite | None], frame: Frame, reason: Unknown
) -> Flow:
    """Carry out each way on a copy of the names; what differs afterwards is unknown."""
    before = dict(frame.names)
    outer, machine.condition = machine.condition, machine.condition or reason
    outcomes: list[dict[str, Value]] = []
    ended = False
    returned = frame.returned
    for way in ways:
        frame.names = dict(before)
        if way is not None and execute(machine, way, frame) is not Flow.NEXT:
            ended = True
        outcomes.append(frame.names)
    if len(ways) == 1:
        outcomes.append(before)
    machine.condition = outer
    frame.names = _joined(outcomes, reason)
    if ended and frame.enclosing is not None:
        frame.returned = reason
        return Flow.RETURN
    frame.returned = returned
    return Flow.NEXT


def _joined(outcomes: list[dict[str, Value]], reason: Unknown) -> dict[str, Value]:
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
        if isinstance(present[0].value, (ClassValue, EndpointValue, External, ModuleRef)):
            return present[0]
    return Unknown(reason.reason, reason.origin, reason.variable)


def _for(machine: Machine, node: cst.For, frame: Frame) -> Flow:
    items = elements(expressions.evaluate(machine, node.iter, frame))
    if isinstance(items, Unknown):
        containers.unpack(machine, node.target, items, frame)
        return _maybe(machine, [node.body], frame, items)
    for item in items:
        problem = containers.unpack(machine, node.target, item, frame)
        if problem is not None:
            return _maybe(machine, [node.body], frame, problem)
        flow = execute(machine, node.body, frame)
        if flow is Flow.BREAK:
            return Flow.NEXT
        if flow is Flow.RETURN:
            return flow
    return execute(machine, node.orelse.body, frame) if node.orelse is not None else Flow.NEXT


def _while(machine: Machine, node: cst.While, frame: Frame) -> Flow:
    while True:
        machine.step(node, frame)
        verdict = expressions.truth(machine, expressions.evaluate(machine, node.test, frame))
        if isinstance(verdict, Unknown):
            return _maybe(machine, [node.body], frame, verdict)
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
            _assign_attribute(machine, receiver, target.attr.value, value)
        case cst.Subscript():
            _assign_item(machine, target, value, frame)
        case _:
            containers.unpack(machine, target, value, frame)
            if isinstance(target, cst.Name) and isinstance(value, Known):
                _name_endpoint(value.value, target.value, frame)


def _name_endpoint(value: object, name: str, frame: Frame) -> None:
    if isinstance(value, EndpointValue) and frame.enclosing is None:
        if value.variable is None and value.module == frame.syntax.name:
            value.variable = name


def _assign_attribute(machine: Machine, receiver: Value, name: str, value: Value) -> None:
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
        case EndpointValue() as endpoint:
            endpoint.problems.append(
                Unknown(f"the attribute `{name}` is assigned afterwards", value.origin)
            )
        case _:
            pass


def _assign_item(machine: Machine, target: cst.Subscript, value: Value, frame: Frame) -> None:
    receiver = expressions.evaluate(machine, target.value, frame)
    part = target.slice[0].slice
    if not isinstance(receiver, Known) or not isinstance(part, cst.Index):
        return
    key = operators.settled(machine, expressions.evaluate(machine, part.value, frame))
    match receiver.value:
        case DictValue() as table:
            problem = machine.condition or containers.store(machine, table, key, value)
            table.escaped = table.escaped or problem
        case ListValue() as items:
            _assign_element(machine, items, key, value)
        case External("builtins.globals()"):
            if isinstance(key, Known) and isinstance(key.value, str):
                frame.module.names[key.value] = value
        case External("os.environ"):
            if isinstance(key, Known) and isinstance(key.value, str):
                machine.assigned[key.value] = machine.condition or value
        case _:
            pass


def _assign_element(machine: Machine, items: ListValue, key: Value, value: Value) -> None:
    if machine.condition is None and isinstance(key, Known) and isinstance(key.value, int):
        if -len(items.items) <= key.value < len(items.items):
            items.items[key.value] = value
            return
    unknown = Unknown("an element is assigned that flashc can't tell", value.origin)
    items.escaped = items.escaped or machine.condition or unknown


def _augment(machine: Machine, node: cst.AugAssign, frame: Frame) -> None:
    current = expressions.evaluate(machine, node.target, frame)
    value = expressions.evaluate(machine, node.value, frame)
    kind = operators.augmented(type(node.operator))
    span = frame.syntax.span(node)
    if isinstance(current, Known) and isinstance(current.value, ListValue):
        if current.value.kind is list and kind is cst.Add:  # in place: every alias sees it
            more = elements(value)
            if machine.condition is not None or isinstance(more, Unknown):
                unknown = more if isinstance(more, Unknown) else machine.condition
                current.value.escaped = current.value.escaped or unknown
            else:
                current.value.items.extend(more)
            return
    if isinstance(current, Known) and isinstance(current.value, DictValue) and kind is cst.BitOr:
        problem = machine.condition or containers.merge(current.value, value)
        current.value.escaped = current.value.escaped or problem
        return
    assign(machine, node.target, operators.binary(machine, kind, current, value, span), frame)


def _delete(target: cst.BaseExpression, frame: Frame) -> None:
    if isinstance(target, cst.Name):
        frame.names.pop(target.value, None)
