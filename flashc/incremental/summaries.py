"""The relevant modules of a project -> their fragments: remembered, or read on all processors.

Parts are kept by the shard, so that a large project has few files in the cache and a changed line costs the
reading of a few modules.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import msgspec

from flashc.frontend.summary import Fragment
from flashc.project.discover import Tree
from flashc.project.environment import Environment
from flashc.syntax.stack import call_with_large_stack
from flashc_core.cache import Store, digest
from flashc_core.processes import on_all_processors

from .compiler import compiler_identity
from .components import Part, join, split
from .inputs import UNREPEATABLE, Answers, module_question, variables_in

_MODULES_OF_A_SHARD = 16
_PAYS = 100_000  # characters of source: reading less takes no longer than starting processes
_KIND = "fragments"

Shard = tuple[Part, ...]


def read_fragments(
    tree: Tree, relevant: Iterable[str], environment: Environment, store: Store | None
) -> list[Fragment]:
    """The fragments of all relevant modules.  `environment` learns what was asked of it."""
    library = _Library(tree=tree, environment=environment, store=store)
    parts = split(tree, relevant)
    while True:
        fragments = library.fragments(parts)
        joined = join(parts, fragments)
        if joined == parts:
            break
        parts = joined
    for fragment in fragments.values():
        environment.asked.update(variables_in(fragment.reads))
        environment.is_settled &= UNREPEATABLE not in fragment.reads
    return [fragments[part] for part in parts]


@dataclass(eq=False, kw_only=True)
class _Library:
    """The fragments of one state of a project."""

    tree: Tree
    environment: Environment
    store: Store | None
    known: dict[Part, Fragment] = field(default_factory=dict[Part, Fragment])

    def fragments(self, parts: Sequence[Part]) -> Mapping[Part, Fragment]:
        """The fragments of these parts at least."""
        missing: list[Shard] = []
        for shard in shards(part for part in parts if part not in self.known):
            found = self.recall(shard)
            if found is None:
                missing.append(shard)
            else:
                self.known.update(zip(shard, found, strict=True))
        self.known.update(self.read(missing))
        return self.known

    def recall(self, shard: Shard) -> tuple[Fragment, ...] | None:
        """The fragments of a shard as they were remembered."""
        if self.store is None:
            return None
        key = self.key(shard)
        questions = self.store.read(f"{_KIND}-reads", key)
        if questions is None:
            return None
        data = self.store.read(_KIND, self.answered(key, msgspec.json.decode(questions)))
        return None if data is None else msgspec.msgpack.decode(data, type=tuple[Fragment, ...])

    def read(self, missing: Sequence[Shard]) -> Iterator[tuple[Part, Fragment]]:
        """Read the parts of some shards, and remember what came of it."""
        if not missing:
            return
        from flashc.frontend import (
            summarise as fragment,  # LibCST takes a while to import: once, and only if needed
        )

        work = partial(self._read_shard, fragment.read_parts, missing)
        size = sum(self.sizes[name] for shard in missing for part in shard for name in part)
        numbers = range(len(missing))
        results = on_all_processors(work, len(missing)) if size > _PAYS else map(work, numbers)
        for shard, data in zip(missing, results, strict=True):
            fragments = msgspec.msgpack.decode(data, type=tuple[Fragment, ...])
            yield from zip(shard, fragments, strict=True)

    def _read_shard(
        self, read_parts: Callable[..., list[Fragment]], missing: Sequence[Shard], number: int
    ) -> bytes:
        shard = missing[number]
        fragments = call_with_large_stack(partial(read_parts, shard, self.tree, self.environment))
        data = msgspec.msgpack.encode(fragments)
        if self.store is not None:
            key = self.key(shard)
            questions = sorted({question for found in fragments for question in found.reads})
            self.store.write(f"{_KIND}-reads", key, msgspec.json.encode(questions))
            self.store.write(_KIND, self.answered(key, questions), data)
        return data

    def key(self, shard: Shard) -> str:
        """A key for the text of a shard's modules, for what is read together, and for the names of all
        modules."""
        return digest(
            compiler_identity(),
            self.index,
            *(
                digest(*(f"{name}\0{self.answers(module_question(name))}" for name in part))
                for part in shard
            ),
        )

    def answered(self, key: str, questions: list[str]) -> str:
        """The key of what was read when these questions had the answers that they have now."""
        return digest(key, *questions, *map(self.answers, questions))

    @cached_property
    def answers(self) -> Answers:
        return Answers(self.tree, self.environment.fresh())

    @cached_property
    def index(self) -> str:
        """Which modules and packages there are decides what an import leads to."""
        return digest(
            *(f"{name}\0{path}" for name, path in self.tree.modules.items()),
            *sorted(self.tree.packages),
        )

    @cached_property
    def sizes(self) -> dict[str, int]:
        sizes = {file.path: file.size for file in self.tree.files}
        return {name: sizes[path] for name, path in self.tree.modules.items()}


def shards(parts: Iterable[Part]) -> list[Shard]:
    """Parts in groups that stay the same when the text of a module changes."""
    listed = list(parts)
    modules = sum(map(len, listed))
    count = 1 << max(modules // _MODULES_OF_A_SHARD, 1).bit_length() - 1
    found: dict[int, list[Part]] = {}
    for part in listed:
        found.setdefault(zlib.crc32(part[0].encode("utf-8", "surrogatepass")) % count, []).append(
            part
        )
    return [tuple(found[number]) for number in sorted(found)]
