"""Check that a lock contains only what the app asks for: a person may have changed `flash.lock`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.files import LOCK_FILE
from flashc_core.graphs import reachable
from flashc_core.source import WholeFile
from flashc_ir.requirements import Dependency, GitSource, PathSource, Source, UrlSource

from .installed import InstalledDistribution
from .lock import Lock, Locked
from .requirements import ResolutionRequest
from .tools import DependencyError

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def check_entries(lock: Lock, request: ResolutionRequest, sink: Sink) -> None:
    """Check that each entry has the source and, if the app asks for it, a version that the app allows.

    Raises:
        DependencyError: an entry has another one; the finding is already reported.
    """
    for entry in lock.entries:
        asked = [r.dependency for r in request.requirements if r.dependency.name == entry.name]
        is_overridden = entry.name in request.overridden
        problem = _source_problem(entry, asked)
        if problem is None and not is_overridden:
            problem = _version_problem(entry, asked)
        if problem is not None:
            _report(f"`{LOCK_FILE}` contains `{entry.name}` {problem}", sink)
            raise DependencyError


def check_all_asked_for(
    lock: Lock,
    request: ResolutionRequest,
    distributions: Iterable[InstalledDistribution],
    sink: Sink,
) -> None:
    """Report the packages of a lock that neither the app nor, directly or not, a package of it requires.

    The metadata of the packages decides, not the comments in the lock.
    """
    requires = {
        each.name: tuple(
            canonicalize_name(match[1]) for match in map(_NAME.match, each.requires) if match
        )
        for each in distributions
    }
    direct = {each.dependency.name for each in request.requirements}
    needed = set(reachable(direct, lambda name: requires.get(name, ())))
    for entry in lock.entries:
        if entry.name not in needed:
            _report(f"`{LOCK_FILE}` contains `{entry.name}`, which nothing requires", sink)


def _source_problem(entry: Locked, asked: list[Dependency]) -> str | None:
    """Return which source of an entry the app does not name; None if the app names it."""
    source = entry.source
    if source is None or any(_is_same(source, each.source) for each in asked):
        return None
    return f"from `{source}`, which the app does not name"


def _is_same(locked: UrlSource | PathSource | GitSource, asked: Source | None) -> bool:
    """Return whether a locked source is one that a requirement names; a lock names the commit."""
    if isinstance(locked, GitSource) and isinstance(asked, GitSource):
        return (locked.url, locked.subdirectory) == (asked.url, asked.subdirectory)
    return locked == asked


def _version_problem(entry: Locked, asked: list[Dependency]) -> str | None:
    """Return which version of an entry the app does not allow; None if it allows the version."""
    if entry.source is not None or not asked:
        return None
    for each in asked:
        allowed = Requirement(each.requirement).specifier
        if allowed.contains(entry.version, prereleases=True):
            return None
    return f"{entry.version}, which the app does not allow"


def _report(message: str, sink: Sink) -> None:
    """Report an entry of the lock."""
    sink.report(
        rules.UNEXPECTED_PACKAGE,
        WholeFile(LOCK_FILE),
        message,
        help=("find out who changed the lock, and write it again: `flashc lock --upgrade`",),
    )
