"""Hold what a readable artifact contains: its files, its manifest, its packages and its modules."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from functools import cached_property

import msgspec
from msgspec import Struct, field

from flashc_backends.dependencies.installed import InstalledDistribution
from flashc_backends.manifest.manifest_model import Manifest
from flashc_core.processes import on_all_processors
from flashc_ir.modules import Origin

from .archive import ArchiveMember
from .facts import ModuleFacts, parse_facts

_MANY = 100  # modules; parsing fewer takes less time than starting processes
_SHARES = 8
_HANDLER = re.compile(r"handler_[^/]*\.py")


class ArtifactContents(Struct, frozen=True, eq=False, kw_only=True, dict=True):
    """A readable archive: its files by path, its manifest, and its distributions.

    `proven` are the distributions whose files were already compared with their RECORD at
    installation.  `left_to_others` are the distributions that the artifact of one endpoint does not
    contain, because only other endpoints need them.  `known` are facts of modules, by path, that
    were found in the same text earlier; `parsed` are those that were found now.
    """

    members: dict[str, ArchiveMember]
    manifest: Manifest
    distributions: dict[str, InstalledDistribution]
    proven: frozenset[str] = frozenset()
    left_to_others: frozenset[str] = frozenset()
    known: Mapping[str, ModuleFacts] = field(default_factory=dict[str, ModuleFacts])
    parsed: dict[str, ModuleFacts] = field(default_factory=dict[str, ModuleFacts])
    _paths: dict[str, str | None] = field(default_factory=dict[str, "str | None"])
    _facts: dict[str, ModuleFacts] = field(default_factory=dict[str, ModuleFacts])

    @cached_property
    def handlers(self) -> dict[str, None]:
        """The paths of the handler files, in the order of the archive."""
        return dict.fromkeys(filter(_HANDLER.fullmatch, self.members))

    def text(self, path: str) -> str | None:
        """Return a file as text; None if it is missing or too large."""
        member = self.members.get(path)
        content = None if member is None else member.content
        return None if content is None else content.decode("utf-8", "replace")

    def facts(self, path: str) -> ModuleFacts:
        """Return the facts of the module in a file."""
        found = self._facts.get(path)
        if found is None:
            found = self.known.get(path)
            if found is None or not found.are_valid_for(self):
                found = self.parsed[path] = self._parse(path)
            self._facts[path] = found
        return found

    def parse_many(self, paths: Iterable[str | None]) -> None:
        """Parse modules whose facts are not known, on all processors if there are many."""
        new = [path for path in dict.fromkeys(paths) if path and path not in self.known]
        if len(new) < _MANY:
            return

        def parse(number: int) -> bytes:
            part = new[number::_SHARES]
            return msgspec.msgpack.encode({path: self._parse(path) for path in part})

        for data in on_all_processors(parse, _SHARES):
            self.parsed.update(msgspec.msgpack.decode(data, type=dict[str, ModuleFacts]))
        self._facts.update(self.parsed)

    def _parse(self, path: str) -> ModuleFacts:
        return parse_facts(path, self.text(path) or "", self)

    @cached_property
    def top_level(self) -> frozenset[str]:
        """The names of all files and folders in the archive's root, up to their first dot."""
        return frozenset(path.split("/", 1)[0].split(".", 1)[0] for path in self.members)

    # The index of modules -----------------------------------------------------------------------------

    def module_path(self, name: str) -> str | None:
        """Return the path of a module by its dotted name; None if the artifact does not have it."""
        if name not in self._paths:
            stem = name.replace(".", "/")
            paths = (path for path in (f"{stem}.py", f"{stem}/__init__.py") if path in self.members)
            self._paths[name] = next(paths, None)
        return self._paths[name]

    def has(self, name: str) -> bool:
        """Return whether the artifact has a module of this name."""
        return self.module_path(name) is not None

    def origin(self, name: str, members: Iterable[str] = ()) -> Origin:
        """Return where workers find a module: in the artifact, standard library or image."""
        top = name.partition(".")[0]
        if top in self.top_level:
            return Origin.PROJECT
        return Origin.STDLIB if top in sys.stdlib_module_names else Origin.EXTERNAL
