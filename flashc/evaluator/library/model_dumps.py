"""Evaluate `model_dump()` of models of pydantic."""

from __future__ import annotations

from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments, InstanceValue
from flashc.evaluator.operations.apply import resolve_symbolic
from flashc.evaluator.values import DictValue, Known, NotConcrete, SequenceValue, Value, concrete
from flashc_core.source import Span

from .model_validators import has_own_dump


def dumped(machine: Machine, record: InstanceValue, arguments: CallArguments) -> Value | None:
    """Return `model.model_dump()`; None if an option or a method decides what is in it."""
    chosen: dict[str, object] = {}
    for key, argument in arguments.keywords.items():
        try:
            chosen[key] = concrete(resolve_symbolic(machine, argument.value), unordered=True)
        except NotConcrete:
            return None
    chosen = {key: value for key, value in chosen.items() if value not in (None, False)}
    if arguments.positional or not chosen.keys() <= {"exclude_none", "include", "exclude"}:
        return None
    if not all(isinstance(chosen.get(k, set()), (set, frozenset)) for k in ("include", "exclude")):
        return None
    whole = _dump(machine, record, arguments.span, is_short=chosen.get("exclude_none") is True)
    if whole is None:
        return None
    include, exclude = chosen.get("include"), chosen.get("exclude")
    kept = {
        key: entry
        for key, entry in whole.entries.items()
        if (not isinstance(include, (set, frozenset)) or key in include)
        and not (isinstance(exclude, (set, frozenset)) and key in exclude)
    }
    return Known(DictValue(kept, whole.escaped), arguments.span)


def _dump(
    machine: Machine, record: InstanceValue, span: Span, *, is_short: bool
) -> DictValue | None:
    """Return a dict of the fields, in which models are dicts too; None if a method decides what is in it."""
    if has_own_dump(machine, record.of):
        return None
    entries: dict[object, tuple[Value, Value]] = {}
    for name, value in record.names.items():
        if is_short and isinstance(value, Known) and value.value is None:
            continue
        found = _dumped_value(machine, value, span, is_short=is_short)
        if found is None:
            return None
        entries[name] = (Known(name, span), found)
    return DictValue(entries, record.escaped)


def _dumped_value(machine: Machine, value: Value, span: Span, *, is_short: bool) -> Value | None:
    """Return what a value of a field is in a dump; None if flashc does not know it."""
    inside = value.value if isinstance(value, Known) else None
    match inside:
        case InstanceValue() as inner:
            found = _dump(machine, inner, span, is_short=is_short)
            return None if found is None else Known(found, value.origin)
        case SequenceValue(kind=kind) as items:
            parts = [_dumped_value(machine, item, span, is_short=is_short) for item in items.items]
            known = [part for part in parts if part is not None]
            if len(known) < len(parts):
                return None
            return Known(SequenceValue(kind, known, items.escaped), value.origin)
        case DictValue() as mapping:
            entries: dict[object, tuple[Value, Value]] = {}
            for key, (shown, item) in mapping.entries.items():
                dumped_item = _dumped_value(machine, item, span, is_short=is_short)
                if dumped_item is None:
                    return None
                entries[key] = (shown, dumped_item)
            return Known(DictValue(entries, mapping.escaped), value.origin)
        case _:
            return value
