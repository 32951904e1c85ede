"""Hold one file of a project: its bytes, text, lines and syntax tree, each computed once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from flashc.syntax.problems import SyntaxProblem
from flashc_core.encoding import Undecodable, decode
from flashc_core.source import Lines, Span, column_of_byte

if TYPE_CHECKING:  # LibCST takes a while to import, and a cached check does not need it
    import ast

    from flashc.syntax.parse import Syntax


@dataclass(frozen=True, eq=False)
class SourceFile:
    """A file as it was when the project was opened.

    `path` is POSIX and relative to the project's root.  `module` is the dotted name under which
    Python imports the file, "" if no import reaches it.  Text, line table and syntax tree are
    computed when they are first needed, and kept here, so that each file is parsed once.  They do
    not go to another process, which would get a copy of the tree whose nodes have other `id`s.
    """

    path: str
    module: str
    data: bytes

    def __reduce__(self) -> tuple[type[SourceFile], tuple[str, str, bytes]]:
        """Pickle what the file is made of, and nothing that was computed from it."""
        return SourceFile, (self.path, self.module, self.data)

    @property
    def is_package(self) -> bool:
        """Whether the file is the `__init__.py` of a package."""
        return self.path.endswith("__init__.py")

    def mentions(self, words: Iterable[bytes]) -> bool:
        """Return whether one of these byte strings occurs in the file."""
        return any(word in self.data for word in words)

    @property
    def text(self) -> str:
        """The decoded text.

        Raises:
            Undecodable: the bytes are not text in the encoding that the file declares.
        """
        return self._decoded[0]

    @property
    def encoding(self) -> str:
        """The name of the codec that the file declares; UTF-8 if it declares none.

        Raises:
            Undecodable: the bytes are not text in the declared encoding.
        """
        return self._decoded[1]

    @cached_property
    def lines(self) -> Lines:
        """The line table.

        If the file can't be decoded, it is the table of a text with replacement characters.
        """
        try:
            return Lines(self.text)
        except Undecodable:
            return Lines(self.data.decode("utf-8", "replace"))

    @property
    def syntax(self) -> Syntax:
        """The syntax tree that LibCST makes.

        Raises:
            Undecodable: the bytes are not text in the declared encoding.
            SyntaxProblem: the text is not valid Python, or nested too deeply.
        """
        syntax, problem = self._parsed
        if problem is not None:
            raise problem.with_traceback(None)
        assert syntax is not None
        return syntax

    def parse_with_host(self) -> ast.Module:
        """Return the tree of the running Python's own parser, `ast`.

        It is fast, so the tree is not kept.

        Raises:
            Undecodable: the bytes are not text in the declared encoding.
            SyntaxError, ValueError, RecursionError, MemoryError: the running Python can't parse the
                text.
        """
        from flashc_core.python_texts import parse_module  # importing `ast` takes long

        return parse_module(self.text)

    def span(self, start: ast.stmt | ast.expr, end: ast.stmt | ast.expr) -> Span:
        """Return the span from one node of `ast` to the end of another."""
        last = end.end_lineno or end.lineno
        return Span(
            self.path,
            start.lineno,
            column_of_byte(self.lines.line(start.lineno), start.col_offset),
            last,
            column_of_byte(self.lines.line(last), end.end_col_offset or end.col_offset),
        )

    @cached_property
    def _decoded(self) -> tuple[str, str]:
        """The text and its encoding."""
        return decode(self.data)

    @cached_property
    def _parsed(self) -> tuple[Syntax | None, SyntaxProblem | None]:
        """The syntax tree, or the problem that prevents it."""
        from flashc.syntax.parse import parse

        try:
            return parse(self.path, self.module, self.is_package, self.text), None
        except SyntaxProblem as problem:
            return None, problem
