"""Search directed graphs that are given by a function from a node to its successors."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)
Successors = Callable[[Node], Iterable[Node]]


def path_to(start: Node, goal: Node, successors: Successors[Node]) -> list[Node] | None:
    """Return a shortest path from `start` to `goal`, without `goal`; None if there is none.

    The path has at least one edge.  Of several shortest paths it is the one whose nodes come first among
    the successors, so that equal graphs give equal paths.
    """
    reached_from: dict[Node, Node | None] = {start: None}
    pending = deque([start])
    while pending:
        node = pending.popleft()
        for successor in successors(node):
            if successor == goal:
                return _back(node, reached_from)
            if successor not in reached_from:
                reached_from[successor] = node
                pending.append(successor)
    return None


def _back(last: Node, reached_from: dict[Node, Node | None]) -> list[Node]:
    path: list[Node] = []
    node: Node | None = last
    while node is not None:
        path.append(node)
        node = reached_from[node]
    return path[::-1]


def cycle_through(start: Node, successors: Successors[Node]) -> list[Node] | None:
    """Return a shortest cycle through `start`, which comes first and once; None if there is none."""
    return path_to(start, start, successors)


def reachable(starts: Iterable[Node], successors: Successors[Node]) -> set[Node]:
    """Return the nodes that a path leads to from one of `starts`, these included."""
    found: set[Node] = set()
    pending = list(starts)
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending.extend(successors(node))
    return found
