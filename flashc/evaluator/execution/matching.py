"""Execute `match` statements: select the case that Python would run, if all values are known."""

from __future__ import annotations

import libcst as cst

from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import Flow, Frame
from flashc.evaluator.operations.apply import resolve_symbolic
from flashc.evaluator.operations.comparisons import compare, truth
from flashc.evaluator.values import (
    DictValue,
    Known,
    NotConcrete,
    SequenceValue,
    Unknown,
    Value,
    concrete,
)

from .branches import execute_maybe

_Bound = dict[str, Value]


def match(machine: Machine, node: cst.Match, frame: Frame) -> Flow:
    """Execute a `match` statement."""
    subject = resolve_symbolic(machine, machine.evaluate(node.subject, frame))
    for index, case in enumerate(node.cases):
        bound: _Bound = {}
        verdict = _matches(machine, case.pattern, subject, frame, bound)
        if verdict is True:
            for name, value in bound.items():
                frame.bind(name, value)
            if case.guard is not None:
                guard = machine.evaluate(case.guard, frame)
                verdict = truth(machine, guard)
        if isinstance(verdict, Unknown):
            rest = [case.body for case in node.cases[index:]]
            return execute_maybe(machine, [*rest, None], frame, verdict)
        if verdict:
            return machine.execute(case.body, frame)
    return Flow.NEXT


def _matches(
    machine: Machine, pattern: cst.MatchPattern, subject: Value, frame: Frame, bound: _Bound
) -> bool | Unknown:
    """Return whether `subject` matches a pattern; put the names that it binds into `bound`."""
    if isinstance(subject, Unknown):
        return subject
    span = frame.syntax.span(pattern)
    match pattern:
        case cst.MatchAs():
            return _match_capture(machine, pattern, subject, frame, bound)
        case cst.MatchValue() | cst.MatchSingleton():
            wanted = machine.evaluate(pattern.value, frame)
            symbol = "is" if isinstance(pattern, cst.MatchSingleton) else "=="
            return compare(machine, symbol, subject, wanted, span)
        case cst.MatchOr():
            for option in pattern.patterns:
                verdict = _matches(machine, option.pattern, subject, frame, bound)
                if verdict is not False:
                    return verdict
            return False
        case cst.MatchList() | cst.MatchTuple():
            return _match_sequence(machine, pattern, subject, frame, bound)
        case cst.MatchMapping():
            return _match_mapping(machine, pattern, subject, frame, bound)
        case _:
            return Unknown(reason="flashc does not evaluate this pattern", origin=span)


def _match_capture(
    machine: Machine, pattern: cst.MatchAs, subject: Value, frame: Frame, bound: _Bound
) -> bool | Unknown:
    """Match a pattern with a name, `pattern as name` or `name`, and bind the name."""
    if pattern.pattern is not None:
        verdict = _matches(machine, pattern.pattern, subject, frame, bound)
        if verdict is not True:
            return verdict
    if pattern.name is not None:
        bound[pattern.name.value] = subject
    return True


def _match_sequence(
    machine: Machine,
    pattern: cst.MatchList | cst.MatchTuple,
    subject: Value,
    frame: Frame,
    bound: _Bound,
) -> bool | Unknown:
    """Match a pattern such as `[a, *b]`."""
    container = subject.value if isinstance(subject, Known) else None
    if not isinstance(container, SequenceValue):
        if isinstance(container, (str, bytes, int, float, complex, DictValue)) or container is None:
            return False
        return Unknown(reason="flashc does not evaluate this pattern", origin=subject.origin)
    if container.escaped is not None:
        return container.escaped
    if container.kind not in (list, tuple):
        return False
    targets = pattern.patterns
    starred = next((i for i, t in enumerate(targets) if isinstance(t, cst.MatchStar)), None)
    surplus = len(container.items) - len(targets)
    if surplus < (0 if starred is None else -1) or (starred is None and surplus):
        return False
    for index, target in enumerate(targets):
        position = index if starred is None or index <= starred else index + surplus
        if isinstance(target, cst.MatchStar):
            if target.name is not None:
                rest = container.items[index : index + surplus + 1]
                bound[target.name.value] = Known(SequenceValue(list, rest), subject.origin)
        elif isinstance(target, cst.MatchSequenceElement):
            verdict = _matches(machine, target.value, container.items[position], frame, bound)
            if verdict is not True:
                return verdict
    return True


def _match_mapping(
    machine: Machine, pattern: cst.MatchMapping, subject: Value, frame: Frame, bound: _Bound
) -> bool | Unknown:
    """Match a pattern such as `{"key": a, **rest}`."""
    container = subject.value if isinstance(subject, Known) else None
    if not isinstance(container, DictValue):
        if (
            isinstance(container, (str, bytes, int, float, complex, SequenceValue))
            or container is None
        ):
            return False
        return Unknown(reason="flashc does not evaluate this pattern", origin=subject.origin)
    if container.escaped is not None:
        return container.escaped
    seen: set[object] = set()
    for element in pattern.elements:
        key = machine.evaluate(element.key, frame)
        try:
            plain = concrete(key)
        except NotConcrete:
            return Unknown(reason="a key of the pattern is not known", origin=key.origin)
        if plain not in container.entries:
            return False
        seen.add(plain)
        verdict = _matches(machine, element.pattern, container.entries[plain][1], frame, bound)
        if verdict is not True:
            return verdict
    if pattern.rest is not None:
        left = {key: entry for key, entry in container.entries.items() if key not in seen}
        bound[pattern.rest.value] = Known(DictValue(left), subject.origin)
    return True
