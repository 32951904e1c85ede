"""Search directed graphs for shortest paths, cycles and reachable nodes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from itertools import chain
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)
Successors = Callable[[Node], Iterable[Node]]


def path_to(start: Node, goal: Node, successors: Successors[Node]) -> list[Node] | None:
    """Return a shortest path from `start` to `goal`, without `goal`; None if there is none.

    The path has at least one edge.  Of several shortest paths, the one whose nodes come first among
    the successors is returned, so that equal graphs give equal paths.
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
    """Return the path to `last`, by following the predecessors back to the start."""
    path: list[Node] = []
    node: Node | None = last
    while node is not None:
        path.append(node)
        node = reached_from[node]
    return path[::-1]


def cycle_through(start: Node, successors: Successors[Node]) -> list[Node] | None:
    """Return the nodes of a shortest cycle, beginning with `start`; None if there is no cycle."""
    return path_to(start, start, successors)


def cycles_through(starts: Iterable[Node], successors: Successors[Node]) -> Iterator[list[Node]]:
    """Yield a shortest cycle for each of `starts` that is in one; the same nodes only once."""
    seen: set[frozenset[Node]] = set()
    for start in starts:
        cycle = cycle_through(start, successors)
        if cycle is not None and frozenset(cycle) not in seen:
            seen.add(frozenset(cycle))
            yield cycle


def reachable(starts: Iterable[Node], successors: Successors[Node]) -> set[Node]:
    """Return the nodes to which a path from one of `starts` leads, including `starts`."""
    found: set[Node] = set()
    pending = list(starts)
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending.extend(successors(node))
    return found


def count_reachable(graph: Mapping[Node, Collection[Node]]) -> dict[Node, int]:
    """Return, for each node, the number of nodes to which a path leads, including the node itself.

    A successor that is no key of the graph has no successors.
    """
    numbers: dict[Node, int] = {}
    for node in chain(graph, *graph.values()):
        numbers.setdefault(node, len(numbers))
    reached = {node: 1 << number for node, number in numbers.items()}
    order = _successors_first(graph)
    is_changing = True
    while is_changing:  # runs once, and again for each cycle that leads into another cycle
        is_changing = False
        for node in order:
            found = reached[node]
            for successor in graph[node]:
                found |= reached[successor]
            is_changing = is_changing or found != reached[node]
            reached[node] = found
    return {node: reached[node].bit_count() for node in graph}


def _successors_first(graph: Mapping[Node, Collection[Node]]) -> list[Node]:
    """Return the nodes in an order in which successors come first, except in cycles."""
    order: list[Node] = []
    seen: set[Node] = set()
    for start in graph:
        pending = [(start, False)]
        while pending:
            node, is_finished = pending.pop()
            if is_finished:
                order.append(node)
            elif node not in seen and node in graph:
                seen.add(node)
                pending.append((node, True))
                pending += ((successor, False) for successor in graph[node])
    return order
