"""Read the requirements of an app from all files of the project that may list them."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from flashc.project.project import Project
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import Span
from flashc_ir.requirements import (
    Dependency,
    IndexSource,
    Offer,
    PathSource,
    ResolverSettings,
)

from .collector import Collector
from .other_lists import read_other_lists
from .pip_files import read_pip_files


class Requirements(Struct, frozen=True, kw_only=True):
    """The requirements of the whole app, each with the span of the line that declares it.

    `own`: locations of requirements that name the project itself.  `offers`: requirements in extras,
    groups or files that the app does not select.  `refused` are the
    names of the packages that wrong requirements ask for; `is_complete` is False if one may ask for any
    package.  `inputs` are the files that were looked for, also if they do
    not exist.
    """

    found: tuple[Dependency, ...]
    offers: tuple[Offer, ...]
    own: tuple[Span, ...]
    resolver: ResolverSettings
    refused: tuple[str, ...]
    is_complete: bool
    inputs: tuple[str, ...]


def read_requirements(
    project: Project, sink: Sink, *, extras: Iterable[str] = (), groups: Iterable[str] = ()
) -> Requirements:
    """Return the requirements that the project's files declare.

    `extras` and `groups` are the selected extras and dependency groups of `pyproject.toml`.
    """
    collector = Collector(project=project, sink=sink, extras=set(extras), groups=set(groups))
    read_pip_files(collector)
    uv = None
    if "pyproject.toml" in project.by_path:
        # Imported here because these imports take longer than a whole cached check.
        from .locked_versions import read_locked_versions
        from .poetry import read_poetry
        from .pyproject import read_pyproject
        from .uv_tables import read_uv_tables

        uv = read_uv_tables(collector)
        read_locked_versions(collector, uv)
        read_pyproject(collector, uv)
        read_poetry(collector)
    if project.has_text("Pipfile"):
        from .pipfile import read_pipfile

        read_pipfile(collector)
    if "pylock.toml" in project.by_path:
        from .pylock import read_pylock

        read_pylock(collector)
    read_other_lists(collector)
    if any(isinstance(each.source, PathSource) for each in collector.found):
        from .folders import follow_folders
        from .uv_tables import UvTables

        follow_folders(collector, uv or UvTables())
    _check_indexes(collector)
    return Requirements(
        found=tuple(collector.found),
        offers=tuple(collector.offers),
        own=tuple(collector.own),
        resolver=ResolverSettings(
            indexes=tuple(collector.indexes),
            find_links=tuple(collector.find_links),
            no_index=collector.no_index,
            options=tuple(sorted(collector.options.items())),
            sources=() if uv is None else uv.settings(),
            insecure_hosts=tuple(collector.insecure_hosts),
            overrides=tuple(collector.overrides),
        ),
        refused=tuple(sorted(set(collector.refused))),
        is_complete=collector.is_complete,
        inputs=tuple(dict.fromkeys(collector.inputs)),
    )


def _check_indexes(collector: Collector) -> None:
    """Report requirements from an index that no file of the project defines."""
    known = {index.name for index in collector.indexes if index.name}
    for dependency in collector.found:
        source = dependency.source
        if isinstance(source, IndexSource) and source.name not in known:
            collector.report(
                dependency.span,
                f"`{dependency.name}` comes from the index `{source.name}`, which no file defines",
                rules.INVALID_CONFIGURATION,
                f'add `[[tool.uv.index]]` with `name = "{source.name}"` and its `url`',
            )
