"""Hold one file of a project: its bytes, text, lines and syntax tree, each computed once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from flashc.syntax.problems import SyntaxProblem
from flashc_core.encoding import Undecodable, decode
from flashc_core.source import Lines

if TYPE_CHECKING:  # LibCST takes a while to import, and a cached check needs none of it
    import ast

    from flashc.syntax.parse import Syntax


@dataclass(frozen=True, eq=False)
class SourceFile:
    """A file as it was when the project was opened.

    `path` is POSIX and relative to the project's root.  `module` is the dotted name under which Python
    imports the file, "" for a file that no import reaches.  Text, line table and syntax tree are computed
    when they are first wanted and kept here; nothing else in flashc keeps a parsed module.
    """

    path: str
    module: str
    data: bytes

    @property
    def is_package(self) -> bool:
        """Return whether the file is the `__init__.py` of a package."""
        return self.path.endswith("__init__.py")

    def mentions(self, words: Iterable[bytes]) -> bool:
        """Return whether one of these byte strings occurs anywhere in the file."""
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
        """The name of the codec that the file declares, UTF-8 without a declaration.

        Raises:
            Undecodable: as `text`.
        """
        return self._decoded[1]

    @cached_property
    def lines(self) -> Lines:
        """The line table, of the replacement text where the file can't be decoded."""
        try:
            return Lines(self.text)
        except Undecodable:
            return Lines(self.data.decode("utf-8", "replace"))

    @property
    def syntax(self) -> Syntax:
        """The syntax tree by LibCST.

        Raises:
            Undecodable: as `text`.
            SyntaxProblem: the text is not Python, or nested too deeply.
        """
        syntax, problem = self._parsed
        if problem is not None:
            raise problem.with_traceback(None)
        assert syntax is not None
        return syntax

    def parse_with_host(self) -> ast.Module:
        """Return the tree of the running Python's own parser, which is fast and is not kept.

        Raises:
            Undecodable: as `text`.
            SyntaxError, ValueError, RecursionError, MemoryError: the running Python can't parse the text.
        """
        import ast

        return ast.parse(self.text)

    @cached_property
    def _decoded(self) -> tuple[str, str]:
        return decode(self.data)

    @cached_property
    def _parsed(self) -> tuple[Syntax | None, SyntaxProblem | None]:
        from flashc.syntax.parse import parse

        try:
            return parse(self.path, self.module, self.is_package, self.text), None
        except SyntaxProblem as problem:
            return None, problem
