"""Cache results whose inputs are known only after they were computed.

This is a verifying trace.  One entry, under the key of what is known before (the compiler, the options, the text of
a module), lists the inputs that the computation read.  The result has a key that also contains their digests.  So
a result is found again if every input has the same digest as then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from flashc.project.inputs import VOLATILE
from flashc_core.cache import Store, digest


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

    def save(self, kind: str, key: str, inputs: Iterable[str], result: bytes) -> None:
        """Keep a result, unless one of its inputs is volatile."""
        names = sorted(set(inputs))
        if VOLATILE not in names:
            self.cache.write(f"{kind}-inputs", key, msgspec.json.encode(names))
            self.cache.write(kind, self._full(key, names), result)

    def _full(self, key: str, inputs: list[str]) -> str:
        return digest(key, *inputs, *map(self.digest_of, inputs))
