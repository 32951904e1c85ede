"""Check that a stub module of an artifact contains only what flashc writes into stubs."""

from __future__ import annotations

import ast

from flashc_backends.files.runtime_files import PACKAGE
from flashc_core.python_texts import parse_module

FOLDER = f"{PACKAGE}/stubs"
_TABLES = ("NAMES", "DEFAULTS")
_DECORATORS = frozenset({"endpoint_class", "endpoint_function", "endpoint_route"})


def stub_problem(text: str) -> str | None:
    """Return why a module is no stub of flashc; None if it is one.

    A stub has two imports, tables of literals, and functions and classes that do nothing.  A package
    of stubs may be empty.
    """
    try:
        body = parse_module(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"it can't be parsed: {error or type(error).__name__}"
    names: frozenset[str] = frozenset()
    for statement in body:
        match statement:
            case ast.ImportFrom(module="__future__", names=[ast.alias(name="annotations")]):
                continue
            case ast.ImportFrom(module=module, names=imported, level=0) if (
                module == f"{PACKAGE}.dispatch" and {n.name for n in imported} <= _DECORATORS
            ):
                names = frozenset(each.asname or each.name for each in imported)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in _TABLES:
                if not _is_literal(value):
                    return f"the value of `{name}` is not a literal"
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                if not _is_decorated(statement, names) or not _does_nothing(statement):
                    return f"`{statement.name}` is not the stub of a function or class"
            case _:
                return f"its line {statement.lineno} is not part of a stub"
    return None


def _is_decorated(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, names: frozenset[str]
) -> bool:
    """Return whether a definition has one decorator of the runtime with texts as arguments."""
    match node.decorator_list:
        case [ast.Call(func=ast.Name(id=name), args=arguments, keywords=[])] if name in names:
            return all(
                isinstance(each, ast.Constant) and isinstance(each.value, str) for each in arguments
            )
        case _:
            return False


def _does_nothing(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Return whether a definition contains no code but literals: defaults are literals or `...`."""
    if isinstance(node, ast.ClassDef):
        if node.bases or node.keywords:
            return False
    elif not all(
        default is None or _is_literal(default)
        for default in (*node.args.defaults, *node.args.kw_defaults)
    ):
        return False
    for statement in node.body:
        match statement:
            case ast.Expr(value=ast.Constant() | ast.Yield(value=None)):
                continue
            case ast.FunctionDef() | ast.AsyncFunctionDef() if isinstance(node, ast.ClassDef):
                if statement.decorator_list or not _does_nothing(statement):
                    return False
            case _:
                return False
    return True


def _is_literal(node: ast.expr) -> bool:
    """Return whether an expression is a literal, or `...`."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError):
        return False
    return True
