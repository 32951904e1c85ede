"""Get the summaries of a project's modules: from the cache, or by reading them on all processors.

Summaries are cached by the batch, so that a large project has few files in the cache and a changed line costs
the reading of a few modules.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import msgspec

from flashc.frontend.dialect import Dialect
from flashc.frontend.summary import Component, ComponentSummary
from flashc.project.inputs import InputDigests, module_input
from flashc.project.workspace import Workspace
from flashc.syntax.stack import call_with_large_stack
from flashc_core.cache import digest
from flashc_core.processes import on_all_processors

from .components import join, split
from .fingerprint import compiler_identity
from .memo import Memo

_MODULES_OF_A_BATCH = 16
_MIN_PARALLEL_SIZE = (
    100_000  # bytes of source; reading less takes no longer than starting processes
)
_KIND = "summaries"

Batch = tuple[Component, ...]


def read_summaries(
    workspace: Workspace, relevant: Iterable[str], dialects: tuple[Dialect, ...]
) -> list[ComponentSummary]:
    """Return the summaries of the relevant modules."""
    cache = SummaryCache(workspace, dialects)
    components = split(workspace.project, relevant)
    while True:
        summaries = cache.get(components)
        joined = join(components, summaries)
        if joined == components:
            return [summaries[component] for component in components]
        components = joined


@dataclass(eq=False)
class SummaryCache:
    """The summaries of one state of a project."""

    workspace: Workspace
    dialects: tuple[Dialect, ...]
    known: dict[Component, ComponentSummary] = field(
        default_factory=dict[Component, ComponentSummary]
    )

    def get(self, components: Sequence[Component]) -> Mapping[Component, ComponentSummary]:
        """Return the summaries of these components at least."""
        missing: list[Batch] = []
        for batch in batches(component for component in components if component not in self.known):
            found = self.memo.load(_KIND, self.key(batch))
            if found is None:
                missing.append(batch)
            else:
                self.known.update(zip(batch, _decode(found), strict=True))
        self.known.update(self.read(missing))
        return self.known

    def read(self, missing: Sequence[Batch]) -> Iterator[tuple[Component, ComponentSummary]]:
        """Read the components of some batches, and cache the summaries."""
        if not missing:
            return
        # LibCST takes a while to import: once, before processes are forked, and only if needed
        from flashc.frontend.summarise import summarise_all

        work = partial(self._read_batch, summarise_all, missing)
        size = sum(self.sizes[name] for batch in missing for part in batch for name in part)
        numbers = range(len(missing))
        is_large = size > _MIN_PARALLEL_SIZE
        results = on_all_processors(work, len(missing)) if is_large else map(work, numbers)
        for batch, data in zip(missing, results, strict=True):
            yield from zip(batch, _decode(data), strict=True)

    def _read_batch(
        self,
        summarise_all: Callable[..., list[ComponentSummary]],
        missing: Sequence[Batch],
        number: int,
    ) -> bytes:
        batch = missing[number]
        project, environment = self.workspace.project, self.workspace.environment
        summaries = call_with_large_stack(
            partial(summarise_all, batch, project, environment, self.dialects)
        )
        data = msgspec.msgpack.encode(summaries)
        inputs = (item for summary in summaries for item in summary.inputs)
        self.memo.save(_KIND, self.key(batch), inputs, data)
        return data

    def key(self, batch: Batch) -> str:
        """A key for the text of a batch's modules, for what is read together, and for the names of all
        modules."""
        return digest(
            compiler_identity(),
            *(dialect.name for dialect in self.dialects),
            self.index,
            *(
                digest(*(f"{name}\0{self.digests(module_input(name))}" for name in component))
                for component in batch
            ),
        )

    @cached_property
    def memo(self) -> Memo:
        return Memo(self.workspace.cache, self.digests)

    @cached_property
    def digests(self) -> InputDigests:
        return InputDigests(self.workspace.project, self.workspace.environment.recording())

    @cached_property
    def index(self) -> str:
        """A digest of which modules and packages there are: it decides what an import leads to."""
        project = self.workspace.project
        return digest(
            *(f"{name}\0{path}" for name, path in project.modules.items()),
            *sorted(project.packages),
        )

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The size of each module in bytes."""
        project = self.workspace.project
        return {name: project.by_path[path].size for name, path in project.modules.items()}


def _decode(data: bytes) -> tuple[ComponentSummary, ...]:
    return msgspec.msgpack.decode(data, type=tuple[ComponentSummary, ...])


def batches(components: Iterable[Component]) -> list[Batch]:
    """Group components so that the groups stay the same when the text of a module changes."""
    listed = list(components)
    modules = sum(map(len, listed))
    count = 1 << max(modules // _MODULES_OF_A_BATCH, 1).bit_length() - 1
    found: dict[int, list[Component]] = {}
    for component in listed:
        number = zlib.crc32(component[0].encode("utf-8", "surrogatepass")) % count
        found.setdefault(number, []).append(component)
    return [tuple(found[number]) for number in sorted(found)]
