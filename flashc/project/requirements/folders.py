"""Follow the sources that the packages in folders name for their own requirements."""

from __future__ import annotations

import posixpath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flashc_ir.requirements import Dependency, PathSource

from .collector import Collector, as_list, as_table
from .invalid_text import InvalidText
from .locations import is_archive
from .uv_tables import UvTables, tool_uv


def follow_folders(collector: Collector, uv: UvTables) -> None:
    """Add the requirements of packages in folders that have a source of their own.

    The wheel of such a package names only the distributions; its `[tool.uv.sources]` says where
    they are.  A requirement found in this way has the span of the one that leads to it.
    """
    pending = list(collector.found)
    followed: set[tuple[str, str]] = set()
    while pending:
        dependency = pending.pop()
        source = dependency.source
        if not isinstance(source, PathSource) or is_archive(source.path):
            continue
        key = (source.path, dependency.requirement)
        if key in followed:
            continue
        followed.add(key)
        found = _requirements_in(collector, uv, source.path, dependency)
        collector.found += found
        pending += found


def _requirements_in(
    collector: Collector, uv: UvTables, folder: str, parent: Dependency
) -> list[Dependency]:
    """Return the requirements of the package in a folder that have a source of their own."""
    document = collector.table(posixpath.join(folder, "pyproject.toml")) or {}
    project = as_table(document.get("project"))
    extras = Requirement(parent.requirement).extras
    entries = as_list(project.get("dependencies"))
    for extra, listed in as_table(project.get("optional-dependencies")).items():
        if canonicalize_name(extra) in set(map(canonicalize_name, extras)):
            entries = [*entries, *as_list(listed)]
    tables = UvTables(members=uv.members, commits=uv.commits)
    if folder in uv.members.values():
        tables.sources.update(uv.sources)
    tables.add_sources(tool_uv(document), folder)
    found: list[Dependency] = []
    for entry in map(str, entries):
        try:
            parsed = collector.parse(entry, folder)
            variants = list(tables.variants(parsed, extras, ""))
        except InvalidText as error:
            shown = f"{parent.name}: {entry}"
            collector.refuse(shown, parent.span, error, asks_for_package=False)
            continue
        if any(variant.source is not None for variant in variants):
            found += [
                Dependency(
                    name=variant.name,
                    requirement=variant.requirement,
                    span=parent.span,
                    source=variant.source,
                    hashes=variant.hashes,
                )
                for variant in variants
            ]
    return found
