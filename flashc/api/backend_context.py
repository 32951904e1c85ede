"""Convert the options of an opened project into `Context`, the input of the backends."""

from __future__ import annotations

from collections.abc import Mapping

from flashc.incremental.fingerprint import compiler_identity
from flashc.project.workspace import Workspace
from flashc_backends.base import (
    ArtifactOptions,
    Context,
    DependencyOptions,
    Progress,
    ProjectAccess,
    Services,
    Silent,
)
from flashc_core.diagnostics import Sink


def backend_context(
    workspace: Workspace,
    sink: Sink,
    environment: Mapping[str, str],
    progress: Progress | None = None,
) -> Context:
    """Return what the backends get of an opened project: its folder, its options, and where to report.

    `progress` gets reports of long work; if it is None, no progress is shown.
    """
    options = workspace.options
    return Context(
        project=ProjectAccess(root=workspace.root, environment=environment),
        services=Services(
            sink=sink,
            compiler=compiler_identity(),
            cache=workspace.cache,
            progress=progress or Silent(),
        ),
        dependency_options=DependencyOptions(
            exclude=options.exclude,
            no_deps=options.no_deps,
            no_install=options.no_install,
            resolver=options.locker,
            locked=options.locked,
            allow_build=options.allow_build,
        ),
        artifact_options=ArtifactOptions(
            budget=options.size_budget, per_endpoint=options.per_endpoint
        ),
    )
