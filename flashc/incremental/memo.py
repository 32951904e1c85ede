"""Cache results with their inputs, and return a cached result if its inputs have not changed.

For each result, the cache has the list of the inputs that the computation read, and a digest of
their contents (in the literature, a verifying trace).  The result is valid if the inputs have the
same digest now.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from flashc.project.inputs import VOLATILE
from flashc.project.workspace import Workspace
from flashc_core.cache import Store, decoded, digest

_T = TypeVar("_T")


class UnusableCache(Exception):
    """An entry that was already relied on can't be decoded; without the cache, the work succeeds."""


def without_unusable_cache(work: Callable[[Workspace], _T], workspace: Workspace) -> _T:
    """Return the result of `work`; if the cache turns out to be unusable, do the work again without it.

    The second time, the entries are not read, and are written anew.
    """
    try:
        return work(workspace)
    except UnusableCache:
        return work(replace(workspace, cache=replace(workspace.cache, is_write_only=True)))


class Trace(Struct, frozen=True, array_like=True, kw_only=True):
    """A result with what decided it: the key, and the inputs that the computation read.

    `digest` is a digest of the contents of the inputs, `digest_of_result` of the result.
    """

    key: str
    inputs: tuple[str, ...]
    digest: str
    result: bytes
    digest_of_result: str


class Memo(Struct, frozen=True):
    """The results in a cache; `digest_of` returns the digest that an input has now."""

    cache: Store
    digest_of: Callable[[str], str]

    def load(self, kind: str, key: str, max_age: float | None = None) -> bytes | None:
        """Return the result that is valid for the present inputs, at most `max_age` seconds old.

        The result is None if the cache has no such entry.
        """
        inputs = self._inputs(kind, key)
        return None if inputs is None else self.cache.read(kind, self._full(key, inputs), max_age)

    def inputs(self, kind: str, key: str) -> tuple[str, ...]:
        """Return the inputs of a result when it was last computed; none if it is not cached."""
        return self._inputs(kind, key) or ()

    def save(self, kind: str, key: str, inputs: Iterable[str], result: bytes) -> None:
        """Cache a result, unless one of its inputs is volatile."""
        names = sorted(set(inputs))
        if VOLATILE not in names:
            self.cache.write(f"{kind}-inputs", key, msgspec.msgpack.encode(names))
            self.cache.write(kind, self._full(key, names), result)

    # Many small results in one entry ----------------------------------------------------------------

    def make_trace(self, key: str, inputs: Iterable[str], result: bytes) -> Trace:
        """Return a result with its inputs and their present digest."""
        names = tuple(sorted(set(inputs)))
        return Trace(
            key=key,
            inputs=names,
            digest=self._digest(names),
            result=result,
            digest_of_result=digest(result),
        )

    def load_traces(self, kind: str, group: str) -> tuple[Trace, ...]:
        """Return the results of a group, whether or not they are valid now."""
        return decoded(self.cache.read(kind, group), tuple[Trace, ...]) or ()

    def valid(self, traces: Iterable[Trace], keys: Container[str]) -> dict[str, Trace]:
        """Return the traces with one of these keys that are valid for the present inputs, by key.

        Traces with other keys are ignored, because computing the digests of their inputs can take
        long.
        """
        found: dict[str, Trace] = {}
        present: dict[tuple[str, ...], str] = {}  # many results have the same inputs
        for each in traces:
            if each.key in keys and each.key not in found:
                if each.inputs not in present:
                    present[each.inputs] = self._digest(each.inputs)
                if present[each.inputs] == each.digest:
                    found[each.key] = each
        return found

    def save_traces(self, kind: str, group: str, traces: Iterable[Trace]) -> None:
        """Cache the results of a group in place of its old ones.

        Results with volatile inputs are left out.
        """
        kept = [trace for trace in traces if VOLATILE not in trace.inputs]
        self.cache.write(kind, group, msgspec.msgpack.encode(kept))

    def _inputs(self, kind: str, key: str) -> tuple[str, ...] | None:
        """Return the inputs of a result; None if the cache does not have them."""
        return decoded(self.cache.read(f"{kind}-inputs", key), tuple[str, ...])

    def _full(self, key: str, inputs: Iterable[str]) -> str:
        """Return a digest of a key and of the present contents of some inputs."""
        return digest(key, self._digest(tuple(inputs)))

    def _digest(self, inputs: tuple[str, ...]) -> str:
        """Return a digest of the present contents of some inputs."""
        return digest(*inputs, *map(self.digest_of, inputs))
