r"""Parse and compile Python texts of others without Python's warnings about them.

Python warns of `"\d"` or `1or 2` while it parses.  In a process whose filters turn warnings into errors,
such as a test run with `-W error`, these texts would not be parsed at all.
"""

from __future__ import annotations

import ast
import symtable
import warnings
from types import CodeType


def parse_module(
    text: str | bytes, *, feature_version: tuple[int, int] | None = None
) -> ast.Module:
    """Return the tree of a module, as `ast.parse` does.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: Python can't parse the text.
    """
    with warnings.catch_warnings(action="ignore"):
        return ast.parse(text, feature_version=feature_version)


def parse_expression(text: str) -> ast.expr:
    """Return the tree of an expression.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: Python can't parse the text.
    """
    with warnings.catch_warnings(action="ignore"):
        return ast.parse(text, mode="eval").body


def evaluate_literal(text: str) -> object:
    """Return the value of a literal, as `ast.literal_eval` does.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: Python can't parse the text, or it is no
            literal.
        TypeError: the literal has a part that no set or dictionary can contain.
    """
    with warnings.catch_warnings(action="ignore"):
        return ast.literal_eval(text)


def symbol_table(text: str, filename: str) -> symtable.SymbolTable:
    """Return the table of the names of a module, as `symtable.symtable` does.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: Python can't compile the text.
    """
    with warnings.catch_warnings(action="ignore"):
        return symtable.symtable(text, filename, "exec")


def compile_module(text: str, filename: str) -> CodeType:
    """Return the code of a module, as `compile` does.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: Python can't compile the text.
    """
    with warnings.catch_warnings(action="ignore"):
        code: CodeType = compile(text, filename, "exec", dont_inherit=True)
    return code
