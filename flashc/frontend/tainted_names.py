"""Find the names of a module whose statements use given names, directly or through other names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator


def names_behind(text: str, starts: frozenset[str]) -> frozenset[str] | None:
    """Return the names at the top of a module whose statements use one of the names `starts`.

    The names that such a statement binds count as `starts` for the others.  The result contains
    `starts`.  It is None, which stands for all names, if the text can't be parsed or has a star import.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if "*" in starts:
        return None
    lines = text.splitlines(keepends=True)
    left = [
        ("".join(lines[_first_line(node) - 1 : node.end_lineno]), tuple(_bound(node)))
        for node in tree.body
        if not isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    known, new = set(starts), set(starts)
    while new:
        pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, sorted(new))) + r")\b")
        using = [statement for statement in left if pattern.search(statement[0])]
        left = [statement for statement in left if statement not in using]
        new = {name for _, names in using for name in names} - known
        known |= new
    return frozenset(known)


def _first_line(node: ast.stmt) -> int:
    """Return the first line of a statement, that of its first decorator if it has some."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement binds or changes, also those inside it."""
    for inside in ast.walk(node):
        match inside:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                yield name
            case ast.alias(name=name, asname=alias):
                yield alias or name.partition(".")[0]
            case ast.Name(ctx=ast.Store() | ast.Del(), id=name):
                yield name
            case (
                ast.Attribute(ctx=ast.Store() | ast.Del())
                | ast.Subscript(ctx=ast.Store() | ast.Del())
            ):
                yield from _root(inside)
            case ast.Expr(value=ast.Call(func=ast.Attribute() as method)):
                yield from _root(method)  # `table.append(endpoint)`
            case _:
                pass


def _root(node: ast.expr) -> Iterator[str]:
    """Yield the name at the beginning of `name.attribute[key]`."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id
