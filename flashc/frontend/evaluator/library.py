"""Builtins and the standard library, as far as programs use them for constants."""

from __future__ import annotations

import operator
import posixpath
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flashc_ir.resources import EnvironmentReference

from . import attributes, calls, containers, methods, operators
from .objects import Argument, Frame, PartialValue
from .values import (
    DictValue,
    External,
    Known,
    ListValue,
    ModuleRef,
    SequenceKind,
    Symbolic,
    Unknown,
    Value,
    elements,
    variables_of,
)

if TYPE_CHECKING:
    from .calls import Call
    from .machine import Machine

_PURE: dict[str, Callable[..., Any]] = {
    **{f.__name__: f for f in (str, int, float, bool, bytes, complex, len, min, max, sum, abs)},
    **{f.__name__: f for f in (round, any, all, repr, ascii, ord, chr, hex, oct, bin, divmod, pow)},
    **{f.__name__: f for f in (hash, format, sorted, slice)},
}
del _PURE["hash"]  # differs from run to run for strings
_ITERATING = frozenset(
    {"list", "tuple", "set", "frozenset", "enumerate", "zip", "reversed", "iter"}
)
_OTHER = frozenset(
    {
        "dict",
        "range",
        "map",
        "filter",
        "globals",
        "print",
        "getattr",
        "isinstance",
        "open",
        "setattr",
        "vars",
        "type",
        "property",
        "staticmethod",
        "classmethod",
        "super",
        "object",
        "Exception",
        "ValueError",
        "RuntimeError",
        "callable",
        "id",
        "next",
        "input",
        "exit",
        "hash",
        "hasattr",
        "locals",
        "KeyError",
        "TypeError",
        "ImportError",
        "NotImplemented",
        "NotImplementedError",
        "bytearray",
        "__import__",
        "__debug__",
        "memoryview",
        "eval",
        "exec",
        "compile",
        "dir",
    }
)
BUILTINS = frozenset(_PURE) | _ITERATING | _OTHER
_PURE_LIBRARY: dict[str, Callable[..., Any]] = {
    "operator.add": operator.add,
    "os.path.basename": posixpath.basename,
    "os.path.splitext": posixpath.splitext,
}
_NO_EFFECT = frozenset(
    {
        "dotenv.load_dotenv",
        "builtins.print",
        "warnings.filterwarnings",
        "logging.basicConfig",
        "nest_asyncio.apply",
    }
)


def call_external(machine: Machine, external: External, arguments: Call, frame: Frame) -> Value:
    name, span = external.name, arguments.span
    module, _, function = name.rpartition(".")
    if module == "builtins":
        return _builtin(machine, function, arguments, frame)
    if name in _NO_EFFECT:
        return Known(None, span)
    match name:
        case "os.getenv" | "os.environ.get":
            return _getenv(machine, arguments)
        case "functools.partial" if arguments.positional:
            first, *rest = arguments.values
            return Known(PartialValue(first, tuple(rest), arguments.keywords), span)
        case "copy.copy" | "copy.deepcopy" if len(arguments.positional) == 1:
            return methods.copied(arguments.values[0], span, deep=function == "deepcopy")
        case (
            "pathlib.Path"
            | "pathlib.PurePath"
            | "os.path.dirname"
            | "os.path.abspath"
            | ("os.path.realpath" | "os.path.join")
        ):
            return methods.path_function(name, arguments.values, span)
        case "importlib.import_module" if arguments.values:
            target = arguments.values[0]
            if isinstance(target, Known) and isinstance(target.value, str):
                if machine.tree.has(target.value):
                    return Known(ModuleRef(target.value), span)
                return Known(External(target.value), span)
        case _:
            pass
    if name in _PURE_LIBRARY and not arguments.keywords:
        values = [operators.settled(machine, value) for value in arguments.values]
        return operators.apply(_PURE_LIBRARY[name], span, *values)
    calls.escape(machine, arguments)
    return Unknown(f"`{name}(...)` comes from outside the project", span)


def _getenv(machine: Machine, arguments: Call) -> Value:
    values = [*arguments.values, *(a.value for a in arguments.keywords.values())]
    key = operators.settled(machine, values[0]) if values else None
    if isinstance(key, Known) and key.value in machine.assigned:
        return machine.assigned[str(key.value)]
    if not isinstance(key, Known) or not isinstance(key.value, str):
        return (
            key
            if isinstance(key, Unknown)
            else Unknown("the variable is not known", arguments.span)
        )
    if len(values) == 1 or (isinstance(values[1], Known) and values[1].value is None):
        return Symbolic((EnvironmentReference(key.value),), arguments.span, optional=True)
    default = operators.settled(machine, values[1])
    if isinstance(default, Known) and isinstance(default.value, str):
        return Symbolic((EnvironmentReference(key.value, default.value),), arguments.span)
    if isinstance(default, Known) and key.value not in machine.environment:
        return default
    if isinstance(default, Known):
        return Symbolic((EnvironmentReference(key.value),), arguments.span)
    return default


def _builtin(machine: Machine, name: str, arguments: Call, frame: Frame) -> Value:
    span = arguments.span
    if name == "str" and len(arguments.values) == 1 and isinstance(arguments.values[0], Symbolic):
        return arguments.values[0]
    if name == "globals" and not arguments.positional:
        return Known(External("builtins.globals()"), span)
    if name == "dict":
        return _make_dict(machine, arguments)
    if name == "enumerate" and arguments.positional:
        return _enumerate(machine, arguments)
    if name in _ITERATING and not arguments.keywords:
        return _iterating(name, arguments)
    if name == "map" and len(arguments.values) == 2:
        return _map(machine, arguments, frame)
    if name == "getattr" and len(arguments.values) == 2:
        receiver, key = arguments.values
        if isinstance(key, Known) and isinstance(key.value, str):
            return attributes.attribute(machine, receiver, key.value, span)
    if name == "range" or name in _PURE:
        function = range if name == "range" else _PURE[name]
        return _pure(machine, function, arguments)
    calls.escape(machine, arguments)
    return Unknown(f"flashc does not evaluate `{name}(...)`", span)


def _pure(machine: Machine, function: Callable[..., object], arguments: Call) -> Value:
    names = list(arguments.keywords)
    values = [operators.settled(machine, value) for value in arguments.values]
    named = [operators.settled(machine, arguments.keywords[name].value) for name in names]
    count = len(values)

    def run(*flat: object) -> object:
        return function(*flat[:count], **dict(zip(names, flat[count:], strict=True)))

    if function is len and len(values) == 1:
        items = elements(values[0])
        known = values[0]
        if isinstance(known, Known) and isinstance(known.value, (ListValue, DictValue)):
            if not isinstance(items, Unknown):
                return Known(len(items), arguments.span, variables_of(known))
    if function is pow or (function is range and any(_huge(value) for value in values)):
        return Unknown("it is too large", arguments.span)
    return operators.apply(run, arguments.span, *values, *named)


def _huge(value: Value) -> bool:
    return isinstance(value, Known) and isinstance(value.value, int) and abs(value.value) > 10**9


def _make_dict(machine: Machine, arguments: Call) -> Value:
    table = DictValue()
    if arguments.positional:
        source = arguments.values[0]
        problem = containers.merge(table, source)
        if problem is not None:
            pairs = elements(source)
            if isinstance(pairs, Unknown):
                return pairs
            for pair in pairs:
                sides = elements(pair)
                if isinstance(sides, Unknown) or len(sides) != 2:
                    return Unknown("a pair is not known", arguments.span)
                problem = containers.store(machine, table, sides[0], sides[1])
                if problem is not None:
                    return problem
    for name, argument in arguments.keywords.items():
        table.entries[name] = (Known(name, argument.span), argument.value)
    return Known(table, arguments.span)


def _iterating(name: str, arguments: Call) -> Value:
    span = arguments.span
    sources = [elements(value) for value in arguments.values]
    known: list[list[Value]] = []
    for source in sources:
        if isinstance(source, Unknown):
            return source
        known.append(source)
    match name:
        case "list" | "tuple" | "iter":
            kind: SequenceKind = tuple if name == "tuple" else list
            return Known(ListValue(kind, known[0] if known else []), span)
        case "set" | "frozenset":
            return containers.make_set(
                set if name == "set" else frozenset, known[0] if known else [], span
            )
        case "reversed" if known:
            return Known(ListValue(list, known[0][::-1]), span)
        case "zip":
            pairs = [list(items) for items in zip(*known, strict=False)]
        case _:
            return Unknown(f"flashc does not evaluate this `{name}(...)`", span)
    return Known(ListValue(list, [Known(ListValue(tuple, list(p)), span) for p in pairs]), span)


def _enumerate(machine: Machine, arguments: Call) -> Value:
    """`enumerate(items)`, `enumerate(items, 1)`, `enumerate(items, start=1)`."""
    span = arguments.span
    given = [*arguments.values, *(a.value for a in arguments.keywords.values())]
    items = elements(given[0])
    start = operators.settled(machine, given[1]) if len(given) > 1 else Known(0, span)
    if isinstance(items, Unknown) or isinstance(start, Unknown):
        return items if isinstance(items, Unknown) else start
    if not isinstance(start.value, int):
        return Unknown("`enumerate` starts at something that is no integer", span)
    pairs: list[Value] = [
        Known(ListValue(tuple, [Known(number, span), item]), span)
        for number, item in enumerate(items, start.value)
    ]
    return Known(ListValue(list, pairs), span)


def _map(machine: Machine, arguments: Call, frame: Frame) -> Value:
    function, source = arguments.values
    items = elements(source)
    if isinstance(items, Unknown):
        return items
    results: list[Value] = []
    for value in items:
        one = calls.Call([Argument(value, arguments.span)], {}, arguments.span, arguments.text)
        results.append(calls.call(machine, function, one, frame))
    return Known(ListValue(list, results), arguments.span)
