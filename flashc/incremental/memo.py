"""Cache results with the inputs that they were computed from; reuse one if its inputs are the same.

The field calls it a verifying trace: a result is kept with the inputs that its computation read and with a digest
of what they were.  It is found again if every input has the digest that it had then.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from flashc.project.inputs import VOLATILE
from flashc_core.cache import Store, digest


class Trace(Struct, frozen=True, array_like=True):
    """A result with what decided it: what was known before (`key`), and the inputs that were found.

    `digest` is that of the key and of what the inputs were.
    """

    key: str
    inputs: tuple[str, ...]
    digest: str
    result: bytes


@dataclass(frozen=True, slots=True)
class Memo:
    """Results in a cache; `digest_of` gives the digest that an input has now."""

    cache: Store
    digest_of: Callable[[str], str]

    def load(self, kind: str, key: str, max_age: float | None = None) -> bytes | None:
        """Return a result, at most `max_age` seconds old; None if there is none for the present inputs."""
        inputs = self.cache.read(f"{kind}-inputs", key)
        if inputs is None:
            return None
        return self.cache.read(kind, self._full(key, msgspec.json.decode(inputs)), max_age)

    def inputs(self, kind: str, key: str) -> tuple[str, ...]:
        """Return the inputs that a result had when it was computed last; empty if it is not cached."""
        data = self.cache.read(f"{kind}-inputs", key)
        return () if data is None else msgspec.json.decode(data, type=tuple[str, ...])

    def save(self, kind: str, key: str, inputs: Iterable[str], result: bytes) -> None:
        """Keep a result, unless one of its inputs is volatile."""
        names = sorted(set(inputs))
        if VOLATILE not in names:
            self.cache.write(f"{kind}-inputs", key, msgspec.json.encode(names))
            self.cache.write(kind, self._full(key, names), result)

    # Many small results in one entry ----------------------------------------------------------------

    def trace(self, key: str, inputs: Iterable[str], result: bytes) -> Trace:
        """Return a result with what its inputs are now."""
        names = tuple(sorted(set(inputs)))
        return Trace(key, names, self._full(key, names), result)

    def load_traces(self, kind: str, group: str) -> tuple[Trace, ...]:
        """Return the results of a group, whatever their inputs are now."""
        data = self.cache.read(kind, group)
        return () if data is None else msgspec.msgpack.decode(data, type=tuple[Trace, ...])

    def valid(self, traces: Iterable[Trace], keys: Container[str]) -> dict[str, Trace]:
        """Return, by key, the traces with one of these keys that the present inputs would give again.

        Traces with other keys are not looked at: to compute what their inputs are now can take long.
        """
        found: dict[str, Trace] = {}
        for each in traces:
            if each.key in keys and each.key not in found:
                if self._full(each.key, each.inputs) == each.digest:
                    found[each.key] = each
        return found

    def save_traces(self, kind: str, group: str, traces: Iterable[Trace]) -> None:
        """Keep the results of a group in place of those that it had; not those with volatile inputs."""
        kept = [trace for trace in traces if VOLATILE not in trace.inputs]
        self.cache.write(kind, group, msgspec.msgpack.encode(kept))

    def _full(self, key: str, inputs: Iterable[str]) -> str:
        names = tuple(inputs)
        return digest(key, *names, *map(self.digest_of, names))
