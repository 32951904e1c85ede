"""Read, store, merge and delete elements of evaluated containers, such as `items[key] = value`."""

from __future__ import annotations

import operator
from enum import EnumMeta

from flashc.evaluator.config_values import ConfigList, ConfigMapping
from flashc.evaluator.escape import escape_value, sharing
from flashc.evaluator.failures import PythonError
from flashc.evaluator.library_objects import MATCHES, LibraryObject
from flashc.evaluator.library_values import ChainValue, VersionValue
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    InstanceValue,
    NamespaceValue,
)
from flashc.evaluator.path_values import ProjectPath, folder_above
from flashc.evaluator.values import (
    MAX_ITEMS,
    BoundMethod,
    DictValue,
    External,
    Known,
    MappingObject,
    NotConcrete,
    SequenceKind,
    SequenceValue,
    Symbolic,
    Unknown,
    Value,
    concrete,
    no_member,
)
from flashc_core.source import Span
from flashc_ir.resources import EnvironmentReference

from . import config_nodes
from .apply import apply, cause, fail, resolve_symbolic, tainted, too_large
from .global_names import bind_global, delete_global
from .iteration import elements
from .kept_values import keep_somewhere
from .special_methods import call_special, special_method
from .type_forms import subscripted


def item(machine: Machine, receiver: Value, key: Value, span: Span) -> Value:
    """Return `receiver[key]`.

    Raises:
        PythonError: the container has no such element.
    """
    found = _item(machine, receiver, key, span)
    inside = receiver.value if isinstance(receiver, Known) else None
    is_followed = isinstance(inside, (SequenceValue, DictValue)) and inside.escaped is None
    if not isinstance(found, Unknown) or (is_followed and isinstance(key, Known)):
        return found  # an element may be unknown itself
    return sharing(found, receiver)


def _item(machine: Machine, receiver: Value, key: Value, span: Span) -> Value:
    """Return `receiver[key]`; raises what `item` raises."""
    if isinstance(receiver, Unknown):
        return receiver
    own = call_special(machine, receiver, "__getitem__", [key], span)
    if own is not None:
        return own
    key = resolve_symbolic(machine, key)
    form = subscripted(receiver, key, span)
    if form is not None:
        return form
    if isinstance(key, Unknown):
        return key
    if not isinstance(receiver, Known) or not isinstance(key, Known):
        return apply(machine, operator.getitem, span, resolve_symbolic(machine, receiver), key)
    match receiver.value, key.value:
        case VersionValue(), int() | slice():
            return Unknown(reason="it depends on the Python of the workers", origin=span)
        case External("sys.modules"), _:
            return Unknown(reason="flashc does not read `sys.modules`", origin=span)
        case External("os.environ"), str() as name:
            return _variable(machine, name, span, key.variables)
        case DictValue() as mapping, _:
            return mapping.escaped or _entry(machine, mapping, key, span)
        case MappingObject() as shown, _:
            return shown.current().escaped or _entry(machine, shown, key, span)
        case SequenceValue(kind=kind) as items, int() | slice() as index if kind in (list, tuple):
            if items.escaped is not None:
                return items.escaped
            chosen = _select(machine, items, index, span)
            return Known(SequenceValue(kind, chosen), span) if isinstance(chosen, list) else chosen
        case LibraryObject(made_by=name) as made, str() | int() if name in MATCHES:
            found = apply(machine, made.object().__getitem__, span, key)
            return tainted(found, receiver.variables)
        case InstanceValue() as instance, int() as index if instance.of.is_named_tuple:
            return _select_one(
                machine, SequenceValue(tuple, list(instance.names.values())), index, span
            )
        case EnumMeta() as enum_class, str() as name:
            return _member(machine, enum_class, name, key, span)
        case BoundMethod(
            receiver=Known(value=ProjectPath() as path), name="parents"
        ), int() as index:
            return folder_above(path, index, span)
        case NamespaceValue(frame=frame), str() as name:
            unknown = Unknown(reason="flashc does not read names out of `globals()`", origin=span)
            return sharing(unknown, frame.names.get(name))
        case _:
            return apply(machine, operator.getitem, span, receiver, key)


def _member(machine: Machine, enum_class: EnumMeta, name: str, key: Known, span: Span) -> Value:
    """Return `Enum["A"]`."""
    found: object = enum_class.__members__.get(name)
    if found is not None:
        return Known(found, span, key.variables)
    if key.variables or machine.has_handlers:
        return fail(machine, KeyError, repr(name), span, key.variables)
    return no_member(enum_class, name, span)


def _variable(machine: Machine, name: str, span: Span, computed: frozenset[str]) -> Value:
    """Return `os.environ["K"]`; `computed` are the variables from which the name was computed.

    If the program handles the exception for a missing variable, the build's environment decides.
    """
    assigned = machine.assigned_variable(name)
    if assigned is not None:
        return assigned
    if machine.has_handlers and name not in machine.environment:
        return fail(machine, KeyError, "", span, frozenset({name}))
    return Symbolic((EnvironmentReference(name),), span, computed=computed)


def _entry(machine: Machine, mapping: DictValue | MappingObject, key: Known, span: Span) -> Value:
    """Return `mapping[key]` of a dict or another mapping.

    Raises:
        PythonError: the key is missing (a KeyError).
    """
    try:
        plain = concrete(key)
        found = mapping.entry(plain)
    except NotConcrete:
        return Unknown(reason="the key is not known", origin=span)
    except TypeError as error:
        raise PythonError(TypeError, str(error), span) from error
    if found is None:
        return fail(machine, KeyError, repr(plain)[:80], span, key.variables)
    return found


def _select(
    machine: Machine, items: SequenceValue, index: int | slice, span: Span
) -> Value | list[Value]:
    """Return `items[index]`: one value, or a list for a slice."""
    try:
        return items.items[index]
    except (IndexError, ValueError) as error:
        return fail(machine, type(error), str(error), span)


def _select_one(machine: Machine, items: SequenceValue, index: int, span: Span) -> Value:
    """Return `items[index]` for a single index."""
    chosen = _select(machine, items, index, span)
    assert not isinstance(chosen, list)
    return chosen


def store(machine: Machine, mapping: DictValue, key: Value, value: Value) -> Unknown | None:
    """Execute `mapping[key] = value`; if the key is not known, return the reason.

    Without the key, the whole dict is not known.

    Raises:
        PythonError: the key can't be hashed.
    """
    key = resolve_symbolic(machine, key)
    try:
        put_entry(mapping, concrete(key, unordered=True), (key, value))
    except NotConcrete as problem:
        return cause(problem.part, key.origin)
    except TypeError as error:
        raise PythonError(TypeError, str(error), key.origin) from error
    if len(mapping.entries) > MAX_ITEMS:
        return too_large(key.origin)
    return None


def merge(machine: Machine, mapping: DictValue, other: Value) -> Unknown | None:
    """Execute `mapping.update(other)` with a dict or pairs.

    If `other` is not known, return the reason.

    Raises:
        PythonError: `other` is neither a dict nor pairs.
    """
    if isinstance(other, Unknown):
        return other
    if isinstance(other, Known) and isinstance(other.value, (DictValue, MappingObject)):
        shown = other.value.current()
        if shown.escaped is not None:
            return shown.escaped
        for key, entry in shown.entries.items():
            put_entry(mapping, key, entry)
        return None
    pairs = elements(machine, other)
    if isinstance(pairs, Unknown):
        return pairs
    for pair in pairs:
        sides = elements(machine, pair)
        if isinstance(sides, Unknown):
            return sides
        if len(sides) != 2:
            text = f"dictionary update sequence element has length {len(sides)}; 2 is required"
            raise PythonError(ValueError, text, other.origin)
        problem = store(machine, mapping, sides[0], sides[1])
        if problem is not None:
            return problem
    return None


def put_entry(mapping: DictValue, key: object, entry: tuple[Value, Value]) -> None:
    """Store an entry; an equal key that is there already stays, as `d[True] = x` keeps the key `1`."""
    if key in mapping.entries:
        entry = (mapping.entries[key][0], entry[1])
    mapping.entries[key] = entry


def make_set(kind: SequenceKind, items: list[Value], span: Span) -> Value:
    """Return a set of these values, each once.

    Raises:
        PythonError: an element can't be hashed.
    """
    unique: dict[object, Value] = {}
    for value in items:
        try:
            unique.setdefault(concrete(value, unordered=True), value)
        except NotConcrete:
            return (
                value
                if isinstance(value, Unknown)
                else Unknown(reason="an element is not known", origin=span)
            )
        except TypeError as error:
            raise PythonError(TypeError, str(error), span) from error
    return Known(SequenceValue(kind, list(unique.values())), span)


def store_item(machine: Machine, receiver: Value, key: Value, value: Value) -> None:
    """Execute `receiver[key] = value`."""
    match receiver.value if isinstance(receiver, Known) else None:
        case External("os.environ"):
            if isinstance(key, Known) and isinstance(key.value, str):
                machine.assign_variable(key.value, value)
            if not isinstance(value, Symbolic) and not _is_text(value):
                machine.may_raise()
        case NamespaceValue(frame=frame):
            if isinstance(key, Known) and isinstance(key.value, str):
                bind_global(machine, frame, key.value, value)
            else:
                keep_somewhere(
                    machine, Unknown(reason="the name is not known", origin=value.origin), value
                )
                escape_value(receiver, Unknown(reason="a name was assigned", origin=value.origin))
        case DictValue() as mapping:
            problem = machine.doubt or store(machine, mapping, key, value)
            if problem is not None:
                mapping.escaped = sharing(mapping.escaped or problem, value)
                machine.may_raise()  # the key may be not hashable
        case ConfigList():
            machine.may_raise()
            reason = "flashc does not evaluate what is assigned to this configuration"
            escape_value(receiver, Unknown(reason=reason, origin=value.origin))
        case SequenceValue() as items:
            _store_element(machine, items, key, value)
        case ConfigMapping() as config:
            name = resolve_symbolic(machine, key)
            config_nodes.assign(
                machine, config, name.value if isinstance(name, Known) else None, value
            )
        case ChainValue(maps=(first, *_)):
            store_item(machine, first, key, value)
        case MappingObject():
            machine.may_raise()
            reason = "flashc does not evaluate what is assigned to this mapping"
            escape_value(receiver, Unknown(reason=reason, origin=value.origin))
        case InstanceValue() if special_method(receiver, "__setitem__") is not None:
            call_special(machine, receiver, "__setitem__", [key, value], value.origin)
        case _:
            machine.may_raise()  # most values refuse item assignment
            keep_somewhere(machine, receiver, value)
            escape_value(receiver, Unknown(reason="an element was assigned", origin=value.origin))


def _is_text(value: Value) -> bool:
    """Return whether a value is a known string."""
    return isinstance(value, Known) and isinstance(value.value, str)


def _store_element(machine: Machine, items: SequenceValue, key: Value, value: Value) -> None:
    """Execute `items[key] = value` for a list; an unknown key makes all elements unknown."""
    if machine.doubt is not None or not isinstance(key, Known) or items.kind is not list:
        reason = Unknown(reason="it is not known which element is assigned", origin=value.origin)
        items.escaped = sharing(items.escaped or machine.doubt or reason, value)
        machine.may_raise()
        return
    if items.escaped is not None:  # its length is not known
        items.escaped = sharing(items.escaped, value)
        machine.may_raise()
        return
    match key.value:
        case int() as index:
            if not -len(items.items) <= index < len(items.items):
                raise PythonError(IndexError, "list assignment index out of range", key.origin)
            items.items[index] = value
        case slice() as part:
            more = elements(machine, value)
            if isinstance(more, Unknown):
                items.escaped = sharing(items.escaped or more, value)
                machine.may_raise()
                return
            try:
                items.items[part] = more
            except (TypeError, ValueError) as error:
                raise PythonError(type(error), str(error), key.origin) from error
        case _:
            reason = Unknown(reason="it is not known which element is assigned", origin=key.origin)
            items.escaped = sharing(items.escaped or reason, value)
            machine.may_raise()


def delete_item(machine: Machine, receiver: Value, key: Value, span: Span) -> None:
    """Execute `del receiver[key]`."""
    if isinstance(receiver, Known) and receiver.value == External("os.environ"):
        machine.forget_variables(Unknown(reason="a variable was deleted", origin=span))
    if call_special(machine, receiver, "__delitem__", [key], span) is not None:
        return
    if isinstance(receiver, Known) and isinstance(receiver.value, NamespaceValue):
        delete_global(machine, receiver.value.frame, key)
        return
    if (
        not isinstance(receiver, Known)
        or not isinstance(receiver.value, (SequenceValue, DictValue))
        or isinstance(receiver.value, ConfigList)
    ):
        escape_value(receiver, Unknown(reason="an element was deleted", origin=span))
        machine.may_raise()
        return
    container = receiver.value
    key = resolve_symbolic(machine, key)
    if container.escaped is not None or machine.doubt is not None or not isinstance(key, Known):
        unknown = key if isinstance(key, Unknown) else None
        container.escaped = container.escaped or machine.doubt or unknown
        machine.may_raise()
        return
    try:
        if isinstance(container, DictValue):
            del container.entries[concrete(key)]
        elif isinstance(key.value, (int, slice)) and container.kind is list:
            del container.items[key.value]
        else:
            machine.may_raise()
    except NotConcrete as problem:
        machine.may_raise()
        container.escaped = container.escaped or cause(problem.part, span)
    except (LookupError, TypeError, ValueError) as error:
        fail(machine, type(error), str(error), span, key.variables)
