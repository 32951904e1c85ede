"""Find the requirements of a source tree that have a source of their own, which its wheel does not say.

A wheel names only distributions, or paths of the machine on which it was built.  If the index had a
distribution of the same name, it would take the place of the one that the tree means.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import structs
from packaging.requirements import InvalidRequirement
from packaging.utils import canonicalize_name

from flashc_core.documents import UnreadableDocument, parse_toml
from flashc_core.files import real_path
from flashc_core.packaging_texts import parse_requirement
from flashc_ir.requirements import GitSource, PathSource

_PYPROJECT = "pyproject.toml"


class OwnSource(msgspec.Struct, frozen=True, kw_only=True):
    """A requirement of a tree with a source of its own.

    `described` is the source as the tree names it.  `path` is that of a folder or file, relative to
    the folder of the package; "" for another kind of source.  `text` is what a requirement has to
    say after `@`; "" if that is not known.  It counts if the `extra` is asked for or empty, and if
    all `markers` hold.
    """

    name: str
    described: str
    path: str = ""
    text: str = ""
    extra: str = ""
    markers: tuple[str, ...] = ()


def own_sources(folder: Path, root: Path) -> list[OwnSource]:
    """Return the requirements with a source of their own of the package in a folder.

    `root` is the folder of the whole tree, in which a workspace may be.
    """
    document = _document(folder)
    tool = _table(document, "tool")
    sources: dict[str, Any] = {}
    for name, value in _table(tool, "uv", "sources").items():
        sources[canonicalize_name(name)] = value
    above = root if (root / _PYPROJECT).is_file() else folder
    inherited = _table(_document(above), "tool", "uv")
    if above != folder and "workspace" in inherited:
        for name, value in _table(inherited, "sources").items():
            sources.setdefault(canonicalize_name(name), value)
    found: list[OwnSource] = []
    for name, extra, marker in _required(_table(document, "project")):
        for table in _tables(sources.get(name)):
            if "group" not in table:
                own = _of_uv(name, table, folder, above)
                markers = tuple(filter(None, (marker, str(table.get("marker", "")))))
                asked = extra or canonicalize_name(str(table.get("extra", "")))
                found.append(structs.replace(own, extra=asked, markers=markers))
    for name, value in _table(tool, "poetry", "dependencies").items():
        for table in _tables(value):
            poetry = _of_poetry(canonicalize_name(name), table)
            if poetry is not None and table.get("optional") is not True:
                marker = str(table.get("markers", ""))
                found.append(structs.replace(poetry, markers=(marker,) if marker else ()))
    return list(dict.fromkeys(found))


def advice(own: OwnSource, source: GitSource | PathSource) -> str:
    """Return what to write so that a requirement of a tree keeps its source.

    `source` is that of the tree.
    """
    text = own.text
    if own.path and isinstance(source, GitSource):
        inside = posixpath.normpath(posixpath.join(source.subdirectory, own.path))
        if not inside.startswith(("..", "/")):
            text = str(GitSource(source.url, source.revision, "" if inside == "." else inside))
    elif own.path and isinstance(source, PathSource):
        text = str(PathSource(posixpath.normpath(posixpath.join(source.path, own.path))))
    if text:
        return f"also require `{own.name} @ {text}`"
    return f"also require `{own.name}`, with its source"


def direct_requirement(line: str, folder: Path) -> tuple[str, OwnSource] | None:
    """Return a line of METADATA without a path or a git repository, and the source that it names.

    The result is None for all other lines.  The path is relative to `folder`, the built tree.
    """
    key, _, text = line.partition(":")
    if key.strip().lower() != "requires-dist":
        return None
    try:
        requirement = parse_requirement(text.strip())
    except InvalidRequirement:
        return None
    url, requirement.url = requirement.url or "", None
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = real_path(Path(unquote(parts.path))).as_posix()
        relative = posixpath.relpath(path, real_path(folder).as_posix())
        own = OwnSource(name="", described=relative, path=relative)
    elif parts.scheme.startswith("git+"):
        own = OwnSource(name="", described=url.removeprefix("git+"), text=url)
    else:
        return None
    markers = (str(requirement.marker),) if requirement.marker is not None else ()
    name = canonicalize_name(requirement.name)
    return f"Requires-Dist: {requirement}", structs.replace(own, name=name, markers=markers)


def _document(folder: Path) -> dict[str, Any]:
    """Return the content of the `pyproject.toml` in a folder; an empty one if it can't be read."""
    try:
        return parse_toml((folder / _PYPROJECT).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, UnreadableDocument):
        return {}


def _table(document: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return the table at a path of keys; an empty one if there is none."""
    for key in keys:
        value = document.get(key)
        document = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    return document


def _tables(value: object) -> Iterator[dict[str, Any]]:
    """Yield the tables of a source, which may be one or several."""
    for each in cast("list[object]", value) if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            yield cast("dict[str, Any]", each)


def _required(project: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (name, extra, marker) for what a package requires."""
    extras = _table(project, "optional-dependencies")
    for extra, value in {"": project.get("dependencies"), **extras}.items():
        for entry in cast("list[object]", value) if isinstance(value, list) else []:
            try:
                requirement = parse_requirement(str(entry))
            except InvalidRequirement:  # the build reports it
                continue
            if requirement.url is None:
                marker = str(requirement.marker or "")
                yield canonicalize_name(requirement.name), canonicalize_name(extra), marker


def _of_uv(name: str, table: dict[str, Any], folder: Path, above: Path) -> OwnSource:
    """Return the source that a table of `[tool.uv.sources]` means."""
    match table:
        case {"workspace": True}:
            path = _member(name, folder, above)
            return OwnSource(name=name, described="the workspace", path=path)
        case {"path": str(path)}:
            return OwnSource(name=name, described=path, path=path)
        case {"git": str(url)}:
            return OwnSource(name=name, described=url, text=_git(url, table))
        case {"url": str(url)}:
            return OwnSource(name=name, described=url, text=url)
        case {"index": str(index)}:
            return OwnSource(name=name, described=f"the index `{index}`")
        case _:
            return OwnSource(name=name, described="a source of its own")


def _of_poetry(name: str, table: dict[str, Any]) -> OwnSource | None:
    """Return the source that an entry of Poetry's dependencies means; None if it has none."""
    match table:
        case {"path": str(path)} | {"file": str(path)}:
            return OwnSource(name=name, described=path, path=path)
        case {"source": str(index)}:
            return OwnSource(name=name, described=f"the source `{index}`")
        case _:
            return None  # URLs and git repositories are in the METADATA of the wheel


def _git(url: str, table: dict[str, Any]) -> str:
    """Return the text of a git repository in `[tool.uv.sources]`."""
    revision = next((str(table[key]) for key in ("rev", "tag", "branch") if key in table), "")
    return str(GitSource(url, revision, str(table.get("subdirectory", ""))))


def _member(name: str, folder: Path, above: Path) -> str:
    """Return the path of a member of a workspace, relative to a folder; "" if it is not found."""
    workspace = _table(_document(above), "tool", "uv", "workspace")
    members = workspace.get("members")
    for pattern in cast("list[object]", members) if isinstance(members, list) else []:
        for path in sorted(glob(str(pattern), root_dir=above)):
            project = _table(_document(above / path), "project")
            if canonicalize_name(str(project.get("name", ""))) == name:
                return posixpath.relpath((above / path).as_posix(), folder.as_posix())
    return ""
