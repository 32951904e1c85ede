"""Read `pylock.toml`, the lock file of PEP 751."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import structs
from packaging.utils import canonicalize_name

from flashc_core import rules
from flashc_core.source import Lines, Span, WholeFile
from flashc_ir.platform.images import supported_pythons
from flashc_ir.platform.markers import worker_environment
from flashc_ir.requirements import GitSource, IndexSource, PackageIndex, Source

from .collector import Collector, span_of
from .invalid_text import InvalidText
from .locations import source_of
from .texts import Parsed, with_marker

if TYPE_CHECKING:  # importing it takes long
    from packaging.pylock import Package, Pylock

PYLOCK = "pylock.toml"
_CHOICE = re.compile(
    r"""(?P<quote>["'])(?P<name>[^"']*)(?P=quote)\s+(?P<no>not\s+)?in\s+"""
    r"(?P<kind>extras|dependency_groups)"
)
_ALWAYS, _NEVER = 'python_version >= "3"', 'python_version < "3"'


def read_pylock(collector: Collector) -> None:
    """Add the packages of `pylock.toml`, with their hashes and sources.

    They limit the versions if other files list requirements; otherwise they are the requirements.
    Source of the form: packaging.python.org/en/latest/specifications/pylock-toml.
    """
    if PYLOCK not in collector.project.by_path:
        return
    document = collector.table(PYLOCK)
    if document is None:
        return
    from packaging.pylock import Pylock, PylockValidationError

    try:
        lock = Pylock.from_dict(document)
    except (PylockValidationError, ValueError, TypeError) as error:
        _report(collector, f"it is no lock of PEP 751: {error}", "write it again, with its tool")
        return
    if not _is_for_workers(lock):
        help = "make it for Linux on x86_64, as with `uv pip compile --python-platform linux`"
        _report(collector, "it is for other systems than workers", help)
        return
    lines = Lines(collector.read(PYLOCK) or "")
    only_limits = _only_limits(collector)
    names = _indexes(collector, lock)
    groups = {*collector.groups, *(lock.default_groups or ())}
    for package in lock.packages:
        span = span_of(PYLOCK, lines, f'name = "{package.name}"')
        try:
            parsed = _parsed(package, names, collector.extras, groups)
        except InvalidText as error:
            collector.refuse(package.name, span, error, asks_for_package=not only_limits)
            continue
        hashes = _hashes(package)
        if not only_limits:
            collector.add(parsed, span, hashes=hashes)
        elif not _pin(collector, parsed):
            collector.limit(parsed, span, hashes=hashes)


def _report(collector: Collector, problem: str, help: str) -> None:
    """Report that the file can't be used."""
    message = f"`{PYLOCK}` can't be used: {problem}"
    collector.report(WholeFile(PYLOCK), message, rules.INVALID_CONFIGURATION, help)
    collector.is_complete &= _only_limits(collector)


def _only_limits(collector: Collector) -> bool:
    """Return whether other files list the requirements, so that the lock only limits their versions."""
    return any(not each.constraint for each in collector.found)


def _is_for_workers(lock: Pylock) -> bool:
    """Return whether one of the environments of a lock may be that of workers."""
    environments = [worker_environment(python) for python in supported_pythons()]
    return not lock.environments or any(
        marker.evaluate({**each}) for marker in lock.environments for each in environments
    )


def _indexes(collector: Collector, lock: Pylock) -> Mapping[str, str]:
    """Return the names of indexes by their URLs, and add these indexes.

    The index of most packages is left to the user's configuration, which may name a mirror: the
    hashes say which files are meant.
    """
    counted = Counter(package.index for package in lock.packages if package.index)
    names: dict[str, str] = {}
    for number, (url, _) in enumerate(counted.most_common()[1:], start=1):
        try:
            source_of(url)
        except InvalidText as error:
            collector.report(WholeFile(PYLOCK), f"`{PYLOCK}`: an index can't be used: {error}")
            continue
        names[url] = f"{PYLOCK}-{number}"
        where = Span(PYLOCK, 1, 1, 1, 1)
        collector.indexes.append(PackageIndex(name=names[url], url=url, span=where, explicit=True))
    return names


def _parsed(
    package: Package, names: Mapping[str, str], extras: set[str], groups: set[str]
) -> Parsed:
    """Return the requirement that a package of the lock means.

    Raises:
        InvalidText: flashc can't honour it.
    """
    source = _source(package, names)
    is_pinned = package.version is not None and (source is None or isinstance(source, IndexSource))
    text = f"{package.name}=={package.version}" if is_pinned else package.name
    if package.version is None and source is None:
        raise InvalidText("it has no version", "write the lock again, with versions")
    if package.marker is not None:
        text = with_marker(text, _chosen(str(package.marker), extras, groups))
    return Parsed(name=package.name, requirement=text, source=source)


def _chosen(marker: str, extras: set[str], groups: set[str]) -> str:
    """Return a marker in which the chosen extras and groups of the lock are decided."""

    def decided(match: re.Match[str]) -> str:
        chosen = extras if match["kind"] == "extras" else groups
        is_in = canonicalize_name(match["name"]) in set(map(canonicalize_name, chosen))
        return _ALWAYS if is_in is (match["no"] is None) else _NEVER

    return _CHOICE.sub(decided, marker)


def _source(package: Package, names: Mapping[str, str]) -> Source | None:
    """Return where a package comes from; None for the default index.

    Raises:
        InvalidText: flashc can't get a distribution from there.
    """
    if package.vcs is not None:
        if package.vcs.type != "git":
            raise InvalidText("only git repositories are supported", "make a wheel of it")
        source = source_of(f"git+{package.vcs.url or package.vcs.path}")
        assert isinstance(source, GitSource)
        folder = package.vcs.subdirectory or ""
        return GitSource(source.url, package.vcs.commit_id, folder)
    if package.directory is not None:
        folder = package.directory.subdirectory or ""
        return source_of(posixpath.join(package.directory.path, folder))
    if package.archive is not None:
        if package.archive.subdirectory:
            raise InvalidText("a folder in an archive is not supported", "make a wheel of it")
        return source_of(package.archive.url or package.archive.path or "")
    name = names.get(package.index or "")
    return None if name is None else IndexSource(name)


def _hashes(package: Package) -> set[str]:
    """Return the hashes of a package's files."""
    files = [*(package.wheels or ()), package.sdist, package.archive]
    known = (each.hashes.get("sha256") for each in files if each is not None)
    return {f"sha256:{each}" for each in known if each}


def _pin(collector: Collector, parsed: Parsed) -> bool:
    """Return whether another file says where a package comes from; its commit is that of the lock."""
    is_known = False
    for number, found in enumerate(collector.found):
        if found.name == parsed.name and found.source is not None and parsed.source is not None:
            is_known = True
            ours, theirs = found.source, parsed.source
            if isinstance(ours, GitSource) and isinstance(theirs, GitSource):
                pinned = structs.replace(ours, revision=theirs.revision)
                collector.found[number] = structs.replace(found, source=pinned)
    return is_known
