"""Evaluate `model_dump()` of models of pydantic, which dumps each value by the type of its field.

For a field of the type `A`, an object of a subclass of `A` is dumped with the fields of `A` only; models of
`pydantic.v1` dump all fields of the object's own class.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from msgspec import Struct

from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments, ClassValue, FunctionValue, InstanceValue
from flashc.evaluator.operations.apply import resolve_symbolic
from flashc.evaluator.values import (
    DictValue,
    External,
    Known,
    NotConcrete,
    SequenceValue,
    Value,
    concrete,
)

from .computed_fields import computed_fields_of
from .model_fields import ModelOptions, bases_of, fields_of, is_model, options_of
from .model_types import (
    CONTAINERS,
    alternatives,
    class_of,
    element_types,
    is_none_type,
    kinds_of,
    name_of,
)

_OLD_MODELS = "pydantic.v1.BaseModel"
_ANYTHING = ("typing.Any", "typing_extensions.Any", "builtins.object")


def dumped(
    machine: Machine, record: InstanceValue, arguments: CallArguments, *, is_dict: bool
) -> Value | None:
    """Return `model.model_dump()`; None if flashc does not know what is in it.

    `is_dict` says that the program calls the method `dict`, which pydantic 1 has too.
    """
    if is_dict and record.of.find("model_dump") is not None:
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
    is_old = _OLD_MODELS in bases_of(record.of)
    dump = _Dump(
        machine=machine,
        arguments=arguments,
        is_short=chosen.get("exclude_none") is True,
        is_old=is_old,
        is_either=is_dict and not is_old,
    )
    try:
        whole = dump.of_object(record, record.of)
    except _Unclear:
        return None
    include, exclude = chosen.get("include"), chosen.get("exclude")
    kept = {
        key: entry
        for key, entry in whole.entries.items()
        if (not isinstance(include, (set, frozenset)) or key in include)
        and not (isinstance(exclude, (set, frozenset)) and key in exclude)
    }
    return Known(DictValue(kept, whole.escaped), arguments.span)


class _Unclear(Exception):
    """Flashc does not know what pydantic makes of a value."""


class _Dump(Struct, frozen=True, kw_only=True):
    """One dump; `is_short` says that it leaves out what is None.

    `is_old` says that the models are those of `pydantic.v1`, `is_either` that they may be of pydantic
    1 or 2.
    """

    machine: Machine
    arguments: CallArguments
    is_short: bool
    is_old: bool
    is_either: bool

    def of_object(self, record: InstanceValue, shown_as: ClassValue) -> DictValue:
        """Return the fields of an object that the class `shown_as` has; raises _Unclear."""
        is_model_class = is_model(shown_as)
        if not is_model_class and (not shown_as.is_record or self.is_old):
            raise _Unclear
        if shown_as.is_named_tuple:
            raise _Unclear
        options = options_of(self.machine, shown_as)
        fields = {field.name: field for field in fields_of(self.machine, shown_as, options)}
        if not fields.keys() <= record.names.keys():
            raise _Unclear
        if any(field.shapes_dump for field in fields.values()):
            raise _Unclear
        found = {n: self._value(record.names[n], field.form) for n, field in fields.items()}
        if is_model_class:
            found |= self._added(record, shown_as, options, fields.keys())
        elif record.names.keys() != fields.keys() and shown_as is record.of:
            raise _Unclear
        span = self.arguments.span
        entries: dict[object, tuple[Value, Value]] = {
            name: (Known(name, span), value)
            for name, value in found.items()
            if not (self.is_short and isinstance(value, Known) and value.value is None)
        }
        return DictValue(entries, record.escaped)

    def _added(
        self,
        record: InstanceValue,
        shown_as: ClassValue,
        options: ModelOptions,
        fields: Collection[str],
    ) -> dict[str, Value]:
        """Return what a dump has besides the fields: attributes that the model takes, and computed fields.

        Raises _Unclear.
        """
        computed = computed_fields_of(self.machine, shown_as, options)
        if computed is None:
            raise _Unclear
        added: dict[str, Value] = {}
        if options.values.get("extra") == "allow":
            extra = [n for n in record.names if n not in fields and not n.startswith("_")]
            if shown_as is not record.of or any(shown_as.find(name) for name in extra):
                raise _Unclear
            anything = Known(External("typing.Any"), self.arguments.span)
            added = {name: self._value(record.names[name], anything) for name in extra}
        for name, function in computed.items():
            added[name] = self._value(self._computed(record, name, function), None)
        return added

    def _computed(self, record: InstanceValue, name: str, function: FunctionValue) -> Value:
        """Return the value of a computed field; a cached one is kept."""
        if name in record.names:
            return record.names[name]
        receiver = Known(record, self.arguments.span)
        called = Known(function, self.arguments.span)
        result = self.machine.call(called, self.arguments.inner([receiver]))
        if function.memo is not None:
            record.names[name] = self.machine.condition or result
        return result

    def _value(self, value: Value, form: Value | None) -> Value:
        """Return what a value of a type is in the dump; raises _Unclear."""
        match value.value if isinstance(value, Known) else None:
            case InstanceValue() as inner:
                found = self.of_object(inner, self._shown_as(inner, form))
                return Known(found, value.origin)
            case SequenceValue(is_python=False):
                raise _Unclear
            case SequenceValue() as items:
                return self._sequence(value, items, form)
            case DictValue() as mapping:
                (inner_form,) = self._element_forms(form, dict, 1) if mapping.entries else (form,)
                entries: dict[object, tuple[Value, Value]] = {
                    key: (shown, self._value(item, inner_form))
                    for key, (shown, item) in mapping.entries.items()
                }
                return Known(DictValue(entries, mapping.escaped), value.origin)
            case Enum() if any(class_of(each) is not None for each in alternatives(form)):
                raise _Unclear  # the field holds no object of its type
            case _:
                return value

    def _sequence(self, value: Value, items: SequenceValue, form: Value | None) -> Value:
        """Return what the elements of a list, tuple or set are in the dump; raises _Unclear."""
        forms = self._element_forms(form, items.kind, len(items.items))
        parts = [self._value(item, of) for item, of in zip(items.items, forms, strict=True)]
        return Known(SequenceValue(items.kind, parts, items.escaped), value.origin)

    def _element_forms(self, form: Value | None, kind: type, count: int) -> list[Value | None]:
        """Return the types of the elements of a container; None for those that flashc does not know."""
        members = [each for each in alternatives(form) if not is_none_type(each)]
        if len(members) != 1:
            return [None] * count
        name = name_of(members[0])
        if name in _ANYTHING:
            return [members[0]] * count
        if kind not in kinds_of(name):
            return [None] * count
        found = element_types(members[0], CONTAINERS[name], count)
        return [None] * count if found is None else [*found]

    def _shown_as(self, inner: InstanceValue, form: Value | None) -> ClassValue:
        """Return the class whose fields a dump shows for an object in a field of a type; raises _Unclear."""
        members = [each for each in alternatives(form) if not is_none_type(each)]
        if self.is_old or [name_of(each) in _ANYTHING for each in members] == [True]:
            return inner.of
        classes = [class_of(each) for each in members]
        if any(each is inner.of for each in classes):
            return inner.of
        if len(classes) != 1 or classes[0] not in inner.of.ancestry() or self.is_either:
            raise _Unclear
        return classes[0]
