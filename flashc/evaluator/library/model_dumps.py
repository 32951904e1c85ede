"""Evaluate `model_dump()` of models of pydantic."""

from __future__ import annotations

from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments, FunctionValue, InstanceValue
from flashc.evaluator.operations.apply import resolve_symbolic
from flashc.evaluator.values import DictValue, Known, NotConcrete, SequenceValue, Value, concrete

from .computed_fields import computed_fields_of
from .model_fields import fields_of, is_model, options_of
from .model_types import classes_in


def dumped(
    machine: Machine, record: InstanceValue, name: str, arguments: CallArguments
) -> Value | None:
    """Return `model.model_dump()` or `model.dict()`; None if an option or a method decides what is in it."""
    if name == "dict" and record.of.find("model_dump") is not None:
        return None  # which `dict` calls
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
    dump = _Dump(machine, arguments, is_short=chosen.get("exclude_none") is True)
    whole = dump.of_model(record)
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


class _Dump:
    """One `model_dump()` of a model with all that is in it; `is_short` is the option `exclude_none`."""

    def __init__(self, machine: Machine, arguments: CallArguments, *, is_short: bool) -> None:
        self._machine = machine
        self._arguments = arguments
        self._is_short = is_short

    def of_model(self, record: InstanceValue) -> DictValue | None:
        """Return a dict of the fields, of other attributes that the model takes, and of computed fields.

        The result is None if other code than that of computed fields decides what is in it.
        """
        options = options_of(self._machine, record.of)
        computed = computed_fields_of(self._machine, record.of, options)
        fields = {field.name: field for field in fields_of(self._machine, record.of, options)}
        if computed is None or not fields.keys() <= record.names.keys():
            return None
        if any(field.shapes_dump for field in fields.values()):
            return None
        found: dict[str, Value | None] = {
            name: self._value(record.names[name], field.form) for name, field in fields.items()
        }
        if options.values.get("extra") == "allow":
            found |= {
                name: self._value(value, None)
                for name, value in record.names.items()
                if name not in found and not name.startswith("_") and record.of.find(name) is None
            }
        for name, function in computed.items():
            found[name] = self._value(self._computed(record, name, function), None)
        return self._entries(found, record)

    def _of_dataclass(self, record: InstanceValue) -> DictValue | None:
        """Return a dict of the fields of a dataclass; None if it has other attributes."""
        names = {name for ancestor in record.of.ancestry() for name in ancestor.fields}
        options = options_of(self._machine, record.of)
        fields = {field.name: field for field in fields_of(self._machine, record.of, options)}
        if not record.names.keys() == names == fields.keys():
            return None
        if any(field.shapes_dump for field in fields.values()):
            return None
        return self._entries(
            {name: self._value(value, fields[name].form) for name, value in record.names.items()},
            record,
        )

    def _entries(self, found: dict[str, Value | None], record: InstanceValue) -> DictValue | None:
        """Return a dict of dumped values; None if one of them is not known."""
        entries: dict[object, tuple[Value, Value]] = {}
        for name, value in found.items():
            if value is None:
                return None
            if not (self._is_short and isinstance(value, Known) and value.value is None):
                entries[name] = (Known(name, self._arguments.span), value)
        return DictValue(entries, record.escaped)

    def _computed(self, record: InstanceValue, name: str, function: FunctionValue) -> Value:
        """Return the value of a computed field; a cached one is kept."""
        if name in record.names:
            return record.names[name]
        receiver = Known(record, self._arguments.span)
        called = Known(function, self._arguments.span)
        result = self._machine.call(called, self._arguments.inner([receiver]))
        if function.memo is not None:
            record.names[name] = self._machine.condition or result
        return result

    def _value(self, value: Value, form: Value | None) -> Value | None:
        """Return what a value of a field with this type is in a dump; None if flashc does not know it."""
        inside = value.value if isinstance(value, Known) else None
        match inside:
            case InstanceValue() as inner:
                return self._object(inner, form, value)
            case SequenceValue(kind=kind) as items:
                parts = [self._value(item, form) for item in items.items]
                known = [part for part in parts if part is not None]
                if len(known) < len(parts):
                    return None
                return Known(SequenceValue(kind, known, items.escaped), value.origin)
            case DictValue() as mapping:
                entries: dict[object, tuple[Value, Value]] = {}
                for key, (shown, item) in mapping.entries.items():
                    dumped_item = self._value(item, form)
                    if dumped_item is None:
                        return None
                    entries[key] = (shown, dumped_item)
                return Known(DictValue(entries, mapping.escaped), value.origin)
            case _:
                return value

    def _object(self, inner: InstanceValue, form: Value | None, value: Value) -> Value | None:
        """Return an object as a dict; None if it does not become one, or not one of all its fields.

        pydantic shows the fields of the class that the annotation names, not those of a subclass.
        """
        bases = inner.of.ancestry()[1:]
        named = None if form is None else classes_in(form)
        if any(each in bases for each in (bases if named is None else named)):
            return None
        found: DictValue | None = None
        if is_model(inner.of):
            found = self.of_model(inner)
        elif inner.of.is_record and not inner.of.is_named_tuple:
            found = self._of_dataclass(inner)
        return None if found is None else Known(found, value.origin)
