"""Find the modules of a project that may import others, by a search through their texts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property, lru_cache
from unicodedata import normalize

from msgspec import Struct, field

from flashc.project.parsing import read_module
from flashc.project.project import Project
from flashc_core.diagnostics import Sink
from flashc_ir.imports.text_imports import possible_imports

_FEW = 32
_WORD = re.compile(r"\w+")


class PossibleImports(Struct, eq=False, dict=True):
    """Tells for each module of a project which modules it may import.

    The answer never leaves a module out, but it may contain some that the module does not import.
    """

    project: Project
    _known: dict[str, dict[str, set[str]]] = field(default_factory=dict[str, dict[str, set[str]]])
    _modules: dict[str, set[str]] = field(default_factory=dict[str, set[str]])

    def names_by_module(self, name: str) -> Mapping[str, Collection[str]]:
        """Return the modules that a module may import, with the names that it takes from each.

        `*` stands for all names, and for the module itself.
        """
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def of(self, name: str) -> set[str]:
        """Return the modules that a module may import, with the packages that they are in."""
        if name not in self._modules:
            parts = {part for each in self.names_by_module(name) for part in _with_packages(each)}
            self._modules[name] = parts & self._ours
        return self._modules[name]

    def importers(self, targets: Collection[str], among: Iterable[str]) -> list[str]:
        """Return those modules of `among` that may import one of `targets`, sorted by name."""
        if not targets:
            return []
        words = [name.rpartition(".")[2].encode() for name in targets]
        packages = {name for name in targets if self.project.modules[name].endswith("__init__.py")}
        return sorted(
            name
            for name in among
            if name in self._known or self._may_have_one(words, name) or _is_inside(name, packages)
            if not self.of(name).isdisjoint(targets)
        )

    def reached_from(self, names: Iterable[str]) -> set[str]:
        """Return these modules, and all that they may import directly or indirectly."""
        pending = list(names)
        seen = set(pending)
        while pending:
            new = (self.of(pending.pop()) & self.project.modules.keys()) - seen
            seen |= new
            pending += new
        return seen

    def data(self, name: str) -> bytes | None:
        """Return the bytes of a module; None if it can't be read."""
        try:
            return self.project.source_of_module(name).data
        except OSError:
            return None

    def _may_have_one(self, words: list[bytes], name: str) -> bool:
        """Return whether a word may occur in a module; False if it can't be read.

        A module is not searched if there are many words, which takes as long as reading it, or if its
        text is not ASCII, because Python normalises identifiers.
        """
        data = self.data(name)
        if data is None or len(words) > _FEW or not data.isascii():
            return data is not None
        return any(word in data for word in words)

    def _read(self, name: str) -> dict[str, set[str]]:
        """Search the text of a module for imports."""
        source = read_module(self.project, name, Sink())
        if source is None:
            return {}
        found = possible_imports(
            source.text, name if source.is_package else name.rpartition(".")[0]
        )
        if found is not None:
            return found
        words = _WORD.findall(normalize("NFKC", source.text))
        named = {each for word in words for each in self._by_last_part.get(word, ())}
        return {each: {"*"} for each in named | self.project.sdk_packages.intersection(words)}

    @cached_property
    def _ours(self) -> set[str]:
        """The modules of the project, and the packages of the SDKs."""
        return self.project.modules.keys() | self.project.sdk_packages

    @cached_property
    def _by_last_part(self) -> dict[str, list[str]]:
        """The modules of the project by the last part of their names."""
        found: dict[str, list[str]] = {}
        for name in self.project.modules:
            found.setdefault(name.rpartition(".")[2], []).append(name)
        return found


def _is_inside(name: str, packages: set[str]) -> bool:
    """Return whether a module is in one of the packages, so that `from . import x` may import it."""
    return bool(packages) and any(part in packages for part in _with_packages(name))


@lru_cache(maxsize=65_536)
def _with_packages(name: str) -> tuple[str, ...]:
    """Return the names of the packages that a module is in, and its own."""
    parts = name.split(".")
    return tuple(".".join(parts[:length]) for length in range(1, len(parts) + 1))
