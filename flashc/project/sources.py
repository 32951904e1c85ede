"""The modules of a project -> their texts and syntax, each read once and only when asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from flashc.syntax.parse import Syntax, SyntaxProblem, parse
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import Span, WholeFile

from .discover import Tree
from .texts import read_text

MAX_WORKER_TEXT = 2_000_000  # characters that LibCST reads in seconds


@dataclass(eq=False)
class Sources:
    """What can't be read is reported, once, by whoever needs it."""

    tree: Tree
    sink: Sink
    _syntaxes: dict[str, Syntax | None] = field(default_factory=dict[str, "Syntax | None"])

    @property
    def asked(self) -> list[str]:
        """The modules whose syntax somebody wanted."""
        return list(self._syntaxes)

    def syntax(self, name: str) -> Syntax | None:
        """A module parsed by LibCST; None, and a diagnostic, where it is no Python."""
        if name not in self.tree.modules:
            return None
        if name not in self._syntaxes:
            self._syntaxes[name] = self._parse(name)
        return self._syntaxes[name]

    def _parse(self, name: str) -> Syntax | None:
        path = self.tree.modules[name]
        text = read_text(self.tree, path, self.sink)
        if text is None:
            return None
        if len(text) > MAX_WORKER_TEXT:
            self.sink.report(
                rules.MODULE_TOO_LARGE,
                WholeFile(path),
                f"`{path}` has {len(text):,} characters; flashc analyses modules of at most "
                f"{MAX_WORKER_TEXT:,}",
                help=("move the data into a file of its own and read it at run time",),
            )
            return None
        try:
            return parse(path, name, path.endswith("__init__.py"), text)
        except SyntaxProblem as problem:
            self.sink.report(
                rules.SYNTAX_ERROR,
                Span(path, problem.line, problem.column, problem.line, problem.column + 1),
                str(problem),
                help=("a worker can't import this module",),
            )
            return None
