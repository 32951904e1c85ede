"""Evaluate the module `re` on constants, for patterns whose search is sure to end soon.

Python's search goes back and tries again, and can take longer than anybody waits.  So the number of
attempts is estimated from the parsed pattern and the length of the text before Python searches.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any, cast

from flashc.evaluator.library_objects import ONE_MATCH, LibraryObject, compile_pattern
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.operations.apply import apply, cause, grows, resolve_symbolic, too_large
from flashc.evaluator.operations.iteration import elements, lazy_iterator
from flashc.evaluator.values import Known, NotConcrete, Unknown, Value, concrete, lift, variables_of
from flashc_core.source import Span

_MOST_ATTEMPTS = 50_000_000  # about a second
_ATTEMPTS_OF_A_STEP = 1_000
_LONGEST_PATTERN = 2_000
_LONGEST_TEXT = 100_000
# The functions by the parameters that follow the pattern.
_PARAMETERS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("match", "search", "fullmatch", "findall", "finditer"), ("string",)),
    **dict.fromkeys(("sub", "subn"), ("repl", "string", "count")),
    "split": ("string", "maxsplit"),
}
_ONE_WAY = frozenset(
    "LITERAL NOT_LITERAL ANY ANY_ALL IN RANGE CATEGORY AT GROUPREF FAILURE".split()
)
# What the parser of `re` returns is the only exact description of what `re` tries.  Its module
# has a public name too, which is deprecated.
_PARSER: Any = importlib.import_module("re._parser")


def function(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate a function of the module `re`; None for a form that is not known."""
    called = name.rpartition(".")[2]
    if called == "escape":
        values = [resolve_symbolic(machine, value) for value in arguments.values]
        return None if arguments.keywords else apply(machine, re.escape, arguments.span, *values)
    first = arguments.values[0] if arguments.values else None
    if called == "compile":
        given = _bound(arguments, ("pattern", "flags"), arguments.values)
        return None if given is None else _compiled(machine, given, arguments.span)
    if isinstance(first, Known) and _is_pattern(first.value):
        return _search(machine, called, first, arguments, arguments.values[1:])
    given = _bound(arguments, ("pattern", *_PARAMETERS[called], "flags"), arguments.values)
    if given is None or "pattern" not in given:
        return None
    flags = {"flags": given.pop("flags")} if "flags" in given else {}
    pattern = _compiled(machine, {"pattern": given.pop("pattern"), **flags}, arguments.span)
    if not isinstance(pattern, Known):
        machine.escape(arguments)
        return pattern
    return _run(machine, called, pattern, given, arguments)


def method(machine: Machine, receiver: Known, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate a method of a compiled pattern; None for a form that is not known."""
    if name not in _PARAMETERS:
        return None
    return _search(machine, name, receiver, arguments, arguments.values)


def _is_pattern(value: object) -> bool:
    """Return whether a value is a compiled pattern."""
    return isinstance(value, LibraryObject) and value.made_by == "re.compile"


def _bound(
    arguments: CallArguments, names: tuple[str, ...], positional: list[Value]
) -> dict[str, Value] | None:
    """Return arguments by the names of their parameters; None if they do not fit."""
    given = dict(zip(names, positional, strict=False))
    named = {name: argument.value for name, argument in arguments.keywords.items()}
    if len(positional) > len(names) or not named.keys() <= set(names) - given.keys():
        return None
    return {**given, **named}


def _compiled(machine: Machine, given: dict[str, Value], span: Span) -> Value:
    """Return the value of `re.compile(pattern, flags)`."""
    pattern, flags = given.get("pattern"), given.get("flags")
    if pattern is None:
        return Unknown(reason="flashc does not evaluate this pattern", origin=span)
    try:
        text = concrete(resolve_symbolic(machine, pattern))
        options = 0 if flags is None else concrete(flags)
    except NotConcrete as problem:
        return cause(problem.part, span)
    variables = variables_of(pattern)
    if not isinstance(text, (str, bytes)) or not isinstance(options, int) or variables:
        machine.may_raise()
        return Unknown(reason="flashc does not evaluate this pattern", origin=span)
    if _parsed(text, int(options)) is None:
        machine.may_raise()
        return Unknown(reason="`re` refuses this pattern, or it is too long", origin=span)
    return Known(LibraryObject("re.compile", (text, int(options))), span)


def _search(
    machine: Machine, name: str, pattern: Known, arguments: CallArguments, positional: list[Value]
) -> Value | None:
    """Evaluate `pattern.name(...)`."""
    given = _bound(arguments, _PARAMETERS.get(name, ()), positional)
    return None if given is None else _run(machine, name, pattern, given, arguments)


def _run(
    machine: Machine, name: str, pattern: Known, given: dict[str, Value], arguments: CallArguments
) -> Value | None:
    """Let Python search, if it is sure to end soon."""
    span = arguments.span
    recipe = cast("LibraryObject", pattern.value).arguments
    values = {key: resolve_symbolic(machine, value) for key, value in given.items()}
    text = values.get("string")
    if text is None:
        return None
    plain = text.value if isinstance(text, Known) else None
    if isinstance(plain, (str, bytes)):
        attempts = _attempts(recipe[0], recipe[1], plain)
        if attempts is None:
            machine.escape(arguments)
            return Unknown(reason="flashc can't limit the time of this pattern", origin=span)
        machine.charge(attempts // _ATTEMPTS_OF_A_STEP, span)
    if "repl" in values and not _is_text(values["repl"]):
        return _replaced(machine, name, pattern, values, arguments)
    if grows(text, values.get("repl", text)) and "repl" in values:
        return too_large(span)
    names = list(values)

    def found(*flat: Any) -> object:
        compiled = compile_pattern(*recipe)
        try:
            result = getattr(compiled, name)(**dict(zip(names, flat, strict=True)))
        except re.error as error:  # in the replacement
            raise ValueError(str(error)) from error
        if name == "finditer":
            return len(list(result))
        return result is not None if name in ONE_MATCH else result

    result = apply(machine, found, span, *values.values())
    if not isinstance(result, Known):
        machine.escape(arguments)
        return result
    if name in ONE_MATCH:
        match = LibraryObject(f"re.{name}", (*recipe, plain))
        return Known(match if result.value else None, span, variables_of(text))
    if name == "finditer":
        count = cast("int", result.value)
        matches = (LibraryObject("re.finditer", (*recipe, plain, n)) for n in range(count))
        found_in = variables_of(text)
        values_of = (lift(match, span, found_in) for match in matches)
        return lazy_iterator(values_of, "callable_iterator", span)
    return result


def _is_text(value: Value) -> bool:
    """Return whether a value is a text, which is no function."""
    return not isinstance(value, Known) or isinstance(value.value, (str, bytes))


def _replaced(
    machine: Machine,
    name: str,
    pattern: Known,
    values: dict[str, Known | Unknown],
    arguments: CallArguments,
) -> Value | None:
    """Evaluate `pattern.sub(function, text)`: call the function for each match."""
    count, text, span = values.get("count"), values["string"], arguments.span
    if name != "sub" or isinstance(text, Unknown) or not isinstance(text.value, str):
        machine.escape(arguments)
        return None
    most = count.value if isinstance(count, Known) else 0
    if not isinstance(most, int) or isinstance(count, Unknown):
        return None
    found = _run(machine, "finditer", pattern, {"string": text}, arguments)
    matches = found if found is None or isinstance(found, Unknown) else elements(machine, found)
    if matches is None or isinstance(matches, Unknown):
        return matches
    pieces, end = "", 0
    for match in matches[: most or None]:
        piece = machine.call(values["repl"], arguments.inner([match]))
        made = match.value if isinstance(match, Known) else None
        if not isinstance(piece, Known) or not isinstance(piece.value, str) or piece.variables:
            return piece if isinstance(piece, Unknown) else None
        assert isinstance(made, LibraryObject)
        first, last = made.object().span()
        machine.charge(len(pieces), span)
        pieces, end = pieces + text.value[end:first] + piece.value, last
    return Known(pieces + text.value[end:], span, text.variables)


# How long a search takes ----------------------------------------------------------------------------


def _parsed(pattern: str | bytes, flags: int) -> Any:
    """Return the parts of a pattern; None if `re` refuses the pattern, or if it is too long."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return _PARSER.parse(pattern, flags) if len(pattern) <= _LONGEST_PATTERN else None
    except (re.error, ValueError, RecursionError, OverflowError):
        return None


def _attempts(pattern: str | bytes, flags: int, text: str | bytes) -> int | None:
    """Return how many attempts a search may need at all positions of a text; None if too many.

    The product of the choices of all parts is a limit for the paths that Python tries at one
    position; each path passes all parts.
    """
    parsed = _parsed(pattern, flags)
    if parsed is None or len(text) > _LONGEST_TEXT:
        return None
    choices = _choices_of_all(parsed, len(text))
    if choices is None:
        return None
    attempts = len(text) + _starts(parsed, flags, text) * choices * (len(pattern) + 1)
    return None if attempts > _MOST_ATTEMPTS else attempts


def _starts(parsed: Any, flags: int, text: str | bytes) -> int:
    """Return the number of positions at which more than the first characters may match."""
    start: list[int] = []
    for operation, argument in parsed:
        if str(operation) == "LITERAL":
            start.append(argument)
        elif str(operation) != "AT" or start:
            break
    if not start or (flags | parsed.state.flags) & re.IGNORECASE:
        return len(text) + 1
    if isinstance(text, bytes):
        return text.count(bytes(start[:1])) + 1
    first = "".join(map(chr, start))
    found, position = 0, text.find(first)
    while position >= 0:
        found, position = found + 1, text.find(first, position + 1)
    return found + 1


def _choices_of_all(parts: Iterable[Any], length: int) -> int | None:
    """Return the number of ways in which a sequence of parts can match at one position."""
    total = 1
    for operation, argument in parts:
        choices = _choices(str(operation), argument, length)
        total = _MOST_ATTEMPTS + 1 if choices is None else total * choices
        if total > _MOST_ATTEMPTS:
            return None
    return total


def _choices(operation: str, argument: Any, length: int) -> int | None:
    """Return the number of ways in which one part can match at one position."""
    match operation:
        case _ if operation in _ONE_WAY:
            return 1
        case "SUBPATTERN":
            return _choices_of_all(argument[-1], length)
        case "BRANCH":
            return _sum(_choices_of_all(branch, length) for branch in argument[1])
        case "ASSERT" | "ASSERT_NOT":
            return _choices_of_all(argument[1], length)
        case "GROUPREF_EXISTS":
            return _sum(_choices_of_all(b, length) for b in argument[1:] if b is not None)
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most, repeated = argument
            inner = _choices_of_all(repeated, length)
            return None if inner is None else _repeated(inner, int(least), int(most), length)
        case _:
            return None  # not in all versions of Python


def _repeated(inner: int, least: int, most: int, length: int) -> int | None:
    """Return the number of ways in which a repetition can match, if its part has `inner` ways."""
    most = min(most, length + least + 1)
    if inner == 1:
        return most - least + 1
    total = 0
    for count in range(least, most + 1):
        total += inner**count if count * inner.bit_length() < 60 else _MOST_ATTEMPTS + 1
        if total > _MOST_ATTEMPTS:
            return None
    return total


def _sum(parts: Iterable[int | None]) -> int | None:
    """Return a sum; None if a part is None."""
    total = 0
    for part in parts:
        if part is None:
            return None
        total += part
    return total


FUNCTIONS: dict[str, Callable[[Machine, str, CallArguments], Value | None]] = {
    f"re.{name}": function for name in (*_PARAMETERS, "compile", "escape")
}
CONSTANTS: dict[str, object] = {
    f"re.{name}": getattr(re, name)
    for name in "A ASCII I IGNORECASE M MULTILINE S DOTALL X VERBOSE U UNICODE NOFLAG".split()
}
