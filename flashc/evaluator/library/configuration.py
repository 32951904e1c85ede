"""Evaluate `configparser` and `collections.ChainMap`: mappings that configurations are read into."""

from __future__ import annotations

import configparser
from collections.abc import Callable, Sequence
from typing import Any, Literal

from flashc.evaluator.config_values import ConfigMapping
from flashc.evaluator.escape import escape_value
from flashc.evaluator.library_values import (
    ChainValue,
    FileValue,
    ParserValue,
    SectionValue,
    Step,
)
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.operations.apply import apply, resolve_symbolic
from flashc.evaluator.operations.iteration import elements
from flashc.evaluator.path_values import ProjectPath
from flashc.evaluator.values import (
    DictValue,
    External,
    Known,
    MappingObject,
    NotConcrete,
    SequenceValue,
    Unknown,
    Value,
    ViewValue,
    concrete,
)
from flashc_core.source import Span

from . import configs, files
from .container_methods import dict_method
from .opening import opening_of, text_of_file

_OPTIONS = frozenset(
    "defaults allow_no_value delimiters comment_prefixes inline_comment_prefixes strict "
    "empty_lines_in_values default_section interpolation".split()
)
_READING = frozenset({"read_string", "read_dict", "read_file", "read"})
_CHANGING = frozenset({"set", "add_section", "remove_option", "remove_section", "clear"})
_OF_PARSERS = frozenset({"sections", "options", "has_section", "has_option", "defaults", "items"})
_GETTERS = frozenset({"get", "getint", "getfloat", "getboolean"})
_VIEWS: dict[str, Literal["keys", "values", "items"]] = {
    "keys": "keys",
    "values": "values",
    "items": "items",
}
_ABSENT = (configparser.NoSectionError, configparser.NoOptionError)


class _Refusal(Exception):
    """`configparser` raises an exception of its own; the text is its class."""


def make(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `configparser.ConfigParser(...)`."""
    options: dict[str, Any] = {}
    try:
        if arguments.positional:
            (options["defaults"],) = (concrete(value) for value in arguments.values)
        for key, argument in arguments.keywords.items():
            options[key] = concrete(argument.value)
    except (NotConcrete, ValueError):
        return None
    given = [*arguments.values, *(each.value for each in arguments.keywords.values())]
    if not options.keys() <= _OPTIONS or any(v.variables for v in given if isinstance(v, Known)):
        return None
    parser = ParserValue(name.rpartition(".")[2], options, arguments.span)
    made = apply(machine, lambda: str(parser.parser()), arguments.span)
    return made if isinstance(made, Unknown) else Known(parser, arguments.span)


def chain(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `collections.ChainMap(...)`."""
    maps = tuple(arguments.values) or (Known(DictValue(), arguments.span),)
    inside = [value.value if isinstance(value, Known) else None for value in maps]
    if arguments.keywords or not all(isinstance(m, (DictValue, MappingObject)) for m in inside):
        return None
    return Known(ChainValue(maps), arguments.span)


def assign_attribute(machine: Machine, parser: ParserValue, name: str, value: Value) -> None:
    """Execute `parser.name = value`; `optionxform = str` keeps the case of names."""
    known = value.value if isinstance(value, Known) else None
    if name == "optionxform" and known == External("builtins.str"):
        _add(machine, parser, (name, ()))
        return
    machine.may_raise()
    reason = f"flashc does not evaluate the assignment of `{name}`"
    parser.escape(Unknown(reason=reason, origin=value.origin))


def mapping_method(
    machine: Machine,
    mapping: MappingObject,
    receiver: Known,
    name: str,
    arguments: CallArguments,
) -> Value:
    """Return the result of a method of a parser, a section or a chain of mappings."""
    found: Value | None = None
    match mapping:
        case ParserValue(escaped=Unknown() as reason):
            found = reason
        case ParserValue() as parser if name in _READING:
            found = _read(machine, parser, name, arguments)
        case ParserValue() as parser if name in _CHANGING:
            found = _changed(machine, parser, name, arguments)
        case ParserValue() as parser if name in _OF_PARSERS and arguments.values:
            found = _of_parser(machine, parser, name, arguments)
        case ParserValue() as parser if name in (_OF_PARSERS - {"items"}):
            found = _of_parser(machine, parser, name, arguments)
        case ParserValue() as parser if name in _GETTERS:
            found = _get(machine, parser, parser.parser, name, arguments, absent=None)
        case SectionValue(of=ParserValue(escaped=None)) as section if name in _GETTERS:
            absent = Known(None, arguments.span)
            found = _get(machine, section.of, section.proxy, name, arguments, absent=absent)
        case ConfigMapping() as config if name == "get":
            found = configs.get(machine, config, arguments)
        case _ if name in _VIEWS and not arguments.values:
            return Known(ViewValue(mapping, _VIEWS[name]), arguments.span)
        case ChainValue() if name == "get" and not arguments.keywords:
            return dict_method(machine, mapping.current(), name, arguments)
        case _:
            pass
    if found is None:
        found = Unknown(
            reason=f"flashc does not evaluate the method `{name}` here", origin=arguments.span
        )
        escape_value(receiver, found)
    if isinstance(found, Unknown):
        machine.escape(arguments)
    return found


def _add(machine: Machine, parser: ParserValue, step: Step) -> None:
    """Note what the program does with a parser; a branch that may not run makes it unknown."""
    if machine.doubt is not None:
        parser.escape(machine.doubt)
    parser.steps.append(step)


def _changed(
    machine: Machine, parser: ParserValue, name: str, arguments: CallArguments
) -> Value | None:
    """Execute a method of a parser that changes it."""
    span = arguments.span
    if arguments.keywords:
        return None
    values = [resolve_symbolic(machine, value) for value in arguments.values]
    if any(isinstance(v, Known) and v.variables for v in values):
        return None

    def run(*given: Any) -> object:
        trial = ParserValue(parser.kind, parser.options, span, [*parser.steps, (name, given)])
        trial.parser()
        return given

    result = _tried(machine, span, run, values)
    if not isinstance(result, Known) or not isinstance(result.value, SequenceValue):
        return None
    _add(machine, parser, (name, tuple(concrete(part) for part in result.value.items)))
    return Known(None, span)


def _guarded(function: Callable[[], Any]) -> Any:
    """Call a function of `configparser`; its exceptions are no builtin ones.

    Raises:
        _Refusal: it raises one of them.
    """
    try:
        return function()
    except configparser.Error as error:
        raise _Refusal(type(error).__name__) from error


def _read(
    machine: Machine, parser: ParserValue, name: str, arguments: CallArguments
) -> Value | None:
    """Evaluate `read(path)`, `read_file(file)`, `read_string(text)` or `read_dict(dict)`."""
    span = arguments.span
    if len(arguments.values) != 1 or not arguments.keywords.keys() <= {"encoding", "source"}:
        return None
    first = resolve_symbolic(machine, arguments.values[0])
    if name in ("read_dict", "read_string"):
        return _changed(machine, parser, name, arguments.inner([first]))
    if name == "read_file":
        if not isinstance(first, Known) or not isinstance(first.value, FileValue):
            return None
        text = files.content_of(machine, first.value, span)
        return _changed(machine, parser, "read_string", arguments.inner([text]))
    is_path = isinstance(first, Known) and isinstance(first.value, ProjectPath)
    paths = [first] if is_path else elements(machine, first)
    if isinstance(paths, Unknown):
        return None
    opening = opening_of(arguments, ())
    for path in paths:
        if not isinstance(path, Known) or not isinstance(path.value, ProjectPath):
            return None
        text = text_of_file(machine, path.value, opening, span)
        if _changed(machine, parser, "read_string", arguments.inner([text])) is None:
            return None
    names = Unknown(reason="each machine has its own path of the file", origin=span)
    return Known(SequenceValue(list, [names] * len(paths)), span)


def _of_parser(
    machine: Machine, parser: ParserValue, name: str, arguments: CallArguments
) -> Value | None:
    """Evaluate a method of a parser that only reads it."""
    if arguments.keywords:
        return None

    def run(*given: Any) -> object:
        result = getattr(parser.parser(), name)(*given)
        return dict(result) if name == "defaults" else result

    return _tried(machine, arguments.span, run, arguments.values)


def _get(
    machine: Machine,
    parser: ParserValue,
    source: Callable[[], Any],
    name: str,
    arguments: CallArguments,
    *,
    absent: Value | None,
) -> Value | None:
    """Evaluate `get(...)`, `getint(...)` of a parser or a section; `absent` is the usual fallback."""
    values, keywords = list(arguments.values), dict(arguments.keywords)
    fallback = keywords.pop("fallback", None)
    given = fallback.value if fallback is not None else absent
    if absent is not None and len(values) == 2 and fallback is None:
        given = values.pop()
    if keywords:
        return None

    def has(*names: Any) -> bool:
        try:
            source().get(*names) if absent is None else source()[names[0]]
        except (*_ABSENT, KeyError):
            return False
        return True

    def run(*names: Any) -> object:
        return getattr(source(), name)(*names)

    there = _tried(machine, arguments.span, has, values)
    if isinstance(there, Known) and there.value is False and given is not None:
        return given
    return _tried(machine, arguments.span, run, values)


def _tried(
    machine: Machine, span: Span, run: Callable[..., object], values: Sequence[Value]
) -> Value | None:
    """Return what Python computes; None if `configparser` raises an exception of its own."""
    resolved = [resolve_symbolic(machine, value) for value in values]
    try:
        return apply(machine, lambda *flat: _guarded(lambda: run(*flat)), span, *resolved)
    except _Refusal as problem:
        machine.may_raise()
        return Unknown(reason=f"Python raises {problem}", origin=span)


FUNCTIONS: dict[str, Callable[[Machine, str, CallArguments], Value | None]] = {
    "configparser.ConfigParser": make,
    "configparser.RawConfigParser": make,
    "collections.ChainMap": chain,
}
