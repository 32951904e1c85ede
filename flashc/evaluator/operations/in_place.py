"""Execute `target += value` and other assignments with an operator."""

from __future__ import annotations

from flashc.evaluator.config_values import ConfigList
from flashc.evaluator.escape import escape_value, sharing
from flashc.evaluator.machine import Machine
from flashc.evaluator.values import DictValue, Known, MappingObject, SequenceValue, Unknown, Value
from flashc_core.source import Span

from .containers import merge
from .iteration import elements
from .operators import METHODS, binary
from .special_methods import call_special, is_refusal


def in_place(machine: Machine, symbol: str, current: Value, value: Value, span: Span) -> Value:
    """Return the result of `current += value`.

    The result is `current` itself if Python changes the object.
    """
    container = current.value if isinstance(current, Known) else None
    if any(isinstance(s, Known) and isinstance(s.value, ConfigList) for s in (current, value)):
        reason = Unknown(reason="an operator changes a configuration", origin=span)
        escape_value(current, reason)
        return sharing(reason, current, value)
    if isinstance(container, SequenceValue) and container.kind is list and symbol == "+":
        _extend(machine, container, value)
        return current
    if isinstance(container, DictValue) and symbol == "|":
        problem = machine.doubt or merge(machine, container, value)
        if problem is not None:
            container.escaped = sharing(container.escaped or problem, value)
        return current
    own = call_special(machine, current, f"__i{METHODS[symbol]}__", [value], span)
    if isinstance(own, Unknown):
        return sharing(own, current, value)
    if own is not None and not is_refusal(own):
        return own
    result = binary(machine, symbol, current, value, span)
    if isinstance(current, Unknown):
        escape_value(current, Unknown(reason="an operator may have changed it", origin=span))
    if isinstance(container, MappingObject):
        escape_value(current, Unknown(reason="it was updated by an operator", origin=span))
    if isinstance(container, SequenceValue) and container.kind in (list, set):
        new = result.value if isinstance(result, Known) else None
        if isinstance(new, SequenceValue) and machine.doubt is None:
            container.items[:] = new.items
        else:
            unknown = result if isinstance(result, Unknown) else None
            container.escaped = container.escaped or machine.doubt or unknown
        return current
    return result


def _extend(machine: Machine, container: SequenceValue, value: Value) -> None:
    """Execute `items += value` for a list: append the elements of `value`."""
    more = elements(machine, value)
    if machine.doubt is not None or isinstance(more, Unknown):
        machine.may_raise()
        unknown = more if isinstance(more, Unknown) else machine.doubt
        assert unknown is not None
        container.escaped = sharing(container.escaped or unknown, value)
    else:
        container.items.extend(more)
