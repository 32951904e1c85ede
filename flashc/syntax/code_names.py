"""Read from the code of a module which global names it binds and uses, without walking over its tree."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from opcode import opmap
from types import CodeType

from msgspec import Struct, field

_EXTENDED = opmap["EXTENDED_ARG"]
_CONSTANTS = [opmap[name] for name in ("LOAD_CONST", "RETURN_CONST") if name in opmap]
_STORES = {opmap["STORE_NAME"], opmap["STORE_GLOBAL"]}
_LOADS = {
    opmap[name]
    for name in (
        "LOAD_NAME",
        "LOAD_GLOBAL",
        "DELETE_NAME",
        "DELETE_GLOBAL",
        "LOAD_FROM_DICT_OR_GLOBALS",
    )
    if name in opmap
}
_GLOBAL = opmap["LOAD_GLOBAL"]
_STORE_GLOBAL = opmap["STORE_GLOBAL"]


def _any_of(operations: Iterable[int]) -> re.Pattern[bytes]:
    """Return a pattern of any of these operations, which is searched for in C."""
    return re.compile(b"[" + re.escape(bytes(operations)) + b"]", re.DOTALL)


_OF_FUNCTIONS = _any_of((*_LOADS, *_STORES))
_IN_ORDER = _any_of((*_LOADS, *_STORES, *_CONSTANTS))


class CodeNames(Struct, frozen=True, kw_only=True):
    """The global names of a module.

    `bound` are those that it binds, `bound_by_functions` those of them that functions and classes bind, `used`
    those that it uses anywhere, `early` those that its own code and its classes use before the place
    where the module binds them.  `spelled` has also the attributes.
    """

    bound: set[str] = field(default_factory=set[str])
    bound_by_functions: set[str] = field(default_factory=set[str])
    used: set[str] = field(default_factory=set[str])
    early: set[str] = field(default_factory=set[str])
    spelled: set[str] = field(default_factory=set[str])


def names_of_code(code: CodeType) -> CodeNames:
    """Return the global names of a module from its code."""
    found = CodeNames()
    _read_module(code, found)
    return found


def _read_module(code: CodeType, found: CodeNames) -> None:
    """Read the code of a module, and that of its functions and classes."""
    pending = [code]
    while pending:
        current = pending.pop()
        found.spelled.update(current.co_names)
        pending += (each for each in current.co_consts if isinstance(each, CodeType))
        if current is not code and current.co_flags & inspect.CO_OPTIMIZED:
            _read_function(current, found)
    _read_in_order(code, found, None)


def _read_function(code: CodeType, found: CodeNames) -> None:
    """Read the names that a function uses and binds; they are known when it is called."""
    operations, arguments, names = code.co_code[0::2], code.co_code[1::2], code.co_names
    for instruction in _OF_FUNCTIONS.finditer(operations):
        place = instruction.start()
        operation, name = operations[place], names[_argument(operations, arguments, place)]
        if operation == _STORE_GLOBAL:
            found.bound.add(name)
            found.bound_by_functions.add(name)
        elif operation in _LOADS:
            found.used.add(name)


def _read_in_order(code: CodeType, found: CodeNames, own: set[str] | None) -> None:
    """Read the code of a module or a class in the order of its instructions.

    `own` are the names that a class has bound so far, None for the module.
    """
    operations, arguments = code.co_code[0::2], code.co_code[1::2]
    for instruction in _IN_ORDER.finditer(operations):
        place = instruction.start()
        operation, argument = operations[place], _argument(operations, arguments, place)
        if operation in _CONSTANTS:
            constant = code.co_consts[argument]
            if isinstance(constant, CodeType) and not constant.co_flags & inspect.CO_OPTIMIZED:
                _read_in_order(constant, found, set())
            continue
        name = code.co_names[argument]
        if operation in _LOADS:
            if own is None or operation == _GLOBAL or name not in own:
                found.used.add(name)
                if name not in found.bound:
                    found.early.add(name)
        elif own is None:
            found.bound.add(name)
        elif operation == _STORE_GLOBAL:
            found.bound.add(name)
            found.bound_by_functions.add(name)
        else:
            own.add(name)


def _argument(operations: bytes, arguments: bytes, place: int) -> int:
    """Return the number of a name or a constant that the instruction at a place has."""
    number, shift, before = arguments[place], 8, place - 1
    while before >= 0 and operations[before] == _EXTENDED:
        number |= arguments[before] << shift
        shift += 8
        before -= 1
    return number >> 1 if operations[place] == _GLOBAL else number
