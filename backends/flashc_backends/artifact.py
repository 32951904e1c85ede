"""A `Program` -> the complete artifact: its drafts, its dependencies, the archive."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flashc_ir import rules
from flashc_ir.program import Program
from flashc_ir.source import Span

from .archive import LIMIT, moment_of, write_archive
from .base import ARTIFACT_PATH, MANIFEST_PATH, REMEMBERED, Context, Draft, Target
from .collisions import check_generated_files, check_shadowing, check_worker_files
from .handlers import handler_drafts
from .layers import Contents, Layer, make_layers
from .lockers import LockFailed, locker
from .manifest import manifest_draft
from .project import project_drafts
from .requirements import Request, collect_request
from .shipped import may_call, runtime_drafts
from .store import digest
from .stubs import stub_drafts
from .write import CannotWrite, replacing, reporting, unpack, write_file

LOCK_PATH = "requirements.txt"
# What says where distributions come from.
_INDEX_VARIABLES = tuple(
    "UV_INDEX UV_DEFAULT_INDEX UV_INDEX_URL UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_CONFIG_FILE "
    "PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_CONFIG_FILE".split()
)


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build made; sizes in bytes, those of the parts before compression."""

    artifact: Path
    manifest: Path
    artifact_size: int
    project_size: int
    runtime_size: int
    distributions: tuple[Contents, ...]

    @property
    def dependencies_size(self) -> int:
        return sum(distribution.size for distribution in self.distributions)


def own_drafts(program: Program, context: Context) -> tuple[Draft, ...]:
    """Everything in the artifact but the manifest, the lock and the installed distributions."""
    return (
        *project_drafts(program, context.root),
        *handler_drafts(program),
        *runtime_drafts(program),
        *(stub_drafts(program) if may_call(program) else ()),
    )


def build(
    program: Program, context: Context, output: Path, keep: Path | None = None
) -> BuildResult | None:
    """Make the artifact `output`, and the manifest beside it.  None, after reports, where that fails.

    Nothing that was there before is touched until everything new is complete.  `keep` is a folder for
    the unpacked artifact.
    """
    sink = context.sink
    # What goes in, and does it collide with anything?
    manifest = manifest_draft(program, context)
    if manifest is None:
        return None
    drafts = (*own_drafts(program, context), manifest)
    check_generated_files(program, sink)
    check_worker_files(drafts, sink)
    request = collect_request(program, context.exclude, context.environ)
    if sink.has_errors():
        return None
    with tempfile.TemporaryDirectory(prefix="flashc-build-") as folder:
        # What do the dependencies come to?
        try:
            lock = lock_of(request, context)
            layers = layers_of(lock, request, context, Path(folder))
        except LockFailed:
            return None
        found = tuple(layer.contents for layer in layers)
        check_shadowing(program, found, sink)
        for layer in layers:
            check_worker_files(layer.drafts, sink)
        if sink.has_errors():
            return None
        # Write the archive beside its place, and put it there when it is whole.
        drafts = (*drafts, Draft(LOCK_PATH, lock.encode()))
        context.progress("packing the artifact")
        try:
            with reporting(output, sink), replacing(output) as temporary:
                pieces = [layer.piece for layer in layers]
                size = write_archive(temporary, drafts, pieces, moment_of(context.environ))
                if size > LIMIT:
                    report_too_large(size, found, context)
                    raise CannotWrite
            beside = output.parent / MANIFEST_PATH
            with reporting(beside, sink):
                write_file(beside, manifest.read())
            if keep is not None:
                with reporting(keep, sink):
                    unpack(output, keep)
        except CannotWrite:
            return None
    return BuildResult(
        output,
        beside,
        size,
        sum(file.size for file in program.files),
        sum(len(d.read()) for d in (*runtime_drafts(program), *handler_drafts(program))),
        found,
    )


def lock_of(request: Request, context: Context) -> str:
    """The lock: resolved, or remembered for a day.

    Raises:
        LockFailed: after reporting.
    """
    if context.no_deps or not request.lines:
        return ""
    key = digest(context.locker, repr(request), *_index(context.environ))
    kept = context.store.read("locks", key, oldest=REMEMBERED)
    if kept is not None:
        return kept.decode()
    context.progress(f"resolving {len(request.lines)} requirements")
    lock = locker(context.locker).lock(request, context.sink)
    context.store.write("locks", key, lock.encode())
    return lock


def _index(environ: Mapping[str, str]) -> list[str]:
    return [f"{name}={environ.get(name, '')}" for name in _INDEX_VARIABLES]


def layers_of(lock: str, request: Request, context: Context, workspace: Path) -> list[Layer]:
    """The lock's distributions.

    Raises:
        LockFailed: after reporting.
    """
    if not lock:
        return []
    context.progress("installing the dependencies")
    moment = moment_of(context.environ)
    version = request.python_version
    return make_layers(lock, version, moment, context.store, workspace, context.sink)


def report_too_large(size: int, found: tuple[Contents, ...], context: Context) -> None:
    largest = sorted(found, key=lambda d: d.size, reverse=True)[:5]
    context.sink.report(
        rules.ARTIFACT_TOO_LARGE,
        Span.whole(ARTIFACT_PATH),
        f"the artifact has {size / 1024**2:,.0f} MiB; the platform takes {LIMIT // 1024**2:,}",
        notes=tuple(
            f"{d.name} {d.version}: {d.size / 1024**2:,.0f} MiB installed" for d in largest
        ),
        help=("leave out what the image has with `--exclude`, or load data from a volume",),
    )


def _emit(program: Program, context: Context) -> tuple[Draft, ...]:
    with tempfile.TemporaryDirectory(prefix="flashc-emit-") as folder:
        result = build(program, context, Path(folder, ARTIFACT_PATH))
        if result is None:
            return ()
        return (
            Draft(ARTIFACT_PATH, result.artifact.read_bytes()),
            Draft(MANIFEST_PATH, result.manifest.read_bytes()),
        )


ARTIFACT = Target("artifact", "the complete archive, and the manifest beside it", _emit)
