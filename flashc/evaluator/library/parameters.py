"""Define which arguments Python's builtin functions and methods of containers take, so that wrong ones raise TypeError."""

from __future__ import annotations

import inspect

from flashc.evaluator.failures import PythonError
from flashc.evaluator.objects import Argument, CallArguments

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
