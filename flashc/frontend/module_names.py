"""List the statements of a module with the names that they bind and use, from its `ast` tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from unicodedata import normalize

from msgspec import Struct, structs

from flashc_core.ast_nodes import children
from flashc_core.python_texts import parse_module

from .function_results import changes_of, uses_of_bodies, uses_of_results
from .used_names import FunctionNode, NamesByUse, Reader, merged

_WORD = re.compile(r"\w+")
_LINE_END = re.compile(r"\r\n|\r|\n")


class Statement(Struct, frozen=True, kw_only=True):
    """A statement at the top of a module, or the head of a compound one.

    `binds` are the names that it binds, `changes` the variables that it alters.  `now` is what it uses
    while the module is imported, `later` what its functions use, and `results` the part of this that
    their results may come from.  `is_class` marks a class.  `deferred` marks a
    statement that a function executes, or only the module as a script.
    """

    binds: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    now: NamesByUse = NamesByUse()
    later: NamesByUse = NamesByUse()
    results: NamesByUse = NamesByUse()
    is_class: bool = False
    deferred: bool = False


class _Function:
    """What a function at the top of a module, or in a class there, uses and changes."""

    def __init__(self, node: FunctionNode, words: set[str]) -> None:
        self.node = node
        self.words = words

    @cached_property
    def uses(self) -> tuple[NamesByUse, NamesByUse]:
        """What the function uses, and what its results may come from."""
        return uses_of_bodies([self.node], ()), uses_of_results([self.node])

    @cached_property
    def changes(self) -> list[Statement]:
        """A statement for each change that the function may make."""
        return [
            Statement(changes=tuple(names), now=uses, deferred=True)
            for names, uses in changes_of(self.node)
        ]


class _Part:
    """The nodes of a statement, or of the head of a compound one; `deferred` is as in `Statement`."""

    def __init__(self, nodes: Sequence[ast.AST], lines: _Lines, *, deferred: bool) -> None:
        self.words = lines.words(nodes)
        self._nodes = nodes
        self._lines = lines
        self._deferred = deferred

    @cached_property
    def _read(self) -> tuple[Statement, list[_Function]]:
        """The statement without what its functions use, and the functions."""
        reader = Reader()
        reader.read(self._nodes)
        statement = Statement(
            binds=tuple(reader.binds),
            changes=tuple(reader.changes),
            now=reader.uses(),
            later=uses_of_bodies((), reader.annotations),
            is_class=any(isinstance(node, ast.ClassDef) for node in self._nodes),
            deferred=self._deferred,
        )
        return statement, [_Function(node, self._lines.words([node])) for node in reader.functions]

    def statements(self, words: Collection[str]) -> Iterator[Statement]:
        """Yield one statement for the nodes, and one for each change that its functions may make.

        Functions in which none of `words` occurs are left out.
        """
        statement, functions = self._read
        functions = [each for each in functions if not each.words.isdisjoint(words)]
        later = [statement.later, *(each.uses[0] for each in functions)]
        results = [each.uses[1] for each in functions]
        yield structs.replace(statement, later=merged(later), results=merged(results))
        for function in functions:
            yield from function.changes


class ModuleStatements:
    """The statements of a module, without its imports.  They are read when their names matter.

    `is_valid` says whether the text could be parsed.
    """

    def __init__(self, text: str) -> None:
        self._parts: list[_Part] = []
        self.is_valid = True
        try:
            lines = _Lines(text)
            self._parts = [
                _Part(nodes, lines, deferred=deferred)
                for nodes, deferred in _divide(parse_module(text).body, deferred=False)
            ]
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            self.is_valid = False

    def using(self, words: Collection[str]) -> Iterator[Statement]:
        """Yield the statements, or parts of them, in whose text one of some words occurs.

        Raises:
            RecursionError: the code is nested too deeply.
        """
        for part in self._parts:
            if not part.words.isdisjoint(words):
                yield from part.statements(words)


class _Lines:
    """The lines of a text, as Python counts them."""

    def __init__(self, text: str) -> None:
        lines = _LINE_END.split(text)
        self._lines = lines if text.isascii() else [normalize("NFKC", line) for line in lines]

    def words(self, nodes: Sequence[ast.AST]) -> set[str]:
        """Return the words in the lines of some nodes, spelled as Python spells names."""
        placed = [each for node in nodes for each in _placed(node)]
        first = min((node.lineno for node in placed), default=1)
        last = max((node.end_lineno or node.lineno for node in placed), default=len(self._lines))
        return set(_WORD.findall("\n".join(self._lines[first - 1 : last])))


def _placed(node: ast.AST) -> Iterator[ast.stmt | ast.expr | ast.pattern]:
    """Yield a node and its decorators; if it has no place in the text itself, the nodes in it."""
    if isinstance(node, (ast.stmt, ast.expr, ast.pattern)):
        yield node
        yield from getattr(node, "decorator_list", ())
    else:
        for child in children(node):
            yield from _placed(child)


def _divide(
    body: Iterable[ast.stmt], *, deferred: bool
) -> Iterator[tuple[Sequence[ast.AST], bool]]:
    """Yield the nodes of each statement of a block, and of inner blocks, and whether it is deferred."""
    for node in body:
        match node:
            case ast.Import() | ast.ImportFrom():
                continue
            case ast.If(test=test):
                yield [test], deferred
                inside = deferred or _is_script_guard(test)
                yield from _divide(node.body, deferred=inside)
                yield from _divide(node.orelse, deferred=deferred)
            case ast.While(test=head) | ast.For(iter=head) | ast.AsyncFor(iter=head):
                target = [] if isinstance(node, ast.While) else [node.target]
                yield [*target, head], deferred
                yield from _divide([*node.body, *node.orelse], deferred=deferred)
            case ast.With(items=items) | ast.AsyncWith(items=items):
                yield items, deferred
                yield from _divide(node.body, deferred=deferred)
            case ast.Try() | ast.TryStar():
                types = [handler.type for handler in node.handlers if handler.type is not None]
                yield types, deferred
                bodies = (node.body, *(h.body for h in node.handlers), node.orelse, node.finalbody)
                for block in bodies:
                    yield from _divide(block, deferred=deferred)
            case ast.Match(subject=subject, cases=cases):
                heads = [part for case in cases for part in (case.pattern, case.guard) if part]
                yield [subject, *heads], deferred
                for case in cases:
                    yield from _divide(case.body, deferred=deferred)
            case _:
                yield [node], deferred


def _is_script_guard(test: ast.expr) -> bool:
    """Return whether an `if` asks for `__name__`, as `if __name__ == "__main__":` does."""
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test))
