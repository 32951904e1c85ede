"""Partition the modules of a project into components that can be read without each other.

A module can change what another one defines only if one imports the other.  Which imports there are is
guessed from the text, because that is fast; a component that turns out to read another is joined with it
afterwards, so that a wrong guess costs time and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from flashc.frontend.summary import Component, ComponentSummary
from flashc.project.inputs import modules_in
from flashc.project.project import Project
from flashc_ir.imports.resolve import resolve_relative

_IMPORT = re.compile(
    rb"(?:^|[\r\n;:])[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]*(\([^)]*\)|[^\r\n;#]*)|import[ \t]+([^\r\n;#]+))"
)
_NAME = re.compile(r"[\w.]+")


def split(project: Project, relevant: Iterable[str]) -> list[Component]:
    """Return the components of a project, in the order of their first modules."""
    sets = DisjointSets()
    for name, path in project.modules.items():
        for other in _guess_imports(project, name, path):
            sets.join(name, other)
    return sets.partition(relevant)


def join(
    components: list[Component], summaries: Mapping[Component, ComponentSummary]
) -> list[Component]:
    """Return the components again; as one those that read each other or the same other module.

    One of them may have changed that module before the other saw it.
    """
    sets = DisjointSets()
    owner = {name: component[0] for component in components for name in component}
    for component in components:
        for name in component:
            sets.join(component[0], name)
        for name in modules_in(summaries[component].inputs):
            sets.join(component[0], owner.setdefault(name, component[0]))
    return sets.partition(name for component in components for name in component)


def _guess_imports(project: Project, name: str, path: str) -> Iterator[str]:
    """The project's modules that a module seems to import."""
    try:
        data = project.read(path)
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
        yield from (other for other in candidates if other in project.modules)


class DisjointSets:
    """Disjoint sets of names (union-find); a set is known by its smallest member."""

    def __init__(self) -> None:
        self._leaders: dict[str, str] = {}

    def leader(self, name: str) -> str:
        """Return the smallest member of a name's set."""
        leader = name
        while (above := self._leaders.get(leader, leader)) != leader:
            leader = above
        if leader != name:
            self._leaders[name] = leader
        return leader

    def join(self, one: str, other: str) -> None:
        """Make the sets of two names one."""
        first, second = sorted((self.leader(one), self.leader(other)))
        self._leaders[second] = first

    def partition(self, names: Iterable[str]) -> list[Component]:
        """Return the sets of these names only, sorted."""
        found: dict[str, list[str]] = {}
        for name in sorted(names):
            found.setdefault(self.leader(name), []).append(name)
        return sorted(tuple(group) for group in found.values())
