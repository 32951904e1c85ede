"""Read uv's tables in `pyproject.toml`: sources, indexes, workspaces, constraints, overrides."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from flashc_core import rules
from flashc_core.source import Lines, Span
from flashc_ir.requirements import (
    GitSource,
    IndexSource,
    NamedSource,
    PackageIndex,
    PathSource,
)

from .collector import INDEX_HELP, Collector, as_list, as_table, span_of
from .invalid_text import InvalidText
from .locations import source_of
from .texts import Parsed, with_marker, with_source

PYPROJECT = "pyproject.toml"
_OPTIONS = frozenset(
    "exclude-newer fork-strategy index-strategy keyring-provider prerelease resolution".split()
)
_HIGHEST = 8  # folders above the project in which the root of its workspace is looked for


class UvTables(Struct, eq=False, kw_only=True):
    """The sources that uv's tables give to requirements.

    `sources` has, by the canonical name of a distribution, the folder of the file that names its sources,
    and the tables of these in `[tool.uv.sources]`.  `members` are the folders of the workspace's packages, by name.  `root` is
    the folder of the workspace.
    """

    root: str = ""
    sources: dict[str, tuple[str, list[dict[str, Any]]]] = field(
        default_factory=dict[str, tuple[str, list[dict[str, Any]]]]
    )
    members: dict[str, str] = field(default_factory=dict[str, str])
    commits: dict[str, str] = field(default_factory=dict[str, str])

    def add_sources(self, table: dict[str, Any], folder: str) -> None:
        """Add the sources in `[tool.uv]` of a file; they replace those of the same distribution in earlier files."""
        for name, value in as_table(table.get("sources")).items():
            tables = [as_table(each) for each in (value if isinstance(value, list) else [value])]
            self.sources[canonicalize_name(name)] = (folder, tables)

    def variants(self, parsed: Parsed, extras: set[str], group: str) -> Iterator[Parsed]:
        """Yield a requirement once for each of its sources; the first whose marker holds counts.

        Raises:
            InvalidText: a source is not one that flashc supports.
        """
        folder, tables = self.sources.get(parsed.name, ("", []))
        if parsed.source is not None:
            yield parsed
            return
        for table in tables:
            extra = table.get("extra")
            if extra is not None and canonicalize_name(str(extra)) not in set(
                map(canonicalize_name, extras)
            ):
                continue
            if "group" in table and canonicalize_name(str(table["group"])) != group:
                continue
            variant = self._with_source(parsed, table, folder)
            marker = table.get("marker")
            if marker is None:
                yield variant
                return
            yield replace(variant, requirement=with_marker(parsed.requirement, str(marker)))
        yield parsed

    def settings(self) -> tuple[NamedSource, ...]:
        """Return the sources that hold without an extra or a group, for the whole project.

        A source that flashc can't use is not reported here, because no requirement may need it.
        """
        found: list[NamedSource] = []
        for name, (folder, tables) in sorted(self.sources.items()):
            for table in tables:
                if "extra" in table or "group" in table:
                    continue
                marker = str(table.get("marker", ""))
                try:
                    variant = self._with_source(Parsed(name=name, requirement=name), table, folder)
                except InvalidText as error:
                    problem, help = str(error), error.help
                    named = NamedSource(
                        name=name, source=None, marker=marker, problem=problem, help=help
                    )
                else:
                    source, hashes = variant.source, variant.hashes
                    named = NamedSource(name=name, source=source, marker=marker, hashes=hashes)
                found.append(named)
        return tuple(found)

    def _with_source(self, parsed: Parsed, table: dict[str, Any], folder: str) -> Parsed:
        """Return a requirement with the source that a table of `[tool.uv.sources]` means.

        Raises:
            InvalidText: flashc does not support it.
        """
        match table:
            case {"index": str(index)}:
                return replace(parsed, source=IndexSource(index))
            case {"workspace": True}:
                if parsed.name not in self.members:
                    raise InvalidText(
                        f"the workspace has no member `{parsed.name}`",
                        "add its folder to `members` in `[tool.uv.workspace]`",
                    )
                return replace(parsed, source=PathSource(self.members[parsed.name]))
            case {"git": str(url)}:
                variant = with_source(parsed, f"git+{url}")
                source = variant.source
                assert isinstance(source, GitSource)
                revision = next((str(table[k]) for k in ("rev", "tag", "branch") if k in table), "")
                revision = self.commits.get(parsed.name) or revision or source.revision
                subdirectory = str(table.get("subdirectory", source.subdirectory))
                return replace(variant, source=GitSource(source.url, revision, subdirectory))
            case {"path": str(path)}:
                return with_source(parsed, path, folder)
            case {"url": str(url)}:
                return with_source(parsed, url)
            case _:
                raise InvalidText(
                    f"its source in `[tool.uv.sources]` has the keys {', '.join(sorted(table))}",
                    "give it one of `index`, `workspace`, `git`, `path` and `url`",
                )


def read_uv_tables(collector: Collector) -> UvTables:
    """Read the tables of the project and of the workspace that it is a member of.

    Indexes, constraints and overrides are added to the collector.
    """
    own = tool_uv(collector.table(PYPROJECT))
    found = UvTables()
    root = "" if "workspace" in own else _workspace_root(collector)
    if root is not None:
        found.root = root
        path = posixpath.join(root, PYPROJECT)
        above = own if root == "" else tool_uv(collector.table(path))
        found.members = _members(collector, root, as_table(above.get("workspace")))
        if root:
            found.add_sources(above, root)
            _add_settings(collector, above, root)
            _add_limits(collector, above, path)
    found.add_sources(own, "")
    _add_settings(collector, own, "")
    _add_limits(collector, own, PYPROJECT)
    return found


def tool_uv(document: dict[str, Any] | None) -> dict[str, Any]:
    """Return the table `[tool.uv]` of a document; an empty one if it has none."""
    return as_table(as_table((document or {}).get("tool")).get("uv"))


def _workspace_root(collector: Collector) -> str | None:
    """Return the nearest folder above the project with a workspace that the project belongs to."""
    if PYPROJECT not in collector.project.by_path:
        return None
    for height in range(1, _HIGHEST + 1):
        folder = "/".join([".."] * height)
        if not collector.project.has_text(posixpath.join(folder, PYPROJECT)):
            continue
        workspace = tool_uv(collector.table(posixpath.join(folder, PYPROJECT))).get("workspace")
        if workspace is None:
            continue
        is_member = "" in _folders(collector, folder, as_table(workspace))
        return folder if is_member else None
    return None


def _folders(collector: Collector, root: str, workspace: dict[str, Any]) -> list[str]:
    """Return the folders of a workspace's members, relative to the project's root."""
    base = collector.project.root
    excluded = {
        os.path.realpath(path)
        for pattern in as_list(workspace.get("exclude"))
        for path in _matches(base / root, pattern)
    }
    found: dict[str, None] = {}
    for pattern in as_list(workspace.get("members")):
        for path in _matches(base / root, pattern):
            if os.path.realpath(path) not in excluded and (path / PYPROJECT).is_file():
                relative = os.path.relpath(os.path.realpath(path), os.path.realpath(base))
                found["" if relative == "." else relative.replace(os.sep, "/")] = None
    return list(found)


def _matches(folder: Path, pattern: object) -> list[Path]:
    """Return the paths below a folder that a pattern of uv's matches, sorted.

    Patterns that would search whole file systems, with `**` or from the root, match nothing.
    """
    text = str(pattern)
    if not text or "**" in text or text.startswith("/"):
        return []
    # `Path.glob` raises an error of its own for `.` and for names that are too long
    try:
        return sorted(folder / each for each in glob(text, root_dir=folder, include_hidden=True))
    except (ValueError, RecursionError):  # a null byte, or thousands of parts
        return []


def _members(collector: Collector, root: str, workspace: dict[str, Any]) -> dict[str, str]:
    """Return the folders of a workspace's packages by canonical name, that of its root too."""
    found: dict[str, str] = {}
    for folder in (root, *_folders(collector, root, workspace)):
        name = collector.distribution_in(folder)
        if name is not None:
            found[canonicalize_name(name)] = folder or "."
    return found


def _span(collector: Collector, path: str, *sought: str, after: str = "") -> Span:
    """Return the span of a text in a file; in the project's own, if the file is outside."""
    inside = not path.startswith("../")
    text = collector.read(path if inside else PYPROJECT) or ""
    return span_of(
        path if inside else PYPROJECT, Lines(text), *(sought if inside else ()), after=after
    )


def _add_settings(collector: Collector, table: dict[str, Any], folder: str) -> None:
    """Add the indexes and options of a folder: those of `uv.toml`, which replace `[tool.uv]`.

    Source: docs.astral.sh/uv/concepts/configuration-files.
    """
    path = posixpath.join(folder, "uv.toml")
    settings = collector.table(path)
    if settings is None:
        settings, path = table, posixpath.join(folder, PYPROJECT)
    _add_indexes(collector, settings, path)
    _add_indexes(collector, as_table(settings.get("pip")), path)


def _add_indexes(collector: Collector, table: dict[str, Any], path: str) -> None:
    """Add the indexes, and the older options that mean the same."""
    indexes = [as_table(each) for each in as_list(table.get("index"))]
    extra = [{"url": url} for url in as_list(table.get("extra-index-url"))]
    if "index-url" in table:
        extra.append({"url": table["index-url"], "default": True})
    for index in (*indexes, *extra):
        url = str(index.get("url", ""))
        span = _span(collector, path, url)
        try:
            if "://" in url:
                source_of(url)
            elif not url:
                raise InvalidText("an index needs a `url`")
            if index.get("format", "simple") != "simple":
                raise InvalidText("flat indexes are not supported", "use `find-links`")
        except InvalidText as error:
            collector.report(
                collector.where(span, error),
                f"`{path}`: the index can't be used: {error}",
                rules.INVALID_CONFIGURATION,
                error.help or INDEX_HELP,
            )
            continue
        collector.indexes.append(
            PackageIndex(
                name=str(index.get("name", "")),
                url=url,
                span=span,
                explicit=index.get("explicit") is True,
                default=index.get("default") is True,
            )
        )
    folder = posixpath.dirname(path)
    for location in as_list(table.get("find-links")):
        is_url = "://" in str(location)
        collector.find_links.append(
            str(location) if is_url else posixpath.join(folder, str(location))
        )
    collector.no_index |= table.get("no-index") is True
    for key in _OPTIONS & table.keys():
        if isinstance(table[key], str):
            collector.options[key] = table[key]
    collector.insecure_hosts += map(str, as_list(table.get("allow-insecure-host")))


def _add_limits(collector: Collector, table: dict[str, Any], path: str) -> None:
    """Add `constraint-dependencies` and `override-dependencies`."""
    for key in ("constraint-dependencies", "override-dependencies"):
        for entry in map(str, as_list(table.get(key))):
            span = _span(collector, path, entry, after=key)
            try:
                parsed = collector.parse(entry, posixpath.dirname(path))
            except InvalidText as error:
                collector.refuse(entry, span, error, asks_for_package=False)
                continue
            if key == "constraint-dependencies":
                collector.limit(parsed, span)
            elif parsed.source is None:
                collector.overrides.append(parsed.requirement)
