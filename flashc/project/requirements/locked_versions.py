"""Read the versions that other tools have locked, so that flashc's lock agrees with theirs."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace
from packaging.utils import canonicalize_name

from flashc_core.source import Lines, Span

from .collector import Collector, as_list, as_table, span_of
from .invalid_text import InvalidText
from .locations import checked_hash
from .texts import with_marker
from .uv_tables import UvTables

UV_LOCK, POETRY_LOCK, PIPFILE_LOCK = "uv.lock", "poetry.lock", "Pipfile.lock"


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
            commit = str(source["git"]).partition("#")[2]
            if commit:
                uv.commits[name] = commit
        if "registry" not in source or "version" not in package:
            continue
        named = f'name = "{package.get("name", "")}"'
        span = span_of(path, lines, named) if inside else Span("pyproject.toml", 1, 1, 1, 1)
        markers = [str(marker) for marker in as_list(package.get("resolution-markers"))]
        text = f"{name}=={package['version']}"
        _limit(collector, text, span, hashes=_hashes(package), markers=markers)


def read_poetry_lock(collector: Collector) -> None:
    """Add a constraint for each package of `poetry.lock` that comes from an index.

    Packages in several versions have none.
    """
    document = collector.table(POETRY_LOCK) or {}
    packages = [as_table(each) for each in as_list(document.get("package"))]
    lines = Lines((collector.read(POETRY_LOCK) if packages else "") or "")
    names = Counter(canonicalize_name(str(package.get("name", ""))) for package in packages)
    for package in packages:
        name = canonicalize_name(str(package.get("name", "")))
        kind = as_table(package.get("source")).get("type", "legacy")
        if names[name] > 1 or kind != "legacy" or "version" not in package:
            continue
        span = span_of(POETRY_LOCK, lines, f'name = "{package.get("name", "")}"')
        files = [as_table(file) for file in as_list(package.get("files"))]
        hashes = {str(file["hash"]) for file in files if "hash" in file}
        _limit(collector, f"{name}=={package['version']}", span, hashes=hashes)


def read_pipfile_lock(collector: Collector) -> None:
    """Add a constraint for each package of `Pipfile.lock` that has a version."""
    document = collector.json(PIPFILE_LOCK)
    lines = Lines((collector.read(PIPFILE_LOCK) if document else "") or "")
    for name, package in as_table(as_table(document).get("default")).items():
        table = as_table(package)
        version = table.get("version")
        if isinstance(version, str) and version.startswith("=="):
            hashes = set(map(str, as_list(table.get("hashes"))))
            span = span_of(PIPFILE_LOCK, lines, f'"{name}"')
            _limit(collector, f"{canonicalize_name(name)}{version}", span, hashes=hashes)


def _limit(
    collector: Collector, text: str, span: Span, *, hashes: set[str], markers: Iterable[str] = ()
) -> None:
    """Add a version as a constraint; a package in several versions has markers.

    A lock that no tool would write so is reported.
    """
    both = " or ".join(f"({marker})" for marker in markers)
    try:
        parsed = collector.parse(text)
        if both:
            parsed = replace(parsed, requirement=with_marker(parsed.requirement, both))
        hashes = {checked_hash(each) for each in hashes}
    except InvalidText as error:
        help = "write the lock again, with the tool that it belongs to"
        collector.refuse(text, span, InvalidText(str(error), help), asks_for_package=False)
        return
    collector.limit(parsed, span, hashes=hashes)


def _hashes(package: dict[str, Any]) -> set[str]:
    """Return the hashes of a package's files."""
    files = [as_table(package.get("sdist"))]
    files += [as_table(wheel) for wheel in as_list(package.get("wheels"))]
    return {str(file["hash"]) for file in files if "hash" in file}
