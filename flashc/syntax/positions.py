"""Compute the offsets in the text at which each node of a LibCST tree begins and ends.

LibCST's own `PositionProvider` computes the same positions, but it creates three objects for each
node, and it walks the tree a second time for other providers that flashc does not need.
"""

from __future__ import annotations

from types import TracebackType

import libcst as cst
from libcst.metadata.position_provider import PositionProvidingCodegenState

Extent = tuple[int, int]
"""The offset of the first character, and the offset after the last character."""


class _Recorder(PositionProvidingCodegenState):
    """Generates a module's text and records the offsets at which each node begins and ends.

    If a node reports a position for its own syntax, that position is used instead of the whole
    extent, as in LibCST.
    """

    def __init__(self, module: cst.Module) -> None:
        super().__init__(module.default_indent, module.default_newline, self)  # type: ignore[arg-type]
        self.extents: dict[int, Extent] = {}
        self.offset = 0
        self._begun: list[int] = []

    def add_indent_tokens(self) -> None:
        """Count the characters of the indentation."""
        self.offset += sum(map(len, self.indent_tokens))

    def add_token(self, value: str) -> None:
        """Count the characters of a token."""
        self.offset += len(value)

    def before_codegen(self, node: cst.CSTNode) -> None:
        """Record the offset at which a node begins."""
        self._begun.append(self.offset)

    def after_codegen(self, node: cst.CSTNode) -> None:
        """Record the offset at which a node ends."""
        self.extents.setdefault(id(node), (self._begun.pop(), self.offset))

    def record_syntactic_position(  # type: ignore[override]
        self,
        node: cst.CSTNode,
        *,
        start_node: cst.CSTNode | None = None,
        end_node: cst.CSTNode | None = None,
    ) -> _Recording:
        """Return the context in which a node writes its own syntax."""
        return _Recording(self, node, start_node, end_node)


class _Recording:
    """The context in which a node writes its own syntax.

    This is a class, because a generator would be three times slower.
    """

    __slots__ = ("_begin", "_end_node", "_node", "_recorder", "_start_node")

    def __init__(
        self,
        recorder: _Recorder,
        node: cst.CSTNode,
        start_node: cst.CSTNode | None,
        end_node: cst.CSTNode | None,
    ) -> None:
        self._recorder = recorder
        self._node = node
        self._start_node = start_node
        self._end_node = end_node
        self._begin = recorder.offset

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            return
        extents = self._recorder.extents
        begin, end = self._begin, self._recorder.offset
        if self._start_node is not None:
            begin = extents[id(self._start_node)][0]
        if self._end_node is not None:
            end = extents[id(self._end_node)][1]
        extents[id(self._node)] = (begin, end)


def extents(module: cst.Module) -> dict[int, Extent]:
    """Return the extent of every node of `module`; parentheses around expressions are left out.

    The keys are the nodes' `id`s, because LibCST computes the hash of a node in Python code, which
    is slow.
    """
    recorder = _Recorder(module)
    module._codegen(recorder)  # pyright: ignore[reportPrivateUsage]  # LibCST's providers call it too
    return recorder.extents
