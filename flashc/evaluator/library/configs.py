"""Evaluate OmegaConf: load configurations from YAML files, merge them and read their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flashc.evaluator.config_values import (
    ConfigDocument,
    ConfigList,
    ConfigMapping,
    NoNode,
    merged,
)
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.operations.apply import fail, resolve_symbolic
from flashc.evaluator.operations.config_nodes import is_plain
from flashc.evaluator.path_values import ProjectPath
from flashc.evaluator.values import (
    BoundMethod,
    DictValue,
    Known,
    NotConcrete,
    SequenceValue,
    Unknown,
    Value,
    concrete,
    lift,
)
from flashc_core.source import Span

from . import files
from .documents import parsed, text_of
from .opening import Opening

_CLASS = "omegaconf.OmegaConf"
_METHODS = frozenset(
    "get items keys values pop update setdefault copy clear popitem items_ex".split()
)


def _document(data: object, span: Span) -> Value:
    """Return a configuration of plain data."""
    document = ConfigDocument({} if data is None else data, span)
    return document.value(())


def load(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `OmegaConf.load(path)`."""
    span = arguments.span
    if len(arguments.values) != 1 or arguments.keywords:
        return None
    first = arguments.values[0]
    inside = first.value if isinstance(first, Known) else None
    if isinstance(inside, ProjectPath):
        first = files.open_file(machine, inside, Opening(), span)
    content = text_of(machine, first, span)
    if not isinstance(content, Known) or isinstance(inside, str):
        return content if isinstance(content, Unknown) else None
    data = parsed(machine, name, content, span, as_config=True)
    return data if isinstance(data, Unknown) else _document(data, span)


def create(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `OmegaConf.create(...)` of a dict, a list or a YAML text."""
    span = arguments.span
    if arguments.keywords or len(arguments.values) > 1:
        return None
    if not arguments.values:
        return _document({}, span)
    value = arguments.values[0]
    content = text_of(machine, value, span)
    if isinstance(content, Known):
        data = parsed(machine, name, content, span, as_config=True)
        return data if isinstance(data, Unknown) else _document(data, span)
    data = _data_of(value)
    return None if data is _NOTHING else _document(data, span)


_NOTHING = object()


def _data_of(value: Value) -> Any:
    """Return the plain data that a value is as a configuration; `_NOTHING` if they are not known."""
    inside = value.value if isinstance(value, Known) else None
    if isinstance(inside, (ConfigMapping, ConfigList)):
        try:
            return _NOTHING if inside.document.escaped else inside.document.raw(inside.path)
        except NoNode:
            return _NOTHING
    if not isinstance(inside, (DictValue, SequenceValue)):
        return _NOTHING
    try:
        data = concrete(value)
    except NotConcrete:
        return _NOTHING
    return data if is_plain(data) else _NOTHING


def merge(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `OmegaConf.merge(base, override, ...)`."""
    if arguments.keywords or not arguments.values:
        return None
    result: Any = _NOTHING
    for value in arguments.values:
        data = _data_of(value)
        if data is _NOTHING:
            return value if isinstance(value, Unknown) else None
        result = data if result is _NOTHING else merged(result, data)
    return _document(merged({}, result) if isinstance(result, dict) else result, arguments.span)


def to_container(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `OmegaConf.to_container(config, resolve=True)`."""
    given = {key: argument.value for key, argument in arguments.keywords.items()}
    resolve = given.pop("resolve", Known(False, arguments.span))
    given.pop("throw_on_missing", None)
    inside = arguments.values[0] if len(arguments.values) == 1 else None
    node = inside.value if isinstance(inside, Known) else None
    if given or not isinstance(node, (ConfigMapping, ConfigList)) or not isinstance(resolve, Known):
        return None
    if node.document.escaped is not None:
        return node.document.escaped
    if resolve.value is True or name.endswith("to_object"):
        return _plain(inside, arguments.span)
    return lift(node.document.raw(node.path), arguments.span)


def _plain(value: Value | None, span: Span) -> Value:
    """Return a configuration as dicts and lists."""
    node = value.value if isinstance(value, Known) else None
    match node:
        case ConfigMapping():
            shown = node.current()
            entries = {key: (k, _plain(item, span)) for key, (k, item) in shown.entries.items()}
            return Known(DictValue(entries, shown.escaped), span)
        case ConfigList():
            return Known(SequenceValue(list, [_plain(item, span) for item in node.items]), span)
        case _:
            assert value is not None
            return value


def select(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `OmegaConf.select(config, "a.b", default=...)`."""
    if len(arguments.values) != 2 or not arguments.keywords.keys() <= {"default"}:
        return None
    config, key = arguments.values[0], resolve_symbolic(machine, arguments.values[1])
    node = config.value if isinstance(config, Known) else None
    if not isinstance(node, ConfigMapping) or not isinstance(key, Known):
        return None
    if not isinstance(key.value, str) or "[" in key.value or key.value.startswith("."):
        return None
    default = arguments.keywords.get("default")
    current: Value = config
    for step in key.value.split("."):
        inside = current.value if isinstance(current, Known) else None
        found = inside.entry(step) if isinstance(inside, ConfigMapping) else None
        if found is None:
            return default.value if default is not None else Known(None, arguments.span)
        current = found
    return current


def _no_effect(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate calls that only restrict what may be changed."""
    return Known(None, arguments.span)


def _is_kind(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `OmegaConf.is_config(value)` and the like."""
    first = arguments.values[0] if len(arguments.values) == 1 else None
    if not isinstance(first, Known):
        return None
    kinds: dict[str, tuple[type, ...]] = {
        "is_dict": (ConfigMapping,),
        "is_list": (ConfigList,),
        "is_config": (ConfigMapping, ConfigList),
    }
    return Known(isinstance(first.value, kinds[name.rpartition(".")[2]]), arguments.span)


# Nodes ------------------------------------------------------------------------------------------------


def attribute(
    machine: Machine, config: ConfigMapping, receiver: Known, name: str, span: Span
) -> Value:
    """Return `config.name`, a node or a method.

    Raises:
        PythonError: there is no such node.
    """
    if config.document.escaped is not None:
        return config.document.escaped
    if name in _METHODS:
        return Known(BoundMethod(receiver, name), span)
    found = config.entry(name)
    if found is not None:
        return found
    if name in config.names():
        return Unknown(reason=f"`{name}` of the configuration is `???`", origin=span)
    return fail(machine, AttributeError, f"Missing key {name}", span)


def get(machine: Machine, config: ConfigMapping, arguments: CallArguments) -> Value | None:
    """Evaluate `config.get(key, default)`."""
    given = [*arguments.values, *(argument.value for argument in arguments.keywords.values())]
    if not 1 <= len(given) <= 2 or not arguments.keywords.keys() <= {"default_value"}:
        return None
    if config.document.escaped is not None:
        return config.document.escaped
    key = resolve_symbolic(machine, given[0])
    if not isinstance(key, Known) or not isinstance(key.value, (str, int)):
        return key if isinstance(key, Unknown) else None
    found = config.entry(key.value)
    if found is not None:
        return found
    return given[1] if len(given) == 2 else Known(None, arguments.span)


FUNCTIONS: dict[str, Callable[[Machine, str, CallArguments], Value | None]] = {
    f"{_CLASS}.load": load,
    f"{_CLASS}.create": create,
    f"{_CLASS}.merge": merge,
    f"{_CLASS}.unsafe_merge": merge,
    f"{_CLASS}.to_container": to_container,
    f"{_CLASS}.to_object": to_container,
    f"{_CLASS}.select": select,
    **dict.fromkeys((f"{_CLASS}.{n}" for n in ("set_struct", "set_readonly")), _no_effect),
    **dict.fromkeys((f"{_CLASS}.{n}" for n in ("is_dict", "is_list", "is_config")), _is_kind),
}
