"""Searches in graphs, against definitions that try everything."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from flashc_core.graphs import count_reachable, cycle_through, cycles_through, path_to, reachable

NODES = range(5)
Graph = dict[int, list[int]]
GRAPHS = st.fixed_dictionaries(
    {node: st.lists(st.sampled_from(NODES), unique=True, max_size=3) for node in NODES}
)


def paths(graph: Graph, start: int, goal: int) -> list[list[int]]:
    """Every path without repetition from `start` to `goal`, without `goal`."""
    found = []
    for length in range(len(graph)):
        for between in permutations([n for n in graph if n not in (start, goal)], length):
            path = [start, *between]
            steps = zip(path, [*between, goal], strict=True)
            if all(following in graph[node] for node, following in steps):
                found.append(path)
    return found


@given(GRAPHS, st.sampled_from(NODES), st.sampled_from(NODES))
def test_a_path_is_a_shortest_one(graph: Graph, start: int, goal: int) -> None:
    every = paths(graph, start, goal)
    found = path_to(start, goal, graph.__getitem__)
    if found is None:
        assert every == []
    else:
        assert found in every
        assert len(found) == min(map(len, every))


@given(GRAPHS, st.sampled_from(NODES))
def test_a_cycle_begins_where_it_was_asked_for(graph: Graph, start: int) -> None:
    found = cycle_through(start, graph.__getitem__)
    assert (found is None) == (not paths(graph, start, start))
    assert found is None or (found[0] == start and len(set(found)) == len(found))


@given(GRAPHS, st.lists(st.sampled_from(NODES), max_size=2))
def test_what_is_reachable_has_a_path(graph: Graph, starts: list[int]) -> None:
    expected = {n for n in NODES if n in starts or any(paths(graph, s, n) for s in starts)}
    assert reachable(starts, graph.__getitem__) == expected


def test_of_equal_paths_the_first_successors_win() -> None:
    graph = {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}
    assert path_to("a", "d", graph.__getitem__) == ["a", "b"]


@given(GRAPHS)
def test_reachable_nodes_are_counted_as_they_are_found(graph: dict[int, list[int]]) -> None:
    def successors(node: int) -> list[int]:
        return graph.get(node, [])

    expected = {node: len(reachable([node], successors)) for node in graph}
    assert count_reachable(graph) == expected


@given(GRAPHS)
def test_each_cycle_is_found_once(graph: Graph) -> None:
    found = list(cycles_through(graph, graph.__getitem__))
    assert len({frozenset(cycle) for cycle in found}) == len(found)
    every = [cycle_through(node, graph.__getitem__) for node in graph]
    assert {frozenset(cycle) for cycle in found} == {frozenset(c) for c in every if c is not None}
