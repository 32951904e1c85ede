"""Group the components of a project; the components of a group share a file of the cache."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from msgspec import Struct

from flashc.frontend.summary import Component, ModuleExports

from .memo import Trace

_MODULES_OF_A_BATCH = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """Components that share an entry of the cache.

    `absent` are the components without a valid result in the entry, so that they must be read.
    `cached` are all results in the entry, the valid ones first.
    """

    components: tuple[Component, ...]
    absent: tuple[Component, ...]
    cached: tuple[Trace, ...]


class BatchResult(Struct, frozen=True):
    """The new summaries of a batch, and the exports of the plain modules that it imports.

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
