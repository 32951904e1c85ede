"""Define which arguments Python's builtin functions and methods take, so that wrong ones raise TypeError on every worker."""

from __future__ import annotations

import inspect

from flashc.evaluator.failures import PythonError
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import Argument, CallArguments
from flashc.evaluator.operations.apply import resolve_symbolic
from flashc.evaluator.values import Known, Unknown

# The parameters of each function as after `def`; `=` is after those that may be missing.
_PARAMETERS: dict[str, str] = {
    **dict.fromkeys(("len", "any", "all", "reversed", "callable"), "value, /"),
    **dict.fromkeys(("list", "tuple", "set", "frozenset"), "items=, /"),
    **dict.fromkeys(("dict", "dict.update"), "items=, /, **entries"),
    **dict.fromkeys(("min", "max"), "first, /, *more, key=, default="),
    **dict.fromkeys(("filter", "hasattr", "isinstance"), "first, second, /"),
    **dict.fromkeys(("iter", "next"), "items, last=, /"),
    **dict.fromkeys(("exit", "quit"), "code="),
    "sum": "items, /, start=",
    "sorted": "items, /, *, key=, reverse=",
    "list.sort": "*, key=, reverse=",
    "zip": "*items, strict=",
    "map": "function, items, /, *more, strict=",
    "enumerate": "iterable, start=",
    "globals": "",
    "getattr": "value, name, default=, /",
    "setattr": "value, name, new, /",
    "type": "value, bases=, names=, /, **options",
    "pow": "base, exp, mod=",
    "print": "*values, sep=, end=, file=, flush=",
    "bool": "value=, /",
    "open": "file, mode=, buffering=, encoding=, errors=, newline=, closefd=, opener=",
    "__import__": "name, globals=, locals=, fromlist=, level=",
}


def _signature(text: str) -> inspect.Signature:
    """Return the signature with the parameters that a text of the table names."""
    found: list[inspect.Parameter] = []
    named_only = False
    for part in text.split(", ") if text else ():
        name = part.strip("*=")
        if part == "/":
            found = [each.replace(kind=inspect.Parameter.POSITIONAL_ONLY) for each in found]
        elif part.startswith("**"):
            found.append(inspect.Parameter(name, inspect.Parameter.VAR_KEYWORD))
        elif part.startswith("*"):
            named_only = True
            if name:
                found.append(inspect.Parameter(name, inspect.Parameter.VAR_POSITIONAL))
        else:
            kinds = inspect.Parameter
            kind = kinds.KEYWORD_ONLY if named_only else kinds.POSITIONAL_OR_KEYWORD
            default = None if part.endswith("=") else inspect.Parameter.empty
            found.append(inspect.Parameter(name, kind, default=default))
    return inspect.Signature(found)


_SIGNATURES = {name: _signature(text) for name, text in _PARAMETERS.items()}


def check_arguments(name: str, arguments: CallArguments) -> None:
    """Check that a function takes these arguments; a function that is not in the table takes any.

    Raises:
        PythonError: a keyword is wrong, or there are too few or too many arguments (a TypeError).
    """
    signature = _SIGNATURES.get(name)
    if signature is None:
        return
    try:
        signature.bind(*arguments.values, **_taken_by_name(signature, arguments))
    except TypeError as error:
        raise PythonError(TypeError, f"{name}(): {error}", arguments.span) from error
    given = len(arguments.values)
    if name == "type" and (given == 2 or (given == 1 and arguments.keywords)):
        raise PythonError(TypeError, "type() takes 1 or 3 arguments", arguments.span)
    if name in ("min", "max") and given > 1 and "default" in arguments.keywords:
        text = f"Cannot specify a default for {name}() with multiple positional arguments"
        raise PythonError(TypeError, text, arguments.span)


def _taken_by_name(signature: inspect.Signature, arguments: CallArguments) -> dict[str, Argument]:
    """Return the keywords of a call that may name a parameter.

    `**entries` takes a keyword that has the name of a positional-only parameter, as `items` in
    `dict(items=1)`.  `Signature.bind` refuses this keyword before Python 3.13.
    """
    kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
    if inspect.Parameter.VAR_KEYWORD not in kinds.values():
        return arguments.keywords
    return {
        name: argument
        for name, argument in arguments.keywords.items()
        if kinds.get(name) is not inspect.Parameter.POSITIONAL_ONLY
    }


# How many arguments some methods take; Python checks those of the others when it executes them.
COUNTS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("copy", "clear", "reverse", "keys", "values", "items", "popitem"), (0, 0)),
    **dict.fromkeys(("get", "setdefault"), (1, 2)),
}


def check_positional(name: str, arguments: CallArguments, count: tuple[int, int] | None) -> None:
    """Check that a method that takes no keywords gets none, and between `count` arguments.

    Raises:
        PythonError: the arguments are wrong (a TypeError).
    """
    if arguments.keywords:
        raise PythonError(TypeError, f"{name}() takes no keyword arguments", arguments.span)
    if count is not None and not count[0] <= len(arguments.values) <= count[1]:
        raise PythonError(TypeError, f"{name}() takes another number of arguments", arguments.span)


# What only some Pythons of workers take -----------------------------------------------------------------

# The keywords of exception classes; the other classes take none.
_OF_EXCEPTIONS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("ImportError", "ModuleNotFoundError"), frozenset({"name", "path"})),
    "AttributeError": frozenset({"name", "obj"}),
    **dict.fromkeys(("NameError", "UnboundLocalError"), frozenset({"name"})),
}
# Keywords that the oldest Python of workers refuses and the newest takes.
_NEWER: dict[str, frozenset[str]] = {
    **dict.fromkeys(("ImportError", "ModuleNotFoundError"), frozenset({"name_from"})),  # 3.12
    "str.replace": frozenset({"count"}),  # 3.13
}
# Parameters by their name and position, and the only values that all Pythons take or take alike.
_ALIKE: dict[str, tuple[str, int, type]] = {
    **dict.fromkeys(("str.splitlines", "bytes.splitlines"), ("keepends", 0, int)),
    "base64.b64decode": ("validate", 2, int),
    "string.capwords": ("s", 0, str),
    "shlex.split": ("s", 0, str),  # until 3.11, None stands for the standard input
}


def differing(machine: Machine, name: str, arguments: CallArguments) -> Unknown | None:
    """Return why it depends on the Python of a worker what a function does with these arguments.

    The result is None if all Pythons do the same.
    """
    newer = sorted(_NEWER.get(name, frozenset()) & arguments.keywords.keys())
    if newer:
        machine.may_raise()
        reason = f"not every Python takes the argument `{newer[0]}` of `{name}`"
        return Unknown(reason=reason, origin=arguments.keywords[newer[0]].span)
    if name not in _ALIKE:
        return None
    parameter, position, kind = _ALIKE[name]
    given = dict(enumerate(arguments.positional)).get(position)
    given = given or arguments.keywords.get(parameter)
    value = None if given is None else resolve_symbolic(machine, given.value)
    if not isinstance(value, Known) or isinstance(value.value, kind):
        return None
    machine.may_raise()
    reason = f"not every Python takes this value of `{parameter}`"
    return Unknown(reason=reason, origin=value.origin)


def check_exception(name: str, arguments: CallArguments) -> None:
    """Check that a builtin exception class takes the keywords of a call.

    Raises:
        PythonError: it does not take them in any Python of workers (a TypeError).
    """
    taken = _OF_EXCEPTIONS.get(name, frozenset()) | _NEWER.get(name, frozenset())
    for keyword in arguments.keywords.keys() - taken:
        text = f"'{keyword}' is an invalid keyword argument for {name}()"
        raise PythonError(TypeError, text, arguments.span)
