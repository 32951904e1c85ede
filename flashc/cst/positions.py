"""A LibCST module -> where each of its nodes stands, as lines and columns.

LibCST's own `PositionProvider` finds the same places, but makes three objects for each node of a module and
walks the tree another time for providers that nobody asked for.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager

import libcst as cst
from libcst.metadata.position_provider import PositionProvidingCodegenState

Extent = tuple[int, int, int, int]
"""Line and column (both from 1) of the first character, and of the one after the last."""

_NEWLINE = re.compile(r"\r\n?|\n")


class _Recorder(PositionProvidingCodegenState):
    """Writes a module's text, and notes the place at which each node began and ended.

    As in LibCST, what a node says of its own syntax wins over its whole extent.
    """

    def __init__(self, module: cst.Module) -> None:
        super().__init__(module.default_indent, module.default_newline, self)  # type: ignore[arg-type]
        self.extents: dict[cst.CSTNode, Extent] = {}
        self._line = 1
        self._column = 1
        self._begun: list[tuple[int, int]] = []

    def add_indent_tokens(self) -> None:
        for token in self.indent_tokens:
            self._column += len(token)

    def add_token(self, value: str) -> None:
        if "\n" in value or "\r" in value:
            *ended, last = _NEWLINE.split(value)
            self._line += len(ended)
            self._column = len(last) + 1
        else:
            self._column += len(value)

    def before_codegen(self, node: cst.CSTNode) -> None:
        self._begun.append((self._line, self._column))

    def after_codegen(self, node: cst.CSTNode) -> None:
        begin = self._begun.pop()
        if node not in self.extents:
            self.extents[node] = (*begin, self._line, self._column)

    @contextmanager
    def record_syntactic_position(
        self,
        node: cst.CSTNode,
        *,
        start_node: cst.CSTNode | None = None,
        end_node: cst.CSTNode | None = None,
    ) -> Generator[None, None, None]:
        begin = (self._line, self._column)
        yield
        end = (self._line, self._column)
        if start_node is not None:
            begin = self.extents[start_node][:2]
        if end_node is not None:
            end = self.extents[end_node][2:]
        self.extents[node] = (*begin, *end)


def extents(module: cst.Module) -> dict[cst.CSTNode, Extent]:
    """Where every node stands; parentheses around an expression do not count (as in LibCST)."""
    recorder = _Recorder(module)
    module._codegen(recorder)  # pyright: ignore[reportPrivateUsage]  # as LibCST's providers do
    return recorder.extents
