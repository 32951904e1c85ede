"""Methods of plain values: the pure ones of `str` and its like, those that change lists and dicts, paths."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from flashc_ir.source import Span

from . import containers, operators
from .values import (
    MAX_ITEMS,
    DictValue,
    Known,
    ListValue,
    NotConcrete,
    ProjectPath,
    Unknown,
    Value,
    concrete,
    elements,
    lift,
)

if TYPE_CHECKING:
    from .calls import Call
    from .machine import Machine

_PURE = {
    str: frozenset(dir(str)) - {"format_map", "__init_subclass__", "__new__"},
    bytes: frozenset(
        {"decode", "hex", "strip", "split", "upper", "lower", "startswith", "endswith"}
    ),
    int: frozenset({"bit_length", "to_bytes"}),
    float: frozenset({"is_integer", "hex"}),
}
_MAX_PROJECT_TEXT = 1_000_000


def call(machine: Machine, receiver: Value, name: str, arguments: Call) -> Value:
    """`receiver.name(arguments)`."""
    receiver = operators.settled(machine, receiver)
    if not isinstance(receiver, Known):
        return receiver
    match receiver.value:
        case ListValue(kind=kind) as items if kind is list:
            return _list_method(items, receiver, name, arguments)
        case DictValue() as table:
            return _dict_method(machine, table, receiver, name, arguments)
        case ProjectPath() as path:
            return _path_method(machine, path, receiver, name, arguments)
        case ListValue() as items if name in ("copy", "index", "count", "union", "add"):
            return _other_sequence(items, receiver, name, arguments)
        case str() | bytes() | int() | float() as plain:
            return _plain_method(machine, plain, receiver, name, arguments)
        case _:
            return Unknown(f"flashc does not evaluate the method `{name}` here", arguments.span)


def _plain_method(
    machine: Machine, plain: object, receiver: Known, name: str, arguments: Call
) -> Value:
    kind = next((k for k in _PURE if isinstance(plain, k)), None)
    if kind is None or name not in _PURE[kind]:
        return Unknown(f"flashc does not evaluate the method `{name}` here", arguments.span)
    names = list(arguments.keywords)
    values = [operators.settled(machine, value) for value in arguments.values]
    named = [operators.settled(machine, arguments.keywords[n].value) for n in names]
    if name in ("ljust", "rjust", "center", "zfill", "expandtabs", "replace", "join", "to_bytes"):
        if any(_large(value) for value in values):
            return Unknown("it is too large", arguments.span)
    count = len(values)

    def run(self: object, *flat: object) -> object:
        keywords = dict(zip(names, flat[count:], strict=True))
        return getattr(self, name)(*flat[:count], **keywords)

    return operators.apply(run, arguments.span, receiver, *values, *named)


def _large(value: Value) -> bool:
    if not isinstance(value, Known):
        return False
    plain = value.value
    return (isinstance(plain, int) and plain > MAX_ITEMS) or (
        isinstance(plain, str) and len(plain) > 10_000
    )


def _list_method(items: ListValue, receiver: Known, name: str, arguments: Call) -> Value:
    span, values = arguments.span, arguments.values
    nothing = Known(None, span)
    if items.escaped is not None:
        return items.escaped
    match name, values:
        case "append", [value]:
            items.items.append(value)
            return nothing
        case "extend", [value]:
            more = elements(value)
            if isinstance(more, Unknown):
                items.escaped = more
                return more
            items.items.extend(more)
            return nothing
        case "insert", [Known(value=int() as index), value]:
            items.items.insert(index, value)
            return nothing
        case "copy", []:
            return Known(ListValue(list, list(items.items)), span)
        case "pop", [] if items.items:
            return items.items.pop()
        case "clear", []:
            items.items.clear()
            return nothing
        case "reverse", []:
            items.items.reverse()
            return nothing
        case (("remove" | "sort"), _):
            return _in_place(items, name, arguments)
        case (("index" | "count"), [value]):
            return operators.apply(getattr(list, name), span, receiver, value)
        case _:
            items.escaped = Unknown(f"flashc does not evaluate `list.{name}` here", span)
            return items.escaped


def _in_place(items: ListValue, name: str, arguments: Call) -> Value:
    span = arguments.span
    try:
        plain = [concrete(item) for item in items.items]
        keywords = {key: concrete(a.value) for key, a in arguments.keywords.items()}
        getattr(plain, name)(*(concrete(value) for value in arguments.values), **keywords)
    except NotConcrete:
        items.escaped = Unknown(f"`list.{name}` depends on something that is not known", span)
        return items.escaped
    except operators.PYTHON_ERRORS as error:
        items.escaped = Unknown(f"Python raises {type(error).__name__}: {error}", span)
        return items.escaped
    items.items[:] = [lift(item, span) for item in plain]
    return Known(None, span)


def _other_sequence(items: ListValue, receiver: Known, name: str, arguments: Call) -> Value:
    span, values = arguments.span, arguments.values
    if name == "copy":
        return Known(ListValue(items.kind, list(items.items)), span)
    if name == "add" and items.kind is set and len(values) == 1:
        joined = containers.make_set(set, [*items.items, values[0]], span)
        if isinstance(joined, Known) and isinstance(joined.value, ListValue):
            items.items[:] = joined.value.items
            return Known(None, span)
        items.escaped = Unknown("an element is not known", span)
        return items.escaped
    method = getattr(items.kind, name, None)
    if method is None:
        return Unknown(f"there is no method `{name}`", span)
    return operators.apply(method, span, receiver, *values)


def _dict_method(
    machine: Machine, table: DictValue, receiver: Known, name: str, arguments: Call
) -> Value:
    span, values = arguments.span, arguments.values
    if table.escaped is not None:
        return table.escaped
    match name, values:
        case "keys", []:
            return Known(ListValue(list, [key for key, _ in table.entries.values()]), span)
        case "values", []:
            return Known(ListValue(list, [item for _, item in table.entries.values()]), span)
        case "items", []:
            pairs: list[Value] = [
                Known(ListValue(tuple, [key, item]), span) for key, item in table.entries.values()
            ]
            return Known(ListValue(list, pairs), span)
        case "copy", []:
            return Known(DictValue(dict(table.entries)), span)
        case (("get" | "pop" | "setdefault"), [key, *rest]):
            return _lookup(machine, table, name, key, rest, span)
        case "update", _:
            return _update(table, arguments)
        case "clear", []:
            table.entries.clear()
            return Known(None, span)
        case _:
            table.escaped = Unknown(f"flashc does not evaluate `dict.{name}` here", span)
            return table.escaped


def _lookup(
    machine: Machine, table: DictValue, name: str, key: Value, rest: list[Value], span: Span
) -> Value:
    key = operators.settled(machine, key)
    try:
        plain = concrete(key)
        entry = table.entries.get(plain)
    except (NotConcrete, TypeError):
        unknown = Unknown("the key is not known", span)
        if name != "get":
            table.escaped = unknown
        return unknown
    default = rest[0] if rest else Known(None, span)
    if name == "pop":
        table.entries.pop(plain, None)
        if entry is None and not rest:
            return Unknown("the dict has no such key", span)
    elif name == "setdefault" and entry is None:
        table.entries[plain] = (key, default)
    return entry[1] if entry is not None else default


def _update(table: DictValue, arguments: Call) -> Value:
    for value in arguments.values:
        problem = containers.merge(table, value)
        if problem is not None:
            table.escaped = problem
            return problem
    for name, argument in arguments.keywords.items():
        table.entries[name] = (Known(name, argument.span), argument.value)
    return Known(None, arguments.span)


def copied(value: Value, span: Span, *, deep: bool) -> Value:
    """`copy.copy(value)` or `copy.deepcopy(value)`."""
    if not isinstance(value, Known):
        return value
    match value.value:
        case ListValue() as items:
            parts = [copied(i, span, deep=True) for i in items.items] if deep else list(items.items)
            return Known(ListValue(items.kind, parts, items.escaped), span)
        case DictValue() as table:
            entries = {
                key: (k, copied(item, span, deep=True) if deep else item)
                for key, (k, item) in table.entries.items()
            }
            return Known(DictValue(entries, table.escaped), span)
        case _:
            return value


# Paths -------------------------------------------------------------------------------------------


def path_function(name: str, values: list[Value], span: Span) -> Value:
    """`Path(__file__)`, `os.path.dirname(...)`, `os.path.join(...)`."""
    if not values or not isinstance(values[0], Known):
        return values[0] if values else Unknown("a path without a start", span)
    first = values[0].value
    if not isinstance(first, ProjectPath):
        return Unknown("the path does not start at a file of the project", span)
    match name:
        case "pathlib.Path" | "pathlib.PurePath":
            path, rest = ProjectPath(first.path), values[1:]
        case "os.path.dirname":
            path, rest = ProjectPath(posixpath.dirname(first.path) or ".", text=True), []
        case _:
            path, rest = first, values[1:]
    result: Value = Known(path, span)
    for part in rest:
        if not isinstance(part, Known) or not isinstance(part.value, str):
            return Unknown("a part of the path is not known", span)
        if not isinstance(result, Known) or not isinstance(result.value, ProjectPath):
            return result
        result = operators.join(result.value, part.value, span)
    return result


def _path_method(
    machine: Machine, path: ProjectPath, receiver: Known, name: str, arguments: Call
) -> Value:
    span = arguments.span
    match name:
        case "resolve" | "absolute" if not path.text:
            return receiver
        case "joinpath":
            return path_function("os.path.join", [receiver, *arguments.values], span)
        case "exists" | "is_file":
            return Known((machine.tree.root / path.path).is_file(), span)
        case "read_text":
            return read_project_file(machine, path, span)
        case _:
            return Unknown(f"flashc does not evaluate `Path.{name}`", span)


def read_project_file(machine: Machine, path: ProjectPath, span: Span) -> Value:
    """The text of a file that belongs to the project."""
    known = next((file for file in machine.tree.files if file.path == path.path), None)
    if known is None:
        return Unknown(f"`{path.path}` is no file of the project", span)
    if known.size > _MAX_PROJECT_TEXT:
        return Unknown(f"`{path.path}` is too large", span)
    try:
        return lift((machine.tree.root / path.path).read_text(encoding="utf-8"), span)
    except (OSError, UnicodeDecodeError):
        return Unknown(f"`{path.path}` can't be read as UTF-8 text", span)
