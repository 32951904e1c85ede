"""Group modules that must be read together, such as import cycles, into components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flashc.frontend.summary import Component, SummaryLinks


def join(
    components: Iterable[Component], links: Mapping[Component, SummaryLinks]
) -> list[Component]:
    """Return the components, joined if their summaries say that they must be read together."""
    sets = DisjointSets()
    names: list[str] = []
    for component in components:
        names += component
        for name in (*component, *links[component].joined):
            sets.join(component[0], name)
    return sets.partition(names)


class DisjointSets:
    """Disjoint sets of names (union-find); the smallest member identifies a set."""

    def __init__(self) -> None:
        """Start without sets; a name that was never joined is a set of its own."""
        self._leaders: dict[str, str] = {}

    def leader(self, name: str) -> str:
        """Return the smallest member of a name's set."""
        leader = name
        while (above := self._leaders.get(leader, leader)) != leader:
            leader = above
        if leader != name:
            self._leaders[name] = leader
        return leader

    def join(self, one: str, other: str) -> None:
        """Unite the sets of two names."""
        first, second = sorted((self.leader(one), self.leader(other)))
        self._leaders[second] = first

    def partition(self, names: Iterable[str]) -> list[Component]:
        """Return the sets that these names form, sorted; other names are left out."""
        found: dict[str, list[str]] = {}
        for name in sorted(names):
            found.setdefault(self.leader(name), []).append(name)
        return sorted(tuple(group) for group in found.values())
