"""Collect everything that goes into an artifact: generated files and installed packages."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from flashc_backends.base import WORKER_REQUIREMENTS_PATH, Context, Draft
from flashc_backends.dependencies.closure import check_closure
from flashc_backends.dependencies.installed import InstalledDistribution
from flashc_backends.dependencies.layers import Layer, executables_of
from flashc_backends.dependencies.lock import Lock
from flashc_backends.dependencies.lock_trust import check_all_asked_for
from flashc_backends.dependencies.requirements import collect_request
from flashc_backends.dependencies.resolution import layers_of, lock_of
from flashc_backends.dependencies.tools import DependencyError
from flashc_backends.dependencies.unnamed import with_names
from flashc_backends.files.handlers import handler_drafts
from flashc_backends.files.identity import identified, identity_of
from flashc_backends.files.project_files import ProjectDrafts, draft_project
from flashc_backends.files.runtime_files import may_call, runtime_drafts
from flashc_backends.files.stubs import stub_drafts
from flashc_backends.manifest.manifest import manifest_draft
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile
from flashc_ir.program import Program

from .collisions import check_paths, check_shadowing, check_worker_files


class Parts(Struct, frozen=True, kw_only=True):
    """What an artifact is made of: the generated files, the project's files, and the packages.

    Each installed distribution is one layer.  `drafts` are all files that are not in a layer;
    `manifest` is the draft of the manifest, which is also one of `drafts`.
    """

    project: ProjectDrafts
    manifest: Draft
    drafts: tuple[Draft, ...]
    lock: Lock
    layers: tuple[Layer, ...]

    @property
    def distributions(self) -> tuple[InstalledDistribution, ...]:
        """The installed distributions, by name."""
        return tuple(layer.contents for layer in self.layers)


def own_drafts(program: Program, project: ProjectDrafts) -> tuple[Draft, ...]:
    """Return all files of the artifact except the manifest, the lock and the distributions."""
    return (
        *project.drafts,
        *handler_drafts(program),
        *runtime_drafts(program),
        *(stub_drafts(program) if may_call(program) else ()),
    )


def _report_nothing_to_build(sink: Sink) -> None:
    """Report that flashc sees no endpoint, because it stopped the evaluation of a module (FC126)."""
    sink.report(
        rules.NO_ENDPOINTS,
        WholeFile("."),
        "there is nothing to build: flashc stopped evaluating a module before it saw an endpoint",
        help=("move what takes many steps into a function that runs on the worker",),
    )


def collect_parts(
    program: Program,
    context: Context,
    scratch: Path,
    *,
    forecast: bool,
    with_identity: bool = False,
) -> Parts | None:
    """Draft the files, lock and install the dependencies below `scratch`, and check for collisions.

    `forecast`: refuse dependencies that can't fit before they are downloaded.  `with_identity`: the
    files tell the identity of the build, so that any change of the app changes them.  The result is
    None if an error was reported.
    """
    sink, environment = context.services.sink, context.project.environment
    if not program.endpoints:
        _report_nothing_to_build(sink)
        return None
    project = draft_project(program, context.project.root, sink)
    if project is None:
        return None
    own = own_drafts(program, project)
    if sink.has_errors():
        return None
    try:
        program = with_names(program, context.dependencies)
        request = collect_request(program, context.dependencies)
        lock = lock_of(program, request, context.dependencies)
        layers = layers_of(lock, request, context.dependencies, scratch, forecast=forecast)
    except DependencyError:
        return None
    contents = [layer.contents for layer in layers]
    check_all_asked_for(lock, request, contents, sink)
    check_closure(program, request, lock, contents, environment, sink)
    check_shadowing(program, contents, sink)
    for layer in layers:
        check_worker_files(layer.drafts, sink, layer.contents)
    requirements = Draft(path=WORKER_REQUIREMENTS_PATH, content=lock.requirements.encode())
    check_paths(program, (*own, requirements), contents, sink)
    if sink.has_errors():
        return None
    identity = identity_of((*own, requirements), executables_of(layers)) if with_identity else None
    manifest = manifest_draft(program, project.fingerprint, environment, identity=identity)
    return Parts(
        project=project,
        manifest=manifest,
        drafts=(*(own if identity is None else identified(own, identity)), manifest, requirements),
        lock=lock,
        layers=tuple(layers),
    )
