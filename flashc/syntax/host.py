r"""Ask the compiler of the running Python whether it accepts a text.

LibCST accepts texts that no Python imports: `break` outside a loop, two parameters of one name,
`"\N{no such name}"`.  The compiler of any Python finds these mistakes, but an older one also refuses
the syntax of newer ones.
"""

from __future__ import annotations

import re
from types import CodeType

from msgspec import Struct

from flashc_core.python_texts import compile_module, parse_module

from .problems import NestedTooDeeply, SyntaxProblem

MAX_BRACKETS = 200  # Python's own limit
# Mistakes in literals, which the parser reports; their rules are the same in every Python.
_IN_LITERALS = (
    "(unicode error)",
    "(value error)",
    "bytes can only contain ASCII",
    "Exceeds the limit",
)


# What may be syntax of a newer Python: `type X = ...`, parameters of types and their defaults, `except*`.
_NEWER = re.compile(
    r"^\s*type\s+\w+\s*[=\[]|^\s*(?:async\s+)?(?:def|class)\s+\w+\s*\[|^\s*except\s*\*",
    re.MULTILINE,
)


def may_be_newer(text: str) -> bool:
    """Return whether a text may have syntax that some Pythons of workers do not know."""
    return _NEWER.search(text) is not None


class Refusal(Struct, frozen=True):
    """Why the running Python refuses a text; `is_certain` says that the Python of workers does so too."""

    problem: SyntaxProblem
    is_certain: bool


def compile_text(text: str) -> CodeType | Refusal | None:
    """Compile the text of a module; return why the running Python refuses it if it does.

    The result is None if only the compiler's own limits prevent it.  The messages name the mistake,
    while those of LibCST only list the expected tokens.
    """
    null = text.find("\0")
    if null >= 0:
        line = text.count("\n", 0, null) + 1
        column = null - text.rfind("\n", 0, null)
        return Refusal(SyntaxProblem("the text contains a null character", line, column), True)
    try:
        code = compile_module(text, "<module>")
    except SyntaxError as error:
        if _bracket_depth(text) > MAX_BRACKETS:
            return Refusal(NestedTooDeeply(error.lineno or 1), is_certain=False)
        problem = SyntaxProblem(error.msg, error.lineno or 1, max(error.offset or 1, 1))
        return Refusal(problem, error.msg.startswith(_IN_LITERALS) or _is_parsed(text))
    except (RecursionError, MemoryError):  # perhaps only the compiler's own limit, which varies
        return None if _is_parsed(text) else Refusal(NestedTooDeeply(), is_certain=False)
    except ValueError as error:
        return Refusal(SyntaxProblem(str(error), 1, 1), is_certain=False)
    return code


def _is_parsed(text: str) -> bool:
    """Return whether the parser accepts a text; then only the compiler, which follows it, refuses it."""
    try:
        parse_module(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _bracket_depth(text: str) -> int:
    """Return how deeply brackets are nested, including brackets in strings and comments."""
    depth = deepest = 0
    for bracket in re.findall(r"[()\[\]{}]", text):
        depth = depth + 1 if bracket in "([{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest
