"""Hold a program that the laws of the IR are checked for, with facts about it that several laws use."""

from __future__ import annotations

from collections.abc import Container, Iterable
from functools import cached_property

from msgspec import Struct

from flashc_core.source import Span

from .program import Callee, Program, callee_of
from .spans import spans_of


class Subject:
    """A program that is checked, with facts about it that several laws use.

    `fresh` are the parts whose spans were not checked before, except those in values with an `id` in
    `known`.
    """

    def __init__(
        self, program: Program, fresh: Iterable[Struct], known: Container[int] = ()
    ) -> None:
        self.program = program
        self.fresh = tuple(fresh)
        self._known = known

    @cached_property
    def spans(self) -> list[Span]:
        """The spans in the fresh parts."""
        return [span for node in self.fresh for span in spans_of(node, self._known)]

    @cached_property
    def file_paths(self) -> frozenset[str]:
        """The paths of the program's files."""
        return frozenset(file.path for file in self.program.files)

    @cached_property
    def module_names(self) -> frozenset[str]:
        """The names of the program's modules."""
        return frozenset(module.name for module in self.program.modules)

    @cached_property
    def callees(self) -> frozenset[Callee]:
        """The program's endpoints as callees of calls."""
        return frozenset(callee_of(endpoint) for endpoint in self.program.endpoints)
