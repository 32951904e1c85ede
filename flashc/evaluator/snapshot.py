"""Notice whether the state of a module was changed after its own top had ended."""

from __future__ import annotations

import operator

from .objects import ClassValue, Frame, FunctionValue, InstanceValue
from .values import DictValue, Known, SequenceValue, Value


class Snapshot:
    """The names of a module and everything mutable that they lead to, as they were."""

    def __init__(self, frame: Frame) -> None:
        """Take the snapshot now."""
        self._seen: set[int] = set()
        self._names: list[tuple[dict[str, Value], dict[str, Value]]] = []
        self._containers: list[tuple[SequenceValue | DictValue, list[object], object]] = []
        self._pending: list[Value] = []
        self._take_names(frame.names)
        while self._pending:
            self._take(self._pending.pop())

    def is_unchanged(self) -> bool:
        """Return whether nothing was bound, added, removed or given away since."""
        return all(
            now.keys() == then.keys() and all(now[name] is then[name] for name in then)
            for now, then in self._names
        ) and all(
            container.escaped is escaped and _is_same(_content(container), content)
            for container, content, escaped in self._containers
        )

    def _take(self, value: Value) -> None:
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
            case InstanceValue() | ClassValue():
                self._seen.add(id(inside))
                self._take_names(inside.names)
            case FunctionValue() if inside.frame.enclosing is not None:
                self._seen.add(id(inside))
                self._take_names(inside.frame.names)  # a closure's state
            case _:
                pass

    def _take_names(self, names: dict[str, Value]) -> None:
        if id(names) not in self._seen:
            self._seen.add(id(names))
            self._names.append((names, dict(names)))
            self._pending.extend(names.values())


def _content(container: SequenceValue | DictValue) -> list[object]:
    if isinstance(container, SequenceValue):
        return list(container.items)
    return [part for key, (_, item) in container.entries.items() for part in (key, item)]


def _is_same(now: list[object], then: list[object]) -> bool:
    return len(now) == len(then) and all(map(operator.is_, now, then))
