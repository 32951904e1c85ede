"""Group the components of a project; the components of a group share a file of the cache.

So a large project has few files in the cache.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from itertools import chain

from msgspec import Struct

from flashc.frontend.summary import Component, ModuleExports
from flashc.project.inputs import module_of_value

from .memo import Trace
from .reading import StoredSummary

_MODULES_OF_A_BATCH = 8


class Batch(Struct, frozen=True, kw_only=True):
    """Components that share an entry of the cache.

    `absent` are the components without a valid result in the entry, so that they must be read.
    `cached` are all results in the entry, the valid ones first.  `asked` are the modules of absent
    components whose exports other cached results depend on.
    """

    components: tuple[Component, ...]
    absent: tuple[Component, ...]
    cached: tuple[Trace, ...]
    asked: tuple[str, ...] = ()


class BatchResult(Struct, frozen=True):
    """The new summaries of a batch, and the exports of its modules and of imported plain ones.

    The summaries are as in the cache.  `summaries` is None if reading them would take too many
    evaluations.
    """

    summaries: tuple[Trace, ...] | None
    exports: dict[str, ModuleExports]


def batches(components: Iterable[Component]) -> list[tuple[Component, ...]]:
    """Return groups of components, which stay the same if the text of a module changes."""
    listed = list(components)
    modules = sum(map(len, listed))
    count = 1 << max(modules // _MODULES_OF_A_BATCH, 1).bit_length() - 1
    found: dict[int, list[Component]] = {}
    for component in listed:
        number = zlib.crc32(component[0].encode("utf-8", "surrogatepass")) % count
        found.setdefault(number, []).append(component)
    return [tuple(found[number]) for number in sorted(found)]


Stored = dict[tuple[str, str], StoredSummary]
"""Cached summaries by the key and the digest of their traces."""


class Group(Struct, frozen=True, eq=False):
    """The components of a batch by the keys of their summaries, and the traces that the cache has of them."""

    names: tuple[Component, ...]
    keys: dict[str, Component]
    traces: tuple[Trace, ...]

    def stored(self) -> Stored:
        """Return the summaries in the cache for the present texts of the components."""
        return {
            (each.key, each.digest): StoredSummary.of(each)
            for each in self.traces
            if each.key in self.keys
        }


def edited_batches(groups: Iterable[Group]) -> list[Batch]:
    """Return a batch for each group; the absent components are those with a new text."""
    inputs = {trace.inputs for group in groups for trace in group.traces}
    asked = {module_of_value(item) for item in chain(*inputs)}
    found: list[Batch] = []
    for group in groups:
        known = {trace.key for trace in group.traces}
        absent = tuple(each for key, each in group.keys.items() if key not in known)
        names = tuple(name for component in absent for name in component if name in asked)
        found.append(Batch(components=group.names, absent=absent, cached=group.traces, asked=names))
    return found
