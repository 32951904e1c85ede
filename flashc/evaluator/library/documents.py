"""Evaluate the reading of YAML by PyYAML, and of configurations by OmegaConf."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, cast

from flashc.evaluator.library_objects import LibraryObject
from flashc.evaluator.library_values import FileValue
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.operations.apply import resolve_symbolic, too_large
from flashc.evaluator.values import (
    External,
    Known,
    SequenceValue,
    Unknown,
    Value,
    lift,
)
from flashc_core.source import Span

from . import files


def text_of(machine: Machine, value: Value, span: Span) -> Known | Unknown | None:
    """Return the text or bytes that a reader takes: a text, or an open file; None for other values."""
    value = resolve_symbolic(machine, value)
    inside = value.value if isinstance(value, Known) else None
    if isinstance(inside, FileValue):
        content = files.content_of(machine, inside, span)
        return content if isinstance(content, (Known, Unknown)) else None
    if isinstance(value, Known) and isinstance(inside, (str, bytes)):
        return value
    return value if isinstance(value, Unknown) else None


def parsed(machine: Machine, name: str, content: Known, span: Span, *, as_config: bool) -> Any:
    """Return the data of a document, or the `Unknown` that says why they are not known."""
    from .yaml_loading import TooLarge, data_or_problem  # few projects need the parser

    text = content.value
    assert isinstance(text, (str, bytes))
    machine.charge(len(text), span)
    try:
        data, problem = data_or_problem(text, as_config=as_config)
    except TooLarge:
        return too_large(span)
    if not problem:
        return data
    machine.may_raise()
    return Unknown(reason=f"`{name}` refuses {problem}", origin=span)


_LOADERS = frozenset(
    f"yaml.{each}"
    for each in ("SafeLoader", "CSafeLoader", "FullLoader", "CFullLoader", "Loader", "CLoader")
)


def load(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `yaml.safe_load(file)`, `yaml.load(file, Loader=yaml.SafeLoader)` and the like."""
    span, values = arguments.span, list(arguments.values)
    given = dict(arguments.keywords)
    loader = given.pop("Loader", None)
    if name == "yaml.load":
        chosen = loader.value if loader is not None else values.pop() if len(values) == 2 else None
        inside = chosen.value if isinstance(chosen, Known) else None
        if not isinstance(inside, External) or inside.name not in _LOADERS:
            return None
    if len(values) != 1 or given:
        return None
    content = text_of(machine, values[0], span)
    if not isinstance(content, Known):
        return content
    data = parsed(machine, name, content, span, as_config=False)
    return data if isinstance(data, Unknown) else lifted(data, span, content.variables)


def lifted(data: object, span: Span, variables: frozenset[str]) -> Value:
    """Return plain data as a value; data to which several anchors lead stay one object."""
    return _Lifting(span, variables).of(data)


class _Lifting:
    """Makes values of data, one for each container."""

    def __init__(self, span: Span, variables: frozenset[str]) -> None:
        self._span = span
        self._variables = variables
        self._made: dict[int, Value] = {}

    def of(self, data: object) -> Value:
        """Return the value of a node."""
        if id(data) in self._made:
            return self._made[id(data)]
        if isinstance(data, list):
            items: list[Value] = []
            listed = self._made[id(data)] = Known(SequenceValue(list, items), self._span)
            items.extend(self.of(item) for item in cast("list[object]", data))
            return listed
        if isinstance(data, dict):
            empty = lift({}, self._span)
            self._made[id(data)] = empty
            mapping = cast("Known", empty).value
            for key, item in cast("dict[object, object]", data).items():
                cast("Any", mapping).entries[key] = (self.of(key), self.of(item))
            return empty
        if type(data) is date:
            made = LibraryObject("datetime.date", (data.year, data.month, data.day))
            return Known(made, self._span, self._variables)
        return lift(data, self._span, self._variables)


FUNCTIONS: dict[str, Callable[[Machine, str, CallArguments], Value | None]] = {
    "yaml.safe_load": load,
    "yaml.full_load": load,
    "yaml.load": load,
}
