"""Open a project folder: its files, options, environment variables and cache, as a `Workspace`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from flashc_core.cache import Store, open_store
from flashc_core.diagnostics import Diagnostic, Sink
from flashc_core.processes import Prefork

from .environment import BuildEnvironment, build_environment
from .options import Options, read_options
from .project import NOTHING_UNSAVED, Project
from .suppressions import Suppression, collect_suppressions


class Workspace(Struct, frozen=True, eq=False, kw_only=True):
    """An open project, with everything else that the result of its compilation depends on.

    `findings` are those about its files and its configuration.  `flags` are the options that it was
    opened with.  `prefork` is a helper process that parses modules; it changes the speed, not
    the result.
    """

    project: Project
    options: Options
    environment: BuildEnvironment
    cache: Store
    findings: tuple[Diagnostic, ...]
    suppressions: tuple[Suppression, ...]
    flags: Mapping[str, Any]
    prefork: Prefork | None = None

    @property
    def root(self) -> Path:
        """The absolute path of the project's folder."""
        return self.project.root

    def sink(self) -> Sink:
        """Return a new sink that contains the findings of this workspace.

        The sink puts diagnostics that a comment suppresses into its list `hidden`.
        """
        sink = Sink(lambda diagnostic: any(s.hides(diagnostic) for s in self.suppressions))
        for diagnostic in self.findings:
            sink.add(diagnostic)
        return sink

    def reopen(self, unsaved: Mapping[str, bytes] = NOTHING_UNSAVED) -> Workspace:
        """Return the project as it is now, opened with the same flags.

        `unsaved`: see `open_workspace`.  Files that have not changed are
        not parsed again.
        """
        return open_workspace(
            self.root,
            self.flags,
            cache=self.cache,
            unsaved=unsaved,
            previous=self,
            prefork=self.prefork,
        )

    def for_sdks(self, packages: frozenset[str]) -> Workspace:
        """Return the workspace for the SDKs with these top-level packages."""
        return replace(self, project=replace(self.project, sdk_packages=packages))


def open_workspace(
    folder: Path | str,
    flags: Mapping[str, Any] | None = None,
    *,
    cache: Store | None = None,
    unsaved: Mapping[str, bytes] = NOTHING_UNSAVED,
    previous: Workspace | None = None,
    prefork: Prefork | None = None,
) -> Workspace:
    """Open the project in `folder`.

    Args:
        folder: the project's folder.
        flags: options by name, such as `{"python_version": "3.12"}`, which override those of the
            project; flags that are None are ignored.  `Options` lists the names.
        cache: the cache for results; the user's cache by default.
        unsaved: contents of files with unsaved edits, by relative path; they are used instead of
            the files on disk.
        previous: an earlier state of the project; files that have not changed since are not parsed
            again.
        prefork: a process that has imported the modules for reading; see
            `flashc.incremental.reader_process`.

    Errors in the files or the configuration are in `findings`; they raise no exception.

    Raises:
        TypeError: `flags` has a name that is not an option.
        ValueError: the size budget in `flags` is not a size.
    """
    from .discover import discover  # the process that reads modules does not need it

    project = discover(
        Path(folder).resolve(), unsaved, None if previous is None else previous.project
    )
    return _opened(project, flags or {}, cache or open_store(), prefork)


def open_settings(folder: Path | str, flags: Mapping[str, Any] | None = None) -> Workspace:
    """Open only the options and the variables of the project in `folder`, and none of its files.

    This is enough to ask the platform about an app, in a folder of any size.
    """
    root = Path(folder).resolve()
    project = Project(root=root, files=(), modules={}, packages=frozenset(), exclusions=())
    return _opened(project, flags or {}, open_store(), None)


def _opened(
    project: Project, flags: Mapping[str, Any], cache: Store, prefork: Prefork | None
) -> Workspace:
    """Return the workspace of a project."""
    sink = Sink()
    options = read_options(project, flags, sink)
    environment = build_environment(project, options.env, sink)
    return Workspace(
        project=project,
        options=options,
        environment=environment,
        cache=cache,
        findings=(*project.findings, *sink),
        suppressions=tuple(collect_suppressions(project)),
        flags=flags,
        prefork=prefork,
    )
