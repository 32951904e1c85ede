"""`match`: the case that Python would choose, where subject and patterns are constants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from . import comparisons, expressions, operators, statements
from .objects import Flow, Frame
from .values import DictValue, Known, ListValue, NotConcrete, Unknown, Value, concrete

if TYPE_CHECKING:
    from .machine import Machine

_Bound = dict[str, Value]


def match(machine: Machine, node: cst.Match, frame: Frame) -> Flow:
    """Carry out a `match` statement."""
    subject = operators.settled(machine, expressions.evaluate(machine, node.subject, frame))
    for index, case in enumerate(node.cases):
        bound: _Bound = {}
        verdict = _fits(machine, case.pattern, subject, frame, bound)
        if verdict is True:
            for name, value in bound.items():
                frame.bind(name, value)
            if case.guard is not None:
                guard = expressions.evaluate(machine, case.guard, frame)
                verdict = expressions.truth(machine, guard)
        if isinstance(verdict, Unknown):
            rest = [case.body for case in node.cases[index:]]
            return statements.maybe(machine, [*rest, None], frame, verdict)
        if verdict:
            return statements.execute(machine, case.body, frame)
    return Flow.NEXT


def _fits(
    machine: Machine, pattern: cst.MatchPattern, subject: Value, frame: Frame, bound: _Bound
) -> bool | Unknown:
    """Whether `subject` fits; what the pattern captures goes into `bound`."""
    if isinstance(subject, Unknown):
        return subject
    span = frame.syntax.span(pattern)
    match pattern:
        case cst.MatchAs():
            return _captured(machine, pattern, subject, frame, bound)
        case cst.MatchValue() | cst.MatchSingleton():
            wanted = expressions.evaluate(machine, pattern.value, frame)
            kind = cst.Is if isinstance(pattern, cst.MatchSingleton) else cst.Equal
            return comparisons.compared(machine, kind, subject, wanted, span)
        case cst.MatchOr():
            for option in pattern.patterns:
                verdict = _fits(machine, option.pattern, subject, frame, bound)
                if verdict is not False:
                    return verdict
            return False
        case cst.MatchList() | cst.MatchTuple():
            return _sequence(machine, pattern, subject, frame, bound)
        case cst.MatchMapping():
            return _mapping(machine, pattern, subject, frame, bound)
        case _:
            return Unknown(reason="flashc does not follow this pattern", origin=span)


def _captured(
    machine: Machine, pattern: cst.MatchAs, subject: Value, frame: Frame, bound: _Bound
) -> bool | Unknown:
    if pattern.pattern is not None:
        verdict = _fits(machine, pattern.pattern, subject, frame, bound)
        if verdict is not True:
            return verdict
    if pattern.name is not None:
        bound[pattern.name.value] = subject
    return True


def _sequence(
    machine: Machine,
    pattern: cst.MatchList | cst.MatchTuple,
    subject: Value,
    frame: Frame,
    bound: _Bound,
) -> bool | Unknown:
    held = subject.value if isinstance(subject, Known) else None
    if not isinstance(held, ListValue):
        if isinstance(held, (str, bytes, int, float, complex, DictValue)) or held is None:
            return False
        return Unknown(reason="flashc does not follow this pattern", origin=subject.origin)
    if held.escaped is not None:
        return held.escaped
    if held.kind not in (list, tuple):
        return False
    goals = pattern.patterns
    starred = next((i for i, g in enumerate(goals) if isinstance(g, cst.MatchStar)), None)
    surplus = len(held.items) - len(goals)
    if surplus < (0 if starred is None else -1) or (starred is None and surplus):
        return False
    for index, goal in enumerate(goals):
        place = index if starred is None or index <= starred else index + surplus
        if isinstance(goal, cst.MatchStar):
            if goal.name is not None:
                rest = held.items[index : index + surplus + 1]
                bound[goal.name.value] = Known(ListValue(list, rest), subject.origin)
        elif isinstance(goal, cst.MatchSequenceElement):
            verdict = _fits(machine, goal.value, held.items[place], frame, bound)
            if verdict is not True:
                return verdict
    return True


def _mapping(
    machine: Machine, pattern: cst.MatchMapping, subject: Value, frame: Frame, bound: _Bound
) -> bool | Unknown:
    held = subject.value if isinstance(subject, Known) else None
    if not isinstance(held, DictValue):
        if isinstance(held, (str, bytes, int, float, complex, ListValue)) or held is None:
            return False
        return Unknown(reason="flashc does not follow this pattern", origin=subject.origin)
    if held.escaped is not None:
        return held.escaped
    seen: set[object] = set()
    for element in pattern.elements:
        key = expressions.evaluate(machine, element.key, frame)
        try:
            plain = concrete(key)
        except NotConcrete:
            return Unknown(reason="a key of the pattern is not known", origin=key.origin)
        if plain not in held.entries:
            return False
        seen.add(plain)
        verdict = _fits(machine, element.pattern, held.entries[plain][1], frame, bound)
        if verdict is not True:
            return verdict
    if pattern.rest is not None:
        left = {key: entry for key, entry in held.entries.items() if key not in seen}
        bound[pattern.rest.value] = Known(DictValue(left), subject.origin)
    return True
