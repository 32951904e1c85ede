"""Compute the offsets in the text at which each node of a LibCST tree begins and ends.

LibCST's own `PositionProvider` computes the same positions, but it creates three objects for each
node, and LibCST then computes, in a second walk, metadata that flashc does not need.
"""

from __future__ import annotations

from itertools import accumulate
from types import TracebackType

import libcst as cst
from libcst.metadata.position_provider import PositionProvidingCodegenState

Extent = tuple[int, int]
"""The offset of the first character, and the offset after the last character."""


class Recorder(PositionProvidingCodegenState):
    """Generates the tokens of a module, and records at which token each node begins and ends.

    `tokens` are those written so far.  `places` has, by the `id` of a node, how many tokens were
    written before the node and up to its end.  If a node reports a position for its own syntax, that
    position is used instead of the whole node, as in LibCST.
    """

    def __init__(self, module: cst.Module) -> None:
        super().__init__(module.default_indent, module.default_newline, self)  # type: ignore[arg-type]
        # This is called most often; without LibCST's wrapper, each token costs one call, not two.
        self.add_token = self.tokens.append  # type: ignore[method-assign, assignment]
        self.places: dict[int, tuple[int, int]] = {}
        self._begun: list[int] = []

    def add_indent_tokens(self) -> None:
        """Add the tokens of the indentation."""
        self.tokens.extend(self.indent_tokens)

    def pop_trailing_newline(self) -> None:
        """Keep the token of the last newline, because nodes may end after it.

        LibCST removes the last newline if the source has none.
        """

    def before_codegen(self, node: cst.CSTNode) -> None:
        """Record where a node begins."""
        self._begun.append(len(self.tokens))

    def after_codegen(self, node: cst.CSTNode) -> None:
        """Record where a node ends."""
        self.places.setdefault(id(node), (self._begun.pop(), len(self.tokens)))

    def record_syntactic_position(  # type: ignore[override]
        self,
        node: cst.CSTNode,
        *,
        start_node: cst.CSTNode | None = None,
        end_node: cst.CSTNode | None = None,
    ) -> _Recording:
        """Return the context in which a node writes its own syntax; the position is recorded when the context is left."""
        return _Recording(self, node, start_node, end_node)


class _Recording:
    """The context in which a node writes its own syntax.

    This is a class, because a generator would be three times slower.
    """

    __slots__ = ("_begin", "_end_node", "_node", "_recorder", "_start_node")

    def __init__(
        self,
        recorder: Recorder,
        node: cst.CSTNode,
        start_node: cst.CSTNode | None,
        end_node: cst.CSTNode | None,
    ) -> None:
        self._recorder = recorder
        self._node = node
        self._start_node = start_node
        self._end_node = end_node
        self._begin = len(recorder.tokens)

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
        places = self._recorder.places
        begin, end = self._begin, len(self._recorder.tokens)
        if self._start_node is not None:
            begin = places[id(self._start_node)][0]
        if self._end_node is not None:
            end = places[id(self._end_node)][1]
        places[id(self._node)] = (begin, end)


class Positions:
    """The offsets at which the nodes of a module begin and end.

    Nodes are kept by their `id`, because LibCST computes the hash of a node in Python code, which is
    slow.
    """

    def __init__(self, module: cst.Module) -> None:
        recorder = Recorder(module)
        module._codegen(recorder)  # pyright: ignore[reportPrivateUsage]  # LibCST's providers call it too
        self._places = recorder.places
        self._offsets = (0, *accumulate(map(len, recorder.tokens)))

    def extent(self, node: cst.CSTNode) -> Extent:
        """Return the extent of a node of the module; parentheses around an expression are left out."""
        begin, end = self._places[id(node)]
        return self._offsets[begin], self._offsets[end]
