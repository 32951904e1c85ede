"""Evaluate functions of the standard library whose results depend on nothing but their arguments."""

from __future__ import annotations

import ast
import base64
import binascii
import json
import math
import operator
import posixpath
import shlex
import string
import textwrap
import urllib.parse
import zlib
from collections.abc import Callable
from typing import Any

from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import Argument, CallArguments
from flashc.evaluator.operations.apply import apply, grows, resolve_symbolic, too_large
from flashc.evaluator.operations.iteration import argument_for_python
from flashc.evaluator.values import Known, Unknown, Value
from flashc_core.documents import load_toml

from .parameters import differing

_MODULES: dict[str, tuple[Callable[..., Any], ...]] = {
    "json": (json.loads, json.dumps),
    "base64": (
        *(base64.b64encode, base64.b64decode, base64.b16encode, base64.b32encode),
        *(base64.urlsafe_b64encode, base64.urlsafe_b64decode),
    ),
    "binascii": (binascii.hexlify, binascii.unhexlify),
    "zlib": (zlib.crc32, zlib.adler32),
    "shlex": (shlex.split, shlex.quote, shlex.join),
    "string": (string.capwords,),
    "textwrap": (textwrap.dedent, textwrap.indent),
    "urllib.parse": (
        *(urllib.parse.quote, urllib.parse.quote_plus, urllib.parse.unquote),
        *(urllib.parse.unquote_plus, urllib.parse.urlencode, urllib.parse.urljoin),
    ),
    "ast": (ast.literal_eval,),
    "operator": (operator.add, operator.sub, operator.mul, operator.or_, operator.and_),
    "math": (
        *(math.ceil, math.floor, math.sqrt, math.log, math.log2, math.log10, math.fabs),
        *(math.gcd, math.lcm, math.trunc, math.isclose, math.prod, math.fsum, math.isqrt),
    ),
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{f"{module}.{f.__name__}": f for module, found in _MODULES.items() for f in found},
    **dict.fromkeys(("tomllib.loads", "tomli.loads"), load_toml),
    "operator.or_": operator.or_,
    "operator.and_": operator.and_,
    "os.path.splitext": posixpath.splitext,
}
_KEYWORDS: dict[str, frozenset[str]] = {
    "json.dumps": frozenset({"sort_keys", "separators", "ensure_ascii", "indent"}),
    "textwrap.indent": frozenset({"prefix"}),
    "urllib.parse.quote": frozenset({"safe"}),
    "urllib.parse.quote_plus": frozenset({"safe"}),
    "urllib.parse.urlencode": frozenset({"doseq"}),
    "math.isclose": frozenset({"rel_tol", "abs_tol"}),
    "math.prod": frozenset({"start"}),
    "shlex.split": frozenset({"comments", "posix"}),
}


# The functions that also take an iterator.
_OF_ITERABLES = frozenset({"math.prod", "math.fsum", "shlex.join"})


def has_no_side_effects(name: str) -> bool:
    """Return whether a function of the standard library only computes a result."""
    return name in _FUNCTIONS or name.startswith("os.path.")


def can_evaluate(name: str, arguments: CallArguments) -> bool:
    """Return whether the function is supported, and each keyword argument of the call too."""
    return name in _FUNCTIONS and arguments.keywords.keys() <= _KEYWORDS.get(name, frozenset())


def call(machine: Machine, name: str, arguments: CallArguments) -> Value:
    """Return what Python computes for constant arguments."""
    doubt = differing(machine, name, arguments)
    if doubt is not None:
        return doubt
    named = arguments.keywords
    given = [*arguments.values, *(argument.value for argument in named.values())]
    prepare = argument_for_python if name in _OF_ITERABLES else resolve_symbolic
    values = [prepare(machine, value) for value in given]
    if grows(*values) or _is_indented_far(named.get("indent")):
        return too_large(arguments.span)
    count = len(arguments.values)

    def run(*flat: Any) -> object:
        return _FUNCTIONS[name](*flat[:count], **dict(zip(named, flat[count:], strict=True)))

    try:
        return apply(machine, run, arguments.span, *values)
    except (SyntaxError, RecursionError):  # from `ast.literal_eval`, or for deeply nested documents
        machine.may_raise()
        return Unknown(reason=f"`{name}` can't parse the text", origin=arguments.span)


def _is_indented_far(argument: Argument | None) -> bool:
    """Return whether the option `indent` would make a huge text."""
    indent = argument.value.value if argument and isinstance(argument.value, Known) else None
    return (
        isinstance(indent, (int, str)) and (indent if isinstance(indent, int) else len(indent)) > 16
    )
