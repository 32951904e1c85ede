"""The modules of a project -> parts that can be read without each other.

A module can change what another one defines only if one imports the other.  Which imports there are is
guessed from the text, because that is fast; a part that turns out to reach into another is joined with it
afterwards, so that a wrong guess costs time and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from flashc.frontend.summary import Fragment
from flashc.project.discover import Tree
from flashc_ir.imports.resolve import resolve_relative

from .inputs import modules_in

Part = tuple[str, ...]
"""The relevant modules of a part, in the order of their names."""

_IMPORT = re.compile(
    rb"(?:^|[\r\n;:])[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]*(\([^)]*\)|[^\r\n;#]*)|import[ \t]+([^\r\n;#]+))"
)
_NAME = re.compile(r"[\w.]+")


def split(tree: Tree, relevant: Iterable[str]) -> list[Part]:
    """The parts of a project, in the order of their first modules."""
    groups = _Groups()
    for name, path in tree.modules.items():
        for other in _guess_imports(tree, name, path):
            groups.join(name, other)
    return groups.of(relevant)


def join(parts: list[Part], fragments: Mapping[Part, Fragment]) -> list[Part]:
    """The parts again; as one those that reached into each other, or into the same other module, which one
    may have changed before the other saw it."""
    groups = _Groups()
    owner = {name: part[0] for part in parts for name in part}
    for part in parts:
        for name in part:
            groups.join(part[0], name)
        for name in modules_in(fragments[part].reads):
            groups.join(part[0], owner.setdefault(name, part[0]))
    return groups.of(name for part in parts for name in part)


def _guess_imports(tree: Tree, name: str, path: str) -> Iterator[str]:
    """The project's modules that a module seems to import."""
    try:
        data = tree.read(path)
    except OSError:
        return
    package = name if path.endswith("__init__.py") else name.rpartition(".")[0]
    for source, names, plain in _IMPORT.findall(data):
        if plain:
            candidates = _NAME.findall(plain.decode("utf-8", "replace"))
        else:
            written = source.decode("utf-8", "replace")
            bare = written.lstrip(".")
            level = len(written) - len(bare)
            module = resolve_relative(package, level, bare) if level else bare
            taken = _NAME.findall(names.decode("utf-8", "replace"))
            prefix = f"{module}." if module else ""
            candidates = [module or "", *(f"{prefix}{item}" for item in taken)]
        yield from (other for other in candidates if other in tree.modules)


class _Groups:
    """Disjoint sets of names; each is known by its smallest member."""

    def __init__(self) -> None:
        self._leaders: dict[str, str] = {}

    def leader(self, name: str) -> str:
        leader = name
        while (above := self._leaders.get(leader, leader)) != leader:
            leader = above
        if leader != name:
            self._leaders[name] = leader
        return leader

    def join(self, one: str, other: str) -> None:
        first, second = sorted((self.leader(one), self.leader(other)))
        self._leaders[second] = first

    def of(self, names: Iterable[str]) -> list[Part]:
        """The sets of these names only."""
        found: dict[str, list[str]] = {}
        for name in sorted(names):
            found.setdefault(self.leader(name), []).append(name)
        return sorted(tuple(group) for group in found.values())
