"""Detect whether other modules changed a module's values after its own code had ended.

While none has, several evaluations can share the values.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from enum import EnumMeta
from typing import cast

from msgspec import Struct, structs

from .declarations import EndpointValue
from .dialect import DialectObject
from .library_values import AttributesValue, FileValue
from .objects import (
    Argument,
    ClassValue,
    Frame,
    FunctionValue,
    InstanceValue,
    LambdaValue,
    PartialValue,
)
from .path_values import ProjectPath
from .values import (
    BoundMethod,
    DictValue,
    DisorderedValue,
    External,
    IteratorValue,
    Known,
    MappingObject,
    ModuleRef,
    SequenceValue,
    Value,
    ViewValue,
    is_constant,
)


class Snapshot:
    """The names of a module, and the state of all mutable values that can be reached from them."""

    def __init__(self, frame: Frame) -> None:
        """Record the present state of a module."""
        self._seen: set[int] = set()
        self._names: list[tuple[dict[str, Value], dict[str, Value]]] = []
        self._containers: list[tuple[SequenceValue | DictValue, list[object], object]] = []
        self._iterators: list[tuple[IteratorValue, int, object]] = []
        self._instances: list[tuple[InstanceValue | AttributesValue | DisorderedValue, object]] = []
        self._mappings: list[tuple[MappingObject, object]] = []
        self._arguments: list[tuple[dict[str, Argument], dict[str, Argument]]] = []
        self._others: list[object] = []
        self._pending: list[Value] = []
        self._take_names(frame.names)
        while self._pending:
            self._take(self._pending.pop())

    def is_unchanged(self) -> bool:
        """Return whether no name and no value has changed since the snapshot, and no value has escaped."""
        return (
            all(
                now.keys() == then.keys() and all(now[name] is then[name] for name in then)
                for now, then in self._names
            )
            and all(
                container.escaped is escaped and _is_same(_content(container), content)
                for container, content, escaped in self._containers
            )
            and all(
                iterator.taken == taken and iterator.escaped is escaped
                for iterator, taken, escaped in self._iterators
            )
            and all(instance.escaped is escaped for instance, escaped in self._instances)
            and all(mapping.state() == state for mapping, state in self._mappings)
            and all(now == then for now, then in self._arguments)
        )

    def is_complete(self) -> bool:
        """Return whether the snapshot has the whole state of all values.

        It does not have that of an iterator, which computes its next element in the evaluation that
        made it, that of a function with `functools.cache`, and that of rare objects.
        """
        return not (self._iterators or self._mappings) and all(
            is_constant(each) or isinstance(each, (External, ModuleRef, ProjectPath, EnumMeta))
            for each in self._others
        )

    def _take(self, value: Value) -> None:
        """Record the state of one value, if it is mutable, and of the values in it."""
        inside = value.value if type(value) is Known else None
        if inside is None or id(inside) in self._seen:
            return
        match inside:
            case SequenceValue():
                self._seen.add(id(inside))
                self._containers.append((inside, _content(inside), inside.escaped))
                self._pending.extend(inside.items)
            case DictValue():
                self._seen.add(id(inside))
                self._containers.append((inside, _content(inside), inside.escaped))
                self._pending.extend(item for _, item in inside.entries.values())
            case IteratorValue():
                self._seen.add(id(inside))
                self._iterators.append((inside, inside.taken, inside.escaped))
            case DisorderedValue():
                self._seen.add(id(inside))
                self._instances.append((inside, inside.escaped))
                self._pending.extend(inside.items)
            case MappingObject():
                self._seen.add(id(inside))
                self._mappings.append((inside, inside.state()))
                self._pending.extend(inside.parts())
            case FileValue():
                self._pending.append(Known(inside.lines, value.origin))
            case InstanceValue() | AttributesValue():
                self._seen.add(id(inside))
                self._instances.append((inside, inside.escaped))
                self._take_names(inside.names)
            case ClassValue():
                self._seen.add(id(inside))
                self._take_names(inside.names)
            case FunctionValue() | LambdaValue():
                self._seen.add(id(inside))
                if isinstance(inside, FunctionValue) and inside.memo is not None:
                    self._others.append(inside)
                self._pending.extend(inside.defaults.values())
                self._take_closure(inside.frame)
            case PartialValue():
                self._pending += [inside.function, *inside.positional]
                self._pending.extend(argument.value for argument in inside.keywords.values())
            case BoundMethod():
                self._pending.append(inside.receiver)
            case ViewValue():
                self._pending.append(Known(inside.of, value.origin))
            case DialectObject():
                self._seen.add(id(inside))
                self._take_arguments(inside)
            case _:
                self._others.append(inside)

    def _take_arguments(self, item: DialectObject) -> None:
        """Record the arguments with which an object of an SDK was made.

        The program may change those of an endpoint too, which `Interactions` records.
        """
        parts = structs.astuple(cast("Struct", item))
        for part in parts:
            if isinstance(part, EndpointValue):
                self._others.append(part)
            given = part.arguments if isinstance(part, EndpointValue) else part
            if isinstance(given, dict):
                arguments = cast("dict[str, Argument]", given)
                if given is part:
                    self._arguments.append((arguments, dict(arguments)))
                self._pending.extend(a.value for a in arguments.values() if isinstance(a, Argument))

    def _take_closure(self, frame: Frame) -> None:
        """Record the names of the functions around a function, which are a part of its state."""
        while frame.enclosing is not None:
            self._take_names(frame.names)
            frame = frame.enclosing

    def _take_names(self, names: dict[str, Value]) -> None:
        """Record the names of a frame, class or instance, and their values."""
        if id(names) not in self._seen:
            self._seen.add(id(names))
            self._names.append((names, dict(names)))
            self._pending.extend(names.values())


class SharedModule(Struct, frozen=True, eq=False, kw_only=True):
    """A module that did nothing but define names when it was evaluated, with the modules that it needed.

    `frames` has the names of the module and of those that it needed.  `reads` and `passed_over` are
    the records of the evaluation, as in `Interactions` and `Machine`.
    """

    frames: Mapping[str, Frame]
    snapshots: Mapping[str, Snapshot]
    reads: Mapping[str, frozenset[tuple[str, str]]]
    passed_over: frozenset[str]

    def is_unchanged(self) -> bool:
        """Return whether no worker has changed a value of these modules since they were evaluated."""
        return all(snapshot.is_unchanged() for snapshot in self.snapshots.values())


def _content(container: SequenceValue | DictValue) -> list[object]:
    """Return the elements of a container, or the keys and values of a dict, in order."""
    if isinstance(container, SequenceValue):
        return list(container.items)
    return [part for key, (_, item) in container.entries.items() for part in (key, item)]


def _is_same(now: list[object], then: list[object]) -> bool:
    """Return whether two lists contain the same objects."""
    return len(now) == len(then) and all(map(operator.is_, now, then))
