"""Evaluate OmegaConf: load configurations from YAML files, merge them and read their values."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any, cast

from flashc.evaluator.config_values import (
    MISSING,
    ConfigDocument,
    ConfigList,
    ConfigMapping,
    NoNode,
    merged,
)
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.operations.apply import fail, resolve_symbolic, tainted
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
# The public methods that `dir(DictConfig)` and `dir(ListConfig)` list in OmegaConf 2.0.6, 2.1.2, 2.3.0 and
# 2.4.0; `pretty`, `select` and `update_node` are only in 2.0.
_OF_BOTH = frozenset(
    "clear copy get is_empty merge_with merge_with_cli merge_with_dotlist pop pretty"
    " resolve_parse_tree select update_node".split()
)
METHODS = _OF_BOTH | frozenset("items items_ex keys popitem setdefault update values".split())
LIST_METHODS = _OF_BOTH | frozenset("append count extend index insert remove reverse sort".split())
_STEP = re.compile(r"(?:^|\.)([^.\[\]\\]+)|\[([^.\[\]\\]+)\]")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_NUMBER = re.compile(r"\s*[+-]?\d")


def _document(data: object, span: Span) -> Value | None:
    """Return a configuration of plain data; None for data that are neither a mapping nor a list."""
    if data is not None and not isinstance(data, (dict, list)):
        return None
    document = ConfigDocument(data={} if data is None else data, origin=span)
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
    if _has_flags([value]):
        return Unknown(reason=_OF_FLAGS, origin=span)
    data = _data_of(value)
    return None if data is _NOTHING else _document(deepcopy(data), span)


_NOTHING = object()
_OF_FLAGS = "flashc does not know which flags the configuration has"


def _has_flags(values: list[Value], *names: str) -> bool:
    """Return whether one of some configurations has a flag, perhaps only one of these names."""
    nodes = [value.value for value in values if isinstance(value, Known)]
    return any(
        flag is not False and (not names or name in names)
        for node in nodes
        if isinstance(node, (ConfigMapping, ConfigList))
        for (_, name), flag in node.document.flags.items()
    )


def _escaped(node: ConfigMapping | ConfigList) -> Unknown | None:
    """Return the reason why the nodes of a configuration are not known any more; None if they are known."""
    own = node.escaped if isinstance(node, ConfigList) else None
    return node.document.escaped or own


def _data_of(value: Value) -> Any:
    """Return the plain data that a value is as a configuration; `_NOTHING` if they are not known."""
    inside = value.value if isinstance(value, Known) else None
    if isinstance(inside, (ConfigMapping, ConfigList)):
        try:
            return _NOTHING if _escaped(inside) else inside.document.raw(inside.path)
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
    if _has_flags(arguments.values, "struct"):
        return Unknown(reason=_OF_FLAGS, origin=arguments.span)
    made = _document(merged({}, result) if isinstance(result, dict) else result, arguments.span)
    if made is not None and _has_flags(arguments.values):
        unknown = Unknown(reason=_OF_FLAGS, origin=arguments.span)
        _set_flag(made, "readonly", unknown)
    return made


def to_container(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `OmegaConf.to_container(config, resolve=True)`."""
    given = {key: argument.value for key, argument in arguments.keywords.items()}
    is_object = name.endswith("to_object")  # it takes no options
    resolve, throw = (
        each.value if isinstance(each, Known) else None
        for each in (
            given.pop(option, Known(is_object, arguments.span))
            for option in ("resolve", "throw_on_missing")
        )
    )
    inside = arguments.values[0] if len(arguments.values) == 1 else None
    node = inside.value if isinstance(inside, Known) else None
    if given or (is_object and arguments.keywords):
        return None
    if not isinstance(node, (ConfigMapping, ConfigList)):
        return None
    if not isinstance(resolve, bool) or not isinstance(throw, bool):
        return None
    escaped = _escaped(node)
    if escaped is not None:
        return escaped
    try:
        raw = node.document.raw(node.path)
    except NoNode:
        return None
    if throw and _has_missing(raw):
        machine.may_raise()
        reason = f"`{name}` refuses a configuration with `{MISSING}`"
        return Unknown(reason=reason, origin=arguments.span)
    return _plain(inside, arguments.span) if resolve else lift(raw, arguments.span)


def _has_missing(data: Any) -> bool:
    """Return whether plain data contain a value that must be given."""
    if isinstance(data, dict):
        return any(map(_has_missing, cast("dict[object, Any]", data).values()))
    if isinstance(data, list):
        return any(map(_has_missing, data))
    return bool(data == MISSING)


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
    """Evaluate `OmegaConf.select(config, "a.b[0]", default=...)`."""
    if len(arguments.values) != 2 or not arguments.keywords.keys() <= {"default"}:
        return None
    config, key = arguments.values[0], resolve_symbolic(machine, arguments.values[1])
    node = config.value if isinstance(config, Known) else None
    if not isinstance(node, (ConfigMapping, ConfigList)) or not isinstance(key, Known):
        return None
    steps = _steps(key.value)
    if not steps:
        return None
    given = arguments.keywords.get("default")
    default = given.value if given is not None else Known(None, arguments.span)
    current: Value = config
    for step in steps:
        found = _selected(current, step, arguments.span)
        if found is None and _has_flags([config], "struct"):
            return Unknown(reason="versions of OmegaConf differ in it", origin=arguments.span)
        if found is None:
            return tainted(default, key.variables)
        current = found
    return tainted(current, key.variables)


def _steps(key: object) -> list[str]:
    """Return the parts of `a.b[0].c`; none if the text is another one, such as `.a` or `a..b`."""
    if not isinstance(key, str):
        return []
    found = list(_STEP.finditer(key))
    if "".join(each[0] for each in found) != key or key.startswith("."):
        return []
    return [each[1] or each[2] for each in found]


def _selected(current: Value, step: str, span: Span) -> Value | None:
    """Return the node of one step of a path; None if `select` returns its default.

    OmegaConf returns the default if there is no such node, if it is `???`, and if the node before
    it is no container.
    """
    if not isinstance(current, Known):  # a variable that is not set makes `select` raise
        reason = f"flashc does not know the node that contains `{step}`"
        return current if isinstance(current, Unknown) else Unknown(reason=reason, origin=span)
    node = current.value
    if not isinstance(node, (ConfigMapping, ConfigList)):
        return None
    escaped = _escaped(node)
    if escaped is not None:
        return escaped
    if isinstance(node, ConfigMapping):
        found = node.entry(step)
        if found is None and step not in node.names() and _NUMBER.match(step):
            if not all(isinstance(name, str) for name in node.names()):
                reason = (
                    f"versions of OmegaConf differ in whether `{step}` is a key that is a number"
                )
                return Unknown(reason=reason, origin=span)
        return found
    if not _INDEX.fullmatch(step):  # versions differ for `-1`, and a text is an error
        return Unknown(reason=f"`{step}` is not a plain index of a list", origin=span)
    try:
        raw = node.document.raw((*node.path, int(step)))
    except NoNode:
        return None
    return None if raw == MISSING else node.document.value((*node.path, int(step)))


def _flagged(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `OmegaConf.set_struct(config, True)` and `OmegaConf.set_readonly(config, True)`."""
    given = dict(zip(("conf", "value"), arguments.values, strict=False))
    given |= {key: argument.value for key, argument in arguments.keywords.items()}
    config, value = given.get("conf"), given.get("value")
    if given.keys() != {"conf", "value"} or len(arguments.values) > 2 or config is None:
        return None
    plain = value.value if isinstance(value, Known) else value
    if not _is_config(config) or not isinstance(plain, (bool, type(None))):
        return None
    _set_flag(config, name.rpartition(".")[2].removeprefix("set_"), machine.doubt or plain)
    return Known(None, arguments.span)


def _set_flag(config: Value, name: str, flag: bool | Unknown | None) -> None:
    """Give a configuration a flag."""
    node = config.value if isinstance(config, Known) else None
    if isinstance(node, (ConfigMapping, ConfigList)):
        node.document.set_flag(node.path, name, flag)


def _is_config(value: Value) -> bool:
    """Return whether a value is a configuration."""
    return isinstance(value, Known) and isinstance(value.value, (ConfigMapping, ConfigList))


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
    if name in METHODS:
        return Known(BoundMethod(receiver, name), span)
    # OmegaConf's own names hide keys, such as `_value`; those like `_target_` are keys of Hydra.
    if name.startswith("__") or (name.startswith("_") and not name.endswith("_")):
        return _private(receiver, name, span)
    found = config.entry(name)
    if found is not None:
        return found
    if name in config.names():
        return Unknown(reason=f"`{name}` of the configuration is `???`", origin=span)
    return fail(machine, AttributeError, f"Missing key {name}", span)


def list_attribute(receiver: Known, name: str, span: Span) -> Value:
    """Return `config.name` of a list: a method, or an unknown value."""
    if name in LIST_METHODS:
        return Known(BoundMethod(receiver, name), span)
    return _private(receiver, name, span)


def _private(receiver: Known, name: str, span: Span) -> Unknown:
    """Return the value of an attribute that flashc does not know; it may change the configuration."""
    reason = Unknown(
        reason=f"flashc does not know the attribute `{name}` of a configuration", origin=span
    )
    escape(receiver, reason)
    return reason


def escape(receiver: Known, reason: Unknown) -> None:
    """Note that the data of a configuration are not known any more."""
    node = receiver.value
    if isinstance(node, (ConfigMapping, ConfigList)):
        node.document.escape(reason)


def get(machine: Machine, config: ConfigMapping, arguments: CallArguments) -> Value | None:
    """Evaluate `config.get(key, default)`."""
    given = [*arguments.values, *(argument.value for argument in arguments.keywords.values())]
    if not arguments.values or len(given) > 2 or not arguments.keywords.keys() <= {"default_value"}:
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
    **dict.fromkeys((f"{_CLASS}.{n}" for n in ("set_struct", "set_readonly")), _flagged),
    **dict.fromkeys((f"{_CLASS}.{n}" for n in ("is_dict", "is_list", "is_config")), _is_kind),
}
