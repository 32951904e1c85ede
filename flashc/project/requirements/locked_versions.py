"""Read the versions that `uv.lock` has chosen, so that flashc's lock agrees with it."""

from __future__ import annotations

import posixpath
from typing import Any
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from flashc_core.source import Lines, Span

from .collector import Collector, as_list, as_table, span_of
from .texts import InvalidText, Parsed, with_marker
from .uv_tables import UvTables

UV_LOCK = "uv.lock"


def read_locked_versions(collector: Collector, uv: UvTables) -> None:
    """Add a constraint for each package of `uv.lock` that comes from an index.

    The commits of packages from git repositories are added to `uv`.  The lock is in the folder of
    the workspace.  Source of the form: docs.astral.sh/uv/concepts/projects/layout.
    """
    path = posixpath.join(uv.root, UV_LOCK)
    document = collector.table(path)
    if document is None:
        return
    inside = not path.startswith("../")
    lines = Lines(collector.read(path) or "")
    packages = [as_table(each) for each in as_list(document.get("package"))]
    for package in packages:
        name = canonicalize_name(str(package.get("name", "")))
        source = as_table(package.get("source"))
        if "git" in source:
            commit = urlsplit(str(source["git"])).fragment
            if commit:
                uv.commits[name] = commit
        if "registry" not in source or "version" not in package:
            continue
        named = f'name = "{package["name"]}"'
        span = span_of(path, lines, named) if inside else Span("pyproject.toml", 1, 1, 1, 1)
        _limit(collector, name, package, span)


def _limit(collector: Collector, name: str, package: dict[str, Any], span: Span) -> None:
    """Add the constraint of one package; one that has several versions has markers."""
    requirement = f"{name}=={package['version']}"
    markers = [str(marker) for marker in as_list(package.get("resolution-markers"))]
    try:
        if markers:
            both = " or ".join(f"({marker})" for marker in markers)
            requirement = with_marker(requirement, both)
    except InvalidText:
        return
    collector.limit(Parsed(name, requirement), span, hashes=_hashes(package))


def _hashes(package: dict[str, Any]) -> set[str]:
    """Return the hashes of a package's files."""
    files = [as_table(package.get("sdist"))]
    files += [as_table(wheel) for wheel in as_list(package.get("wheels"))]
    return {str(file["hash"]) for file in files if "hash" in file}
