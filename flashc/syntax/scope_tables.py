"""Read from the tables of Python's compiler which global names each scope of a module uses."""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterator

_MODULE_NAMES = frozenset(
    "__name__ __file__ __doc__ __spec__ __loader__ __package__ __builtins__ __cached__ __path__ "
    "__annotations__ __dict__ __module__ __qualname__ __class__ __debug__ __build_class__ "
    "__import__ __conditional_annotations__ __classdict__ __firstlineno__ __static_attributes__".split()
)
# Builtins of other Pythons, and what `site` and `gettext` (`_`) add.
_BUILTINS = frozenset(dir(builtins)) | frozenset(
    "ExceptionGroup BaseExceptionGroup EncodingWarning PythonFinalizationError frozendict aiter anext "
    "WindowsError exit quit copyright credits license help _".split()
)
KNOWN = _BUILTINS | _MODULE_NAMES
"""The names that a module may use without binding them."""
COMPREHENSIONS = {
    ast.ListComp: "listcomp",
    ast.SetComp: "setcomp",
    ast.DictComp: "dictcomp",
    ast.GeneratorExp: "genexpr",
}
"""The names of the scopes of comprehensions."""
ScopeKey = tuple[str, int]
"""The name of a scope, and its first line."""


def used_globals(table: symtable.SymbolTable) -> dict[ScopeKey, frozenset[str]]:
    """Return the names in each scope that are global and no builtins.

    For functions that look the same, these are the names that they share.
    """
    found: dict[ScopeKey, frozenset[str]] = {}
    for scope in _tables(table):
        is_module = scope.get_type() == "module"
        names = frozenset(
            symbol.get_name()
            for symbol in scope.get_symbols()
            if _is_global(symbol, scope) and symbol.get_name() not in KNOWN
        )
        key = ("" if is_module else scope.get_name(), 0 if is_module else scope.get_lineno())
        if key not in found:
            found[key] = names
        elif key[0] in COMPREHENSIONS.values():  # their own names are known by the tree
            found[key] |= names
        else:
            found[key] &= names
    return found


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    """Yield a table and all tables inside it."""
    pending = [table]
    while pending:
        current = pending.pop()
        yield current
        pending += current.get_children()


def _is_global(symbol: symtable.Symbol, scope: symtable.SymbolTable) -> bool:
    """Return whether a name of a scope may be one of the module; in a class, it is until the class binds it.

    In a function whose name is `top`, `is_global` is true for local names too, as in a module; therefore
    names for which `is_local` is true do not count.
    """
    match scope.get_type():
        case "module":
            return symbol.is_global()
        case "class":
            return symbol.is_global() or symbol.is_local()
        case _:
            return symbol.is_global() and not symbol.is_local()
