"""Write a path through a graph as text for messages, as in `a -> b -> c`."""

from __future__ import annotations

from collections.abc import Iterable


def draw_path(names: Iterable[str]) -> str:
    """Return the names with arrows between them: `` `a` -> `b` ``."""
    return " -> ".join(f"`{name}`" for name in names)
